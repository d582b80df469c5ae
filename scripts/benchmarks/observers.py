"""Who observes: how each is started, how it shows that it is attached, and what it says that it lost."""

import csv
import json
import re
import signal
import sys

from benchmarks.processes import Failure, Process

# Longer than any round: observers are ended by SIGINT.
LIMIT = "120s"


class Ehl:
    """A report in NDJSON."""

    def __init__(self, binary, report, *options, output=None):
        self.binary, self.report, self.options = binary, report, options
        self.output = ["--output", output, "--verbose"] if output else []
        self.name = f"ehl {report}"

    def command(self):
        return [self.binary, self.report, "--for", LIMIT, "--format", "ndjson", *self.options, *self.output]

    def is_attached(self, process):
        if self.output:
            return "attached" in process.stderr.read_text()
        with open(process.stdout, "rb") as rows:
            return record_type(rows.readline()) == "start"

    def account(self, process):
        rows, last = 0, b""
        with open(process.stdout, "rb") as lines:
            for last in lines:
                rows += record_type(last) == "row"
        if record_type(last) != "summary":
            raise Failure("ehl's output does not end with its summary")
        accounting = json.loads(last)["accounting"]
        if self.report == "capture" and rows != accounting["exchanges"]:
            raise Failure(f"ehl says {accounting['exchanges']} exchanges, and printed {rows} rows")
        return {"rows": accounting["exchanges"], "lost": accounting["lost"]}


class EhlEverywhere(Ehl):
    """The same on all interfaces."""

    def __init__(self, binary, report, *options):
        super().__init__(binary, report, *options)
        self.name = f"ehl {report}, all interfaces"


class EhlProbe:
    """A probe for so many seconds, as long as nobody ends it before."""

    def __init__(self, binary, probe, seconds, *options):
        self.binary, self.probe, self.seconds, self.options = binary, probe, seconds, options
        self.name = f"ehl {probe}"

    def command(self):
        return [self.binary, self.probe, "--for", f"{self.seconds}s", "--format", "ndjson", *self.options]

    def is_attached(self, process):
        with open(process.stdout, "rb") as rows:
            return record_type(rows.readline()) == "start"


def record_type(line):
    """The type of an NDJSON record, without parsing a few hundred thousand rows for it."""
    found = re.match(rb'\{"type": ?"(\w+)"', line)
    return found.group(1).decode() if found else None


class EhlTls:
    name = "ehl, ssl-uprobe"

    def __init__(self, binary, pid):
        self.binary, self.pid = binary, pid

    def command(self):
        probe = ["--probe", "ssl-uprobe", "--pid", str(self.pid)]
        return [self.binary, "capture", *probe, "--for", LIMIT, "--format", "csv"]

    def is_attached(self, process):
        # The heading is written once the probe is attached.
        return process.stdout.stat().st_size > 0

    def account(self, process):
        said = process.stderr.read_text()
        found = re.search(r"(\d+) rows from \d+ exchanges, (\d+) events, (\d+) lost", said)
        if not found:
            raise Failure(f"ehl did not say what it lost: {said}")
        with open(process.stdout, newline="") as lines:
            rows = sum(1 for _ in csv.reader(lines)) - 1
        said_rows, events, lost = map(int, found.groups())
        if rows != said_rows:
            raise Failure(f"ehl says {said_rows} rows, and printed {rows}")
        return {"rows": rows, "events": events, "lost": lost}


class Tcpdump:
    name = "tcpdump -s512 -w"

    def __init__(self, port, captures):
        self.port, self.captures = port, captures

    def command(self):
        # It would give up root before it opens the file.
        keep_root = ["-Z", "root"]
        file = str(self.captures / "tcpdump.pcap")
        return ["tcpdump", "-i", "lo", "-s512", *keep_root, "-w", file, f"port {self.port}"]

    def is_attached(self, process):
        return "listening on" in process.stderr.read_text()

    def account(self, process):
        dropped = re.search(r"(\d+) packets dropped by kernel", process.stderr.read_text())
        if not dropped:
            raise Failure("tcpdump did not say what it dropped")
        return {"lost": int(dropped.group(1))}


class Tshark:
    """The same elements of HTTP as fields."""

    name = "tshark -T fields"
    FIELDS = ("frame.time_epoch", "ip.src", "http.request.method", "http.request.uri", "http.host", "http.response.code", "http.time")

    def __init__(self, port):
        self.port = port

    def command(self):
        fields = [word for field in self.FIELDS for word in ("-e", field)]
        # It knows port 80 and some others as HTTP's.
        as_http = ["-d", f"tcp.port=={self.port},http"]
        return ["tshark", "-n", "-i", "lo", "-f", f"port {self.port}", *as_http, "-Y", "http", "-T", "fields", *fields]

    def is_attached(self, process):
        return "Capturing on" in process.stderr.read_text()

    def account(self, process):
        place = self.FIELDS.index("http.response.code")
        with open(process.stdout, errors="replace") as lines:
            rows = sum(line.split("\t")[place] != "" for line in lines if line.count("\t") >= place)
        dropped = re.search(r"(\d+) packets? dropped", process.stderr.read_text())
        return {"rows": rows, "lost": int(dropped.group(1)) if dropped else 0}


class Ngrep:
    """Messages as text. It does not say what it lost."""

    name = "ngrep"
    # It ends with the number of the signal.
    codes = (0, 2)

    def __init__(self, port):
        self.port = port

    def command(self):
        return ["ngrep", "-q", "-l", "-W", "byline", "-d", "lo", "^(GET|HTTP)", f"port {self.port}"]

    def is_attached(self, process):
        return "filter:" in process.stdout.read_text(errors="replace")

    def account(self, process):
        with open(process.stdout, errors="replace") as lines:
            return {"rows": sum(line.startswith("HTTP/1.1 ") for line in lines)}


class EhlFlows:
    """Totals of packets over a pair's interface."""

    def __init__(self, binary, interface, probe="tc-headers"):
        self.binary, self.interface, self.probe = binary, interface, probe
        self.name = f"ehl flows, {probe}"

    def command(self):
        probe = ["--probe", self.probe, "-i", self.interface]
        return [self.binary, "flows", *probe, "--for", LIMIT, "--format", "ndjson"]

    def is_attached(self, process):
        with open(process.stdout, "rb") as rows:
            return record_type(rows.readline()) == "start"

    def account(self, process):
        accounting = json.loads(process.stdout.read_text().splitlines()[-1])["accounting"]
        return {"packets": accounting["packets"]["seen"], "lost": accounting["lost"]}


class EhlRows:
    """A row of each packet, for nobody."""

    name = "ehl tc-headers"

    def __init__(self, binary, interface):
        self.binary, self.interface = binary, interface

    def command(self):
        command = [self.binary, "tc-headers", "-i", self.interface, "--for", LIMIT]
        return [*command, "--verbose", "--format", "csv", "-o", "/dev/null"]

    def is_attached(self, process):
        return "attached tc-headers" in process.stderr.read_text()

    def account(self, process):
        said = process.stderr.read_text()
        found = re.search(r"rows from (\d+) packets.*?(\d+) lost", said)
        if not found:
            raise Failure(f"ehl did not say what it lost: {said}")
        return {"packets": int(found.group(1)), "lost": int(found.group(2))}


class TcpdumpNull:
    """The headers of each packet, for nobody."""

    name = "tcpdump -s96 -w"

    def __init__(self, interface):
        self.interface = interface

    def command(self):
        return ["tcpdump", "-i", self.interface, "-s96", "-Z", "root", "-w", "/dev/null"]

    def is_attached(self, process):
        return "listening on" in process.stderr.read_text()

    def account(self, process):
        said = process.stderr.read_text()
        taken, lost = (re.search(rf"(\d+) packets {what}", said) for what in ("received by filter", "dropped by kernel"))
        if not taken or not lost:
            raise Failure("tcpdump did not say what it dropped")
        return {"packets": int(taken.group(1)), "lost": int(lost.group(1))}


class Bpftrace:
    """The least that it takes: one probe."""

    name = "bpftrace, one event"

    def __init__(self, seconds):
        self.seconds = seconds

    def command(self):
        # Fires many times a millisecond on any machine, so the first event is the moment of being attached.
        script = 'tracepoint:sched:sched_switch /!@said/ { @said = 1; printf("event\\n"); }'
        return ["bpftrace", "-B", "none", "-e", f"{script} interval:s:{self.seconds} {{ clear(@said); exit(); }}"]

    def is_attached(self, process):
        return "event" in process.stdout.read_text()


class BpftraceHttp:
    """The heads of cleartext HTTP, as one writes it by hand: by the system calls, as the data of packets is out of its reach."""

    name = "bpftrace, heads"
    # 0.17 aborts if a read ends, and its buffer is deleted, while it clears the map.
    codes = (0, -signal.SIGABRT)
    IS_HEAD = " || ".join(f'strncmp($head, "{start}", {len(start)}) == 0' for start in ("GET ", "POST ", "HTTP/1."))
    SCRIPT = """
        tracepoint:syscalls:sys_enter_read { @buffer[tid] = args->buf; }
        tracepoint:syscalls:sys_enter_recvfrom { @buffer[tid] = args->ubuf; }
        tracepoint:syscalls:sys_exit_read, tracepoint:syscalls:sys_exit_recvfrom /@buffer[tid]/ {
            if (args->ret > 0) {
                $head = str(@buffer[tid], 64);
                if (IS_HEAD) { printf("%d read %s\\n", tid, $head); }
            }
            delete(@buffer[tid]);
        }
        tracepoint:syscalls:sys_enter_write { $head = str(args->buf, 64); if (IS_HEAD) { printf("%d write %s\\n", tid, $head); } }
        tracepoint:syscalls:sys_enter_sendto { $head = str(args->buff, 64); if (IS_HEAD) { printf("%d write %s\\n", tid, $head); } }
        tracepoint:syscalls:sys_enter_writev {
            $head = str(((struct iovec *)args->vec)->iov_base, 64);
            if (IS_HEAD) { printf("%d write %s\\n", tid, $head); }
        }
    """

    def __init__(self, seconds):
        self.seconds = seconds

    def command(self):
        script = self.SCRIPT.replace("IS_HEAD", self.IS_HEAD)
        return ["bpftrace", "-e", f"{script} interval:s:{self.seconds} {{ clear(@buffer); exit(); }}"]

    def is_attached(self, process):
        return process.waits_for_events()


class BpftraceTls:
    """The headers within TLS, as one writes it by hand. It prints the first bytes of whatever is read and written."""

    name = "bpftrace, 64 bytes"
    SCRIPT = """
        uprobe:libssl:SSL_read /pid == PID/ { @buffer[tid] = arg1; }
        uretprobe:libssl:SSL_read /@buffer[tid]/ {
            if ((int32)retval > 0) { printf("%d read %s\\n", tid, str(@buffer[tid], 64)); }
            delete(@buffer[tid]);
        }
        uprobe:libssl:SSL_write /pid == PID/ { printf("%d write %s\\n", tid, str(arg1, 64)); }
    """

    def __init__(self, pid, seconds=None):
        self.pid, self.seconds = pid, seconds

    def command(self):
        end = f"interval:s:{self.seconds} {{ exit(); }}" if self.seconds else ""
        return ["bpftrace", "-e", self.SCRIPT.replace("PID", str(self.pid)) + end]

    def is_attached(self, process):
        return process.waits_for_events()

    def account(self, process):
        return {"lost": bpftrace_lost(process)}


class Sslsnoop:
    name = "sslsnoop.bt"

    def command(self):
        return ["sslsnoop.bt"]

    def is_attached(self, process):
        return process.waits_for_events()

    def account(self, process):
        return {"lost": bpftrace_lost(process)}


def bpftrace_lost(process):
    said = process.stdout.read_text(errors="replace") + process.stderr.read_text(errors="replace")
    return sum(int(lost) for lost in re.findall(r"Lost (\d+) events", said))


def attachable(peers, scratch):
    """Those of them that this kernel lets attach; says why for the others."""
    able = []
    for peer in peers:
        try:
            with Process(peer.command(), scratch) as process:
                process.wait_until(lambda: peer.is_attached(process), "attached")
                process.interrupt()
            able.append(peer)
        except (Failure, OSError) as failure:
            print(f"note: {peer.name} left out: {failure}", file=sys.stderr)
    return able
