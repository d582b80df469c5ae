"""Resident memory while nginx is under full load: is it flat?"""

import threading
import time

from benchmarks.observers import Ehl
from benchmarks.processes import Process, progress
from benchmarks.report import figure
from benchmarks.servers import Nginx

SECONDS = (1, 10, 60)
QUICK_SECONDS = (1, 3)


def memory(ehl, scratch, captures, options):
    figures = []
    seconds = QUICK_SECONDS if options.quick else SECONDS
    with Nginx(scratch) as nginx:
        subjects = [Ehl(ehl, report, "--port", str(nginx.port), output="/dev/null") for report in ("capture", "stats")]
        for subject in subjects:
            progress(f"memory: {subject.name}")
            figures += resident(subject, nginx, captures, seconds)
    return figures


def resident(subject, nginx, captures, seconds):
    figures = []
    with Process(subject.command(), captures) as process:
        process.wait_until(lambda: subject.is_attached(process), "attached")
        load = threading.Thread(target=nginx.load, args=(seconds[-1] + 1,))
        load.start()
        begun = time.monotonic()
        for second in seconds:
            time.sleep(max(0, begun + second - time.monotonic()))
            figures.append(figure("memory", subject.name, f"resident after {second} s, MiB", [process.resident_mib()]))
        load.join()
        figures.append(figure("memory", subject.name, "peak resident, MiB", [process.interrupt()["peak_mib"]]))
    return figures
