"""How long it takes until a probe is attached, and until it is gone."""

import time

from benchmarks.observers import Bpftrace, BpftraceHttp, BpftraceTls, EhlProbe, attachable
from benchmarks.processes import Process, progress
from benchmarks.report import figure
from benchmarks.servers import NginxTls

# How long each run is to last, by its own clock.
RUN_S = 1


def start(ehl, scratch, options):
    times = {}
    with NginxTls(scratch) as nginx:
        peers = attachable([Bpftrace(RUN_S), BpftraceHttp(RUN_S), BpftraceTls(nginx.worker, RUN_S)], scratch)
        subjects = [
            EhlProbe(ehl, "sock-http", RUN_S),
            EhlProbe(ehl, "ssl-uprobe", RUN_S, "--pid", str(nginx.master)),
            EhlProbe(ehl, "tc-headers", RUN_S, "-i", "lo"),
            EhlProbe(ehl, "xdp-headers", RUN_S, "-i", "lo", "--mode", "generic"),
            *peers,
        ]
        for number in range(options.rounds):
            progress(f"start: round {number + 1} of {options.rounds}")
            for subject in subjects:
                times.setdefault(subject.name, []).append(start_and_stop_ms(subject, scratch))
    figures = []
    for name, of_name in times.items():
        for what, values in zip(("exec to attached, ms", "deadline to exit, ms", "SIGINT to exit, ms"), zip(*of_name)):
            figures.append(figure("start", name, what, values))
    for ours, theirs in (("ehl sock-http", BpftraceHttp.name), ("ehl ssl-uprobe", BpftraceTls.name)):
        if theirs in times:
            ratios = [their[0] / our[0] for our, their in zip(times[ours], times[theirs])]
            figures.append(figure("start", ours, f"exec to attached, {theirs}'s times less", ratios))
    return figures


def start_and_stop_ms(subject, scratch):
    up_ms, by_deadline_ms = run_ms(subject, scratch, lambda process: RUN_S)
    _, by_signal_ms = run_ms(subject, scratch, interrupted)
    return up_ms, by_deadline_ms, by_signal_ms


def run_ms(subject, scratch, ask):
    """From exec to attached; and from when it is to end, which `ask` tells in seconds since then, until it has."""
    with Process(subject.command(), scratch) as process:
        process.wait_until(lambda: subject.is_attached(process), "attached", poll_s=0.0005)
        up_ms = process.age_ms()
        due_ms = up_ms + 1000 * ask(process)
        process.wait(20)
        return up_ms, process.age_ms() - due_ms


def interrupted(process):
    wait_s = 0.2
    time.sleep(wait_s)
    process.signal_end()
    return wait_s
