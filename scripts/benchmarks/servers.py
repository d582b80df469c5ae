"""What is observed: nginx under load."""

import pathlib
import re
import socket
import subprocess
import tempfile

from benchmarks.processes import Failure, Process

CONNECTIONS = 32
PAGE_BYTES = 612
STEADY_PER_S = 4000
STEADY_CONNECTIONS = 8


class Nginx:
    """nginx with one worker and one page, on a free port of loopback."""

    scheme = "http"
    listen_options = ""
    server_options = ""

    def __init__(self, scratch):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="nginx-", dir=scratch))
        self.port = free_port()
        (self.folder / "index.html").write_bytes(b"x" * PAGE_BYTES)
        (self.folder / "nginx.conf").write_text(
            f"""
            daemon off;
            user root;
            worker_processes 1;
            pid {self.folder}/nginx.pid;
            error_log {self.folder}/error.log;
            events {{ worker_connections 1024; }}
            http {{
                access_log off;
                keepalive_requests 1000000000;
                client_body_temp_path {self.folder}/body;
                proxy_temp_path {self.folder}/proxy;
                fastcgi_temp_path {self.folder}/fastcgi;
                uwsgi_temp_path {self.folder}/uwsgi;
                scgi_temp_path {self.folder}/scgi;
                server {{
                    listen 127.0.0.1:{self.port}{self.listen_options};
                    root {self.folder};
                    {self.server_options}
                }}
            }}
            """
        )

    def __enter__(self):
        self.process = Process(["nginx", "-e", "stderr", "-c", str(self.folder / "nginx.conf")], self.folder)
        try:
            self.process.wait_until(self.answers, "listening")
            self.master = self.process.child.pid
            # It listens before it has its worker.
            self.process.wait_until(self.workers, "working")
            (self.worker,) = self.workers()
        except BaseException:
            self.process.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # SIGTERM, so that the master ends its worker.
        self.process.child.terminate()
        try:
            self.process.child.wait(10)
        except subprocess.TimeoutExpired:
            self.process.__exit__()

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def workers(self):
        children = pathlib.Path(f"/proc/{self.master}/task/{self.master}/children").read_text()
        return [int(pid) for pid in children.split()]

    def load(self, seconds):
        """One run of wrk: what it counted, and the CPU time of the worker for it."""
        before_ns = self.worker_cpu_ns()
        counted = wrk(f"{self.scheme}://127.0.0.1:{self.port}/", seconds)
        return {**counted, "nginx_ns": (self.worker_cpu_ns() - before_ns) / counted["requests"]}

    def steady_load(self, seconds):
        """The same with so many requests a second as any observer here can follow."""
        before_ns = self.worker_cpu_ns()
        counted = h2load(f"{self.scheme}://127.0.0.1:{self.port}/", seconds)
        return {**counted, "nginx_ns": (self.worker_cpu_ns() - before_ns) / counted["requests"]}

    def worker_cpu_ns(self):
        return int(pathlib.Path(f"/proc/{self.worker}/schedstat").read_text().split()[0])


class NginxTls(Nginx):
    """The same with HTTPS, a certificate of its own, and nothing else set: protocols and ciphers are Debian's defaults."""

    scheme = "https"
    listen_options = " ssl"

    def __init__(self, scratch):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="tls-", dir=scratch))
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        files = ["-keyout", str(key), "-out", str(certificate)]
        make = ["openssl", "req", "-x509", *curve, *files, "-days", "2", "-subj", "/CN=localhost"]
        subprocess.run(make, check=True, capture_output=True)
        answer = 'location / { return 200 "hello\\n"; }'
        self.server_options = f"ssl_certificate {certificate}; ssl_certificate_key {key}; {answer}"
        super().__init__(scratch)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def h2load(url, seconds):
    """HTTP/1.1 at a fixed rate."""
    requests = STEADY_PER_S * seconds
    rate = ["--rps", str(STEADY_PER_S // STEADY_CONNECTIONS), "-c", str(STEADY_CONNECTIONS), "-n", str(requests)]
    printed = subprocess.run(["h2load", "--h1", *rate, url], capture_output=True, text=True, check=True).stdout
    if f"{requests} succeeded" not in printed:
        raise Failure(f"h2load did not run cleanly:\n{printed}")
    return {"requests": requests, "requests_per_s": STEADY_PER_S}


def wrk(url, seconds):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    requests = re.search(r"(\d+) requests in", printed)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", printed)
    if not requests or not rate or "Non-2xx" in printed or "Socket errors" in printed:
        raise Failure(f"wrk did not run cleanly:\n{printed}")
    return {"requests": int(requests.group(1)), "requests_per_s": float(rate.group(1))}
