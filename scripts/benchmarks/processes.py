"""Programs that are run, watched and ended."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time


class Failure(Exception):
    """Something that this script ran did not do its part."""


class Process:
    """A program in the background, with its output in files. It ends with the `with` block at the latest."""

    def __init__(self, command, folder, codes=(0,)):
        """`codes` are the exit statuses that it may end with."""
        self.codes = codes
        self.name = pathlib.Path(command[0]).name
        self.stdout = folder / f"{self.name}.out"
        self.stderr = folder / f"{self.name}.err"
        self.begun = time.monotonic()
        self.interrupted = None
        with open(self.stdout, "wb") as stdout, open(self.stderr, "wb") as stderr:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def age_ms(self):
        return 1000 * (time.monotonic() - self.begun)

    def wait_until(self, condition, what, poll_s=0.01):
        while not condition():
            if self.child.poll() is not None:
                raise Failure(f"{self.name} ended before it was {what}: {self.last_words()}")
            if self.age_ms() > 20_000:
                raise Failure(f"{self.name} was not {what} within 20 s: {self.last_words()}")
            time.sleep(poll_s)

    def interrupt(self):
        """Ends it by SIGINT; gives its CPU seconds and the peak of its resident memory."""
        self.signal_end()
        return self.wait(20)

    def signal_end(self):
        # Not by Popen.send_signal: that looks first whether the child is over, and takes what `wait` is to get.
        os.kill(self.child.pid, signal.SIGINT)
        self.interrupted = time.monotonic()

    def interrupt_again_if_missed(self):
        """bpftrace 0.17 may miss a SIGINT that comes while it works: it is still polling a second later, and is told again."""
        if self.interrupted and time.monotonic() > self.interrupted + 1 and self.waits_for_events():
            self.signal_end()

    def wait(self, limit_s):
        """Waits for its end; gives its CPU seconds and the peak of its resident memory.

        The peak is VmHWM, read until the end: rusage would count this interpreter's pages before the exec."""
        deadline = time.monotonic() + limit_s
        peak_kib = 0
        while True:
            peak_kib = max(peak_kib, self.resident_peak_kib())
            pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if pid:
                break
            self.interrupt_again_if_missed()
            if time.monotonic() > deadline:
                raise Failure(f"{self.name} did not end within {limit_s} s")
            time.sleep(0.001)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        if self.child.returncode not in self.codes:
            raise Failure(f"{self.name} ended with {self.child.returncode}: {self.last_words()}")
        return {"cpu_s": usage.ru_utime + usage.ru_stime, "peak_mib": peak_kib / 1024}

    def resident_peak_kib(self):
        try:
            status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        except OSError:
            return 0
        peak = re.search(r"VmHWM:\s*(\d+) kB", status)
        return int(peak.group(1)) if peak else 0

    def last_words(self):
        return self.stderr.read_text(errors="replace").strip()[-400:] or "it said nothing"

    def waits_for_events(self):
        """bpftrace polls its buffers once everything is attached. Its output would tell later, as it is not flushed."""
        try:
            return "epoll" in pathlib.Path(f"/proc/{self.child.pid}/wchan").read_text()
        except OSError:
            return False

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s*(\d+) kB", status).group(1)) / 1024


def cpu_seconds(command):
    """CPU time rather than the clock's: others on the machine take turns with it, and nothing here waits for anything."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise Failure(f"{command[0]} ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def progress(text):
    print(text, file=sys.stderr)
