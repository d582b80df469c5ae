"""How long it takes until a probe is attached, and until it is gone."""

import time

from benchmarks.observers import Bpftrace, BpftraceHttp, BpftraceTls, EhlProbe, attachable
from benchmarks.processes import Process, progress
from benchmarks.report import figure
from benchmarks.servers import NginxTls

# How long each run is to last, by its own clock.
RUN_S = 1
# What the one before leaves to the kernel is done by then.
SETTLED_S = 0.3


def start(ehl, scratch, options):
    up, down = {}, {}
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
            for what, ask in (("deadline to exit, ms", lambda process: RUN_S), ("SIGINT to exit, ms", interrupted)):
                for subject in subjects:
                    time.sleep(SETTLED_S)
                    up_ms, down_ms = run_ms(subject, scratch, ask)
                    up.setdefault(subject.name, []).append(up_ms)
                    down.setdefault(subject.name, {}).setdefault(what, []).append(down_ms)
    figures = []
    for name, up_ms in up.items():
        figures.append(figure("start", name, "exec to attached, ms", up_ms))
        figures += [figure("start", name, what, values) for what, values in down[name].items()]
    for ours, theirs in (("ehl sock-http", BpftraceHttp.name), ("ehl ssl-uprobe", BpftraceTls.name)):
        if theirs in up:
            ratios = [their / our for our, their in zip(up[ours], up[theirs])]
            figures.append(figure("start", ours, f"exec to attached, {theirs}'s times less", ratios))
    return figures


def run_ms(subject, scratch, ask):
    """From exec to attached; and from when it is to end, which `ask` tells in seconds since then, until it has."""
    with Process(subject.command(), scratch, getattr(subject, "codes", (0,))) as process:
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
