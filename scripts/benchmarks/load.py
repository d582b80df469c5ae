"""nginx under load, observed in turn: what the observers take from it, what they cost themselves, and what they miss."""

import dataclasses
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


def interleaved(mark, load, subjects, captures, options):
    """Runs `load` for some seconds under each subject in each round; the subject None is nothing."""
    runs = []
    load(1)
    for number in range(options.rounds):
        # Whoever comes first in a round differs, so that drift of the machine favours nobody.
        for place in range(len(subjects)):
            subject = subjects[(place + number) % len(subjects)]
            name = subject.name if subject else "nothing"
            progress(f"{mark}: round {number + 1} of {options.rounds}: {name}")
            if subject is None:
                runs.append(Run(number, name, **load(options.seconds)))
            else:
                runs.append(observed(subject, number, load, captures, options.seconds))
    return runs


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
    names = dict.fromkeys(run.subject for run in runs if run.subject != "nothing")
    ordered = sorted(names, key=lambda name: not name.startswith("ehl"))
    return [(name, [run for run in runs if run.subject == name]) for name in ordered]


def kept_figures(mark, runs):
    """Of a load as fast as it goes: the share of requests that is left."""
    nothing = {run.round: run.requests_per_s for run in runs if run.subject == "nothing"}
    figures = [figure(mark, "nothing", "requests per second", nothing.values())]
    for name, of_name in by_subject(runs):
        kept = [100 * run.requests_per_s / nothing[run.round] for run in of_name]
        figures.append(figure(mark, name, "requests kept, %", kept))
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
