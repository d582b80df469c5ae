"""Two ends of a wire, and iperf3 between them."""

import json
import os
import pathlib
import subprocess
import tempfile
import time

from benchmarks.processes import Process


class Pair:
    """Two ends of a wire in namespaces of their own, and iperf3 between them. Observers look at the near end, which receives."""

    near = "near"
    address = "10.0.0.1"

    def __init__(self, scratch):
        self.scratch = scratch
        self.names = [f"ehl-bench-{end}-{os.getpid()}" for end in ("near", "far")]

    def __enter__(self):
        try:
            for name in self.names:
                self.ip("netns", "add", name)
            near, far = self.names
            self.ip("-n", near, "link", "add", self.near, "type", "veth", "peer", "name", "far", "netns", far)
            for name, interface, address in ((near, self.near, self.address), (far, "far", "10.0.0.2")):
                self.ip("-n", name, "address", "add", f"{address}/24", "dev", interface)
                self.ip("-n", name, "link", "set", interface, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True)

    def inside(self, end, command):
        return ["ip", "netns", "exec", self.names[end], *command]

    def observed(self, subject, kind, seconds):
        if subject is None:
            return self.load(kind, seconds)
        with Process(self.inside(0, subject.command()), self.scratch) as process:
            process.wait_until(lambda: subject.is_attached(process), "attached")
            load = self.load(kind, seconds)
            time.sleep(0.3)
            cost = process.interrupt()
            return {**load, **cost, **subject.account(process)}

    def load(self, kind, seconds):
        """What arrived: of TCP as fast as it gets through, in Gbit/s; of datagrams of 64 bytes, in thousands a second."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="iperf3-", dir=self.scratch))
        datagrams = ["-u", "-b", "0", "-l", "64"] if kind == "udp" else []
        with Process(self.inside(0, ["iperf3", "-s", "-1"]), folder) as server:
            server.wait_until(self.listens, "listening")
            client = ["iperf3", "-c", self.address, "-t", str(seconds), "-J", *datagrams]
            said = subprocess.run(self.inside(1, client), capture_output=True, text=True, check=True).stdout
            server.wait(20)
        end = json.loads(said)["end"]
        if kind == "udp":
            arrived = end["sum"]["packets"] - end["sum"]["lost_packets"]
            return {"rate": arrived / end["sum"]["seconds"] / 1000}
        return {"rate": end["sum_received"]["bits_per_second"] / 1e9}

    def listens(self):
        listening = subprocess.run(self.inside(0, ["ss", "-Hltn", "sport = :5201"]), capture_output=True, text=True, check=True)
        return listening.stdout != ""
