"""What was measured, as figures, a table and JSON."""

import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def figure(mark, subject, name, values):
    values = [round(value, 3) for value in values]
    return {
        "mark": mark,
        "subject": subject,
        "figure": name,
        "median": statistics.median(values),
        "low": min(values),
        "high": max(values),
        "values": values,
    }


def describe(ehl):
    def first_match(path, pattern):
        found = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
        return found.group(1).strip() if found else "unknown"

    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tool": output_of([ehl, "--version"]),
        "commit": output_of(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
        "kernel": platform.release(),
        "distribution": first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)'),
        "machine": platform.machine(),
        "processor": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$"),
        "processors": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
    }


def output_of(command):
    """The first line that a command prints; None where it cannot run."""
    try:
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return printed.strip().splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def print_report(report):
    print(f"{report['tool']} ({report['commit']}), {report['date']}, {report['rounds']} rounds")
    print(f"{report['processor']}, {report['processors']} processors, load {report['load_before']} before")
    print(f"Linux {report['kernel']}, {report['distribution']}")
    print()
    heading = ("mark", "subject", "figure", "median", "low", "high")
    lines = [[shown(row[column]) for column in heading] for row in report["figures"]]
    widths = [max(map(len, column)) for column in zip(heading, *lines)]
    for line in [heading, *lines]:
        left = [cell.ljust(width) for cell, width in zip(line[:3], widths)]
        right = [cell.rjust(width) for cell, width in zip(line[3:], widths[3:])]
        print("  ".join(left + right).rstrip())


def shown(value):
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.2f}"
