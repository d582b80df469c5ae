"""What ehl does with the traffic, without the kernel: by the clock, and in instructions, which do not depend on the machine's mood."""

import json
import pathlib
import re
import subprocess
import tempfile

from benchmarks.building import bench, has_cargo
from benchmarks.processes import Failure, progress
from benchmarks.replay import Capture
from benchmarks.report import figure

# What the stages of cli/benches/core take; the others take exchanges.
UNITS = {"decode": "packets", "head": "heads", "hpack": "header blocks", "redact": "values", "render": "rows"}
QUICK = ("--sample-size", "10", "--warm-up-time", "0.1", "--measurement-time", "0.2")
REPORTS = ("capture", "stats", "top-headers", "latency")
# Two sizes: the difference is what exchanges take, without what a start does.
MEGABYTES = (3, 10)


def core(ehl, options):
    return by_the_clock(options) + memory_of_rows(options) + instructions(ehl, REPORTS[:2] if options.quick else REPORTS)


def by_the_clock(options):
    """cli/benches/core, with Criterion's samples as it saves them."""
    if not has_cargo("stages by the clock"):
        return []
    progress("core: building, and measuring stages by the clock")
    with tempfile.TemporaryDirectory(prefix="ehl-bench-") as saved:
        bench("core", "--noplot", *(QUICK if options.quick else ()), options=options, CRITERION_HOME=saved)
        # In the order in which they ran.
        found = sorted(pathlib.Path(saved).glob("*/*/new/sample.json"), key=lambda path: path.stat().st_mtime_ns)
        if not found:
            raise Failure("Criterion saved no samples")
        return [stage(path.parent) for path in found]


def stage(saved):
    about, sample = (json.loads((saved / name).read_text()) for name in ("benchmark.json", "sample.json"))
    elements = about["throughput"]["Elements"]
    rates = [elements * count * 1e9 / ns for count, ns in zip(sample["iters"], sample["times"])]
    unit = UNITS.get(about["group_id"], "exchanges")
    return figure("core", f"{about['group_id']}: {about['function_id']}", f"{unit} per second", rates)


def memory_of_rows(options):
    """cli/benches/rows.rs: what rows take that are kept to be sorted."""
    if not has_cargo("memory of rows"):
        return []
    said = json.loads(bench("rows", options=options, is_optimised=False))
    return [figure("core", "rows kept to be sorted", "bytes per row", [said["bytes_per_row"]])]


def instructions(ehl, reports):
    """By callgrind, of the binary that users have."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="ehl-bench-") as folder:
        captures = [Capture(pathlib.Path(folder), megabytes) for megabytes in MEGABYTES]
        for report in reports:
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
