"""Capture files, read from the file cache."""

import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from benchmarks.processes import Failure, Process, cpu_seconds, progress
from benchmarks.report import ROOT, figure

MEGABYTES = (10, 100, 1000)
QUICK_MEGABYTES = (5, 10)
TSHARK_MEGABYTES_MAX = 100


def replay(ehl, options):
    sizes = QUICK_MEGABYTES if options.quick else MEGABYTES
    with tempfile.TemporaryDirectory(prefix="ehl-bench-") as folder:
        figures = []
        for megabytes in sizes:
            if not has_room(folder, megabytes):
                print(f"note: {megabytes} MB left out: no room for such a file on disk and in memory", file=sys.stderr)
                continue
            progress(f"replay: {megabytes} MB: making the file")
            capture = Capture(pathlib.Path(folder), megabytes)
            subjects = [EhlReplay(ehl), TcpdumpReplay()]
            if megabytes <= TSHARK_MEGABYTES_MAX:
                subjects.append(TsharkReplay())
            figures += replay_figures(capture, *replay_rounds(capture, subjects, options.rounds))
            capture.path.unlink()
        return figures


def has_room(folder, megabytes):
    """On disk, and in memory for the file cache: what is measured is the reader, not the disk."""
    available = re.search(r"MemAvailable:\s*(\d+) kB", pathlib.Path("/proc/meminfo").read_text())
    needed = megabytes * 1_000_000 + (256 << 20)
    return min(shutil.disk_usage(folder).free, int(available.group(1)) * 1024) > needed


def replay_rounds(capture, subjects, rounds):
    """The CPU seconds of each subject in each round, and the peaks of ehl's resident memory."""
    peaks = [subjects[0].check(capture) for _ in range(2)]
    cpu_s = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        progress(f"replay: {capture.megabytes} MB: round {number + 1} of {rounds}")
        for place in range(len(subjects)):
            subject = subjects[(place + number) % len(subjects)]
            cpu_s[subject.name].append(cpu_seconds(subject.command(capture)))
    return cpu_s, peaks


def replay_figures(capture, cpu_s, peaks):
    size = f"{capture.megabytes} MB"
    ours = cpu_s[EhlReplay.name]
    figures = []
    for name, seconds in cpu_s.items():
        subject = f"{name}, {size}"
        figures.append(figure("replay", subject, "packets per CPU second", [capture.packets / one for one in seconds]))
        if name == EhlReplay.name:
            exchanges = [capture.exchanges / one for one in seconds]
            figures.append(figure("replay", subject, "exchanges per CPU second", exchanges))
            figures.append(figure("replay", subject, "peak resident, MiB", peaks))
        else:
            ratios = [theirs / our for theirs, our in zip(seconds, ours)]
            figures.append(figure("replay", subject, "times ehl's CPU time", ratios))
    return figures


class Capture:
    """A capture file, and what is known to be in it."""

    def __init__(self, folder, megabytes):
        self.path = folder / f"{megabytes}.pcap"
        self.megabytes = megabytes
        made = [ROOT / "scripts" / "make-capture", "--megabytes", str(megabytes), self.path]
        counts = json.loads(subprocess.run(made, check=True, stdout=subprocess.PIPE).stdout)
        self.packets, self.exchanges = counts["packets"], counts["exchanges"]


class EhlReplay:
    name = "ehl capture"

    def __init__(self, binary):
        self.binary = binary

    def command(self, capture):
        return [self.binary, "capture", "--read", str(capture.path), "--format", "csv"]

    def check(self, capture):
        """That each exchange makes its row; a wrong result is no benchmark. Gives the peak of resident memory in MiB."""
        with Process(self.command(capture), capture.path.parent) as process:
            peak_mib = process.wait(120)["peak_mib"]
        with open(process.stdout, "rb") as lines:
            rows = csv.DictReader(line.decode() for line in lines)
            whole = sum(row["status"] != "" and row["flags"] == "" for row in rows)
        process.stdout.unlink()
        if whole != capture.exchanges:
            raise Failure(f"ehl gave {whole} whole rows of {capture.exchanges} exchanges")
        return peak_mib


class TcpdumpReplay:
    name = "tcpdump -nr"

    def command(self, capture):
        return ["tcpdump", "-nr", str(capture.path)]


class TsharkReplay:
    name = "tshark -T fields"
    FIELDS = (
        "frame.time_epoch",
        "ip.src",
        "tcp.srcport",
        "ip.dst",
        "tcp.dstport",
        "http.request.method",
        "http.host",
        "http.request.uri",
        "http.response.code",
        "http.time",
        "http.content_type",
        "http.user_agent",
    )

    def command(self, capture):
        fields = [word for field in self.FIELDS for word in ("-e", field)]
        return ["tshark", "-n", "-r", str(capture.path), "-Y", "http", "-T", "fields", *fields]
