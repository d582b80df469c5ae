"""What ehl does with the traffic, without the kernel: by the clock, and in instructions, which do not depend on the machine's mood."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from benchmarks.processes import Failure, progress
from benchmarks.replay import Capture
from benchmarks.report import ROOT, figure

REPORTS = ("capture", "stats", "top-headers", "latency")
# Two sizes: the difference is what exchanges take, without what a start does.
MEGABYTES = (1, 3)


def core(ehl, options):
    return by_the_clock(options) + instructions(ehl)


def by_the_clock(options):
    """cli/benches/core.rs."""
    if not shutil.which("cargo"):
        print("note: exchanges per second left out: no cargo to build what measures them", file=sys.stderr)
        return []
    progress("core: exchanges per second")
    command = ["cargo", "bench", "--quiet", "--locked", "--package", "ehl", "--bench", "core"]
    rounds = 1 if options.quick else 3
    runs = [subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout for _ in range(rounds)]
    found = [dict(re.findall(r"(\w+)\s+(\d+) exchanges/s", run)) for run in runs]
    return [figure("core", name, "exchanges per second", [int(one[name]) for one in found]) for name in found[0]]


def instructions(ehl):
    """By callgrind, of the binary that users have."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="ehl-bench-") as folder:
        captures = [Capture(pathlib.Path(folder), megabytes) for megabytes in MEGABYTES]
        for report in REPORTS:
            progress(f"core: instructions of ehl {report}")
            small, large = (executed([ehl, report, "--read", str(capture.path), "--format", "csv"]) for capture in captures)
            each = (large - small) / (captures[1].exchanges - captures[0].exchanges)
            figures.append(figure("core", f"ehl {report}", "instructions per exchange", [each]))
    return figures


def executed(command):
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    said = subprocess.run([*valgrind, *command], capture_output=True, text=True, check=True).stderr
    found = re.search(r"Collected : (\d+)", said)
    if not found:
        raise Failure(f"valgrind did not say what {command[1]} executed: {said[-400:]}")
    return int(found.group(1))
