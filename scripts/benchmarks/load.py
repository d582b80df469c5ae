"""nginx under load, observed in turn: what the observers take from it, what they cost themselves, and what they miss."""

import dataclasses
import statistics
import time

from benchmarks.processes import Process, progress
from benchmarks.report import figure
from benchmarks.servers import CONNECTIONS


@dataclasses.dataclass
class Run:
    """One load under one observer. What an observer does not tell is None."""

    round: int
    subject: str
    requests: int
    requests_per_s: float
    nginx_ns: float
    """CPU time of nginx's worker per request."""
    cpu_s: float = None
    peak_mib: float = None
    lost: int = None
    events: int = None
    rows: int = None
    beside: tuple = ()
    """The same load with nothing attached, right before and right after."""

    def kept(self):
        """Which share of the requests is left."""
        return self.requests_per_s / statistics.mean(run["requests_per_s"] for run in self.beside)

    def added_ns(self):
        """What nginx's worker pays for it per request."""
        return self.nginx_ns - statistics.mean(run["nginx_ns"] for run in self.beside)


def interleaved(mark, load, subjects, captures, options):
    """Runs `load` for some seconds under each subject in each round."""
    load(1)
    return list(turns(mark, load, subjects, captures, options.rounds, options.seconds))


def interleaved_with_nothing(mark, load, subjects, captures, options):
    """Runs `load` for a second under each subject in each of twice the rounds, and with nothing between any two. What a machine with
    neighbours can do changes within a round: only what stands next to each other is compared, and many short runs differ in the median by
    less than a few long ones."""
    load(1)
    before = load(1)
    nothing, runs = [before], []
    for run in turns(mark, load, subjects, captures, 2 * options.rounds, 1):
        after = load(1)
        runs.append(dataclasses.replace(run, beside=(before, after)))
        nothing.append(after)
        before = after
    return nothing, runs


def turns(mark, load, subjects, captures, rounds, seconds):
    for number in range(rounds):
        # Whoever comes first in a round differs, so that drift of the machine favours nobody.
        for place in range(len(subjects)):
            subject = subjects[(place + number) % len(subjects)]
            progress(f"{mark}: round {number + 1} of {rounds}: {subject.name}")
            yield observed(subject, number, load, captures, seconds)


def observed(subject, number, load, captures, seconds):
    with Process(subject.command(), captures, getattr(subject, "codes", (0,))) as process:
        process.wait_until(lambda: subject.is_attached(process), "attached")
        loaded = load(seconds)
        # What is still in its buffers has its chance: ehl drains every 10 ms.
        time.sleep(0.3)
        cost = process.interrupt()
        run = Run(number, subject.name, **loaded, **cost, **subject.account(process))
    for file in captures.iterdir():
        file.unlink()
    return run


def by_subject(runs):
    """Observers and their runs, ehl first."""
    names = dict.fromkeys(run.subject for run in runs)
    ordered = sorted(names, key=lambda name: not name.startswith("ehl"))
    return [(name, [run for run in runs if run.subject == name]) for name in ordered]


def kept_figures(mark, nothing, runs):
    """Of a load as fast as it goes: the share of requests that is left."""
    figures = [figure(mark, "nothing", "requests per second", [run["requests_per_s"] for run in nothing])]
    for name, of_name in by_subject(runs):
        figures.append(figure(mark, name, "requests kept, %", [100 * run.kept() for run in of_name]))
        figures += cost_figures(mark, name, of_name)
    return figures


def cost_figures(mark, name, runs):
    figures = [figure(mark, name, "CPU per 100,000 requests, s", [100_000 * run.cpu_s / run.requests for run in runs])]
    if all(run.lost is not None for run in runs):
        figures.append(figure(mark, name, "lost", [run.lost for run in runs]))
    if all(run.events for run in runs):
        figures.append(figure(mark, name, "lost, % of events", [100 * run.lost / run.events for run in runs]))
    if all(run.rows is not None for run in runs):
        # Who makes the load does not count what is in flight when its time is over: up to its connections, each way.
        missed = [run.requests - run.rows for run in runs]
        figures.append(figure(mark, name, f"exchanges missed (±{2 * CONNECTIONS} is none)", missed))
    return figures
