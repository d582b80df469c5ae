"""An HTTP/1.1 server over TLS: `tls_server.py KIND FOLDER`, on port 8080 of 127.0.0.1, until stdin ends.

KIND is how it is built:

    threads       http.server, a thread for each connection
    asyncio       asyncio.start_server, whose TLS works on memory
    nonblocking   one thread, sockets with small buffers, one buffer for all reads, calls repeated until they succeed

FOLDER has `certificate.pem` and `key.pem`. Each request is a line of JSON in FOLDER/log before it is answered. What is
answered follows from the path, see `body_of`.
"""

import asyncio
import json
import os
import re
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tls_bodies import marked

ADDRESS = ("127.0.0.1", 8080)


class Log:
    """One line per request, written by whichever thread answers it."""

    def __init__(self, folder):
        self.file = open(os.path.join(folder, "log"), "w", encoding="utf-8")
        self.lock = threading.Lock()

    def line(self, client, method, path, host):
        entry = {"pid": os.getpid(), "client": client[0], "client_port": client[1]}
        entry |= {"method": method, "path": path, "status": status_of(path), "host": host}
        with self.lock:
            print(json.dumps(entry), file=self.file, flush=True)


def status_of(path):
    """`/sNNN/...` is answered with NNN."""
    return int(path[2:5])


def body_of(method, path):
    """`/sNNN/FORM/LEN/...`: a body of so many bytes, with marks in it if it is to be `marked`; else a short text."""
    if method == "HEAD" or status_of(path) in (204, 304):
        return b""
    if found := re.match(r"/s\d+/(len|chunked|marked)/(\d+)", path):
        length = int(found[2])
        return marked(length, "response") if found[1] == "marked" else b"b" * length
    return f"answer to {path}\n".encode()


def head_of(method, path, body, is_last):
    head = f"HTTP/1.1 {status_of(path)} Answer\r\nContent-Type: text/plain\r\n"
    # Else the client may ask once more before it notices.
    head += "Connection: close\r\n" if is_last else ""
    if "/chunked/" in path:
        head += "Transfer-Encoding: chunked\r\n"
    elif method != "HEAD" and status_of(path) not in (204, 304):
        head += f"Content-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n"


def pieces_of(path, body):
    """The body as it is written: whole, or in chunks."""
    if "/chunked/" not in path:
        return [body] if body else []
    parts = [body[at : at + 5000] for at in range(0, len(body), 5000)]
    return [b"%x\r\n%s\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]


def held_until(path, folder):
    """Answers to `/sNNN/held/...` stop half way, until there is FOLDER/release."""
    while "/held/" in path and not os.path.exists(os.path.join(folder, "release")):
        yield


def context_of(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem"))
    return context


def serve_threads(folder, log):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            log.line(self.client_address, self.command, self.path, self.headers["Host"])
            body = body_of(self.command, self.path)
            self.wfile.write(head_of(self.command, self.path, body, self.headers["Connection"] == "close"))
            if "/held/" in self.path:
                half, body = body[: len(body) // 2], body[len(body) // 2 :]
                self.wfile.write(half)
                for _ in held_until(self.path, folder):
                    time.sleep(0.01)
            for piece in pieces_of(self.path, body):
                self.wfile.write(piece)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 200

        def handle_error(self, *_):
            """A client that goes away is none."""

    server = Server(ADDRESS, Handler)
    # The handshake is for the thread of the connection.
    server.socket = context_of(folder).wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


def serve_asyncio(folder, log):
    async def answer(reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, headers = parse(head)
                await reader.readexactly(int(headers.get("content-length", 0)))
                log.line(writer.get_extra_info("peername"), method, path, headers.get("host"))
                body = body_of(method, path)
                is_last = headers.get("connection") == "close"
                writer.write(head_of(method, path, body, is_last))
                if "/held/" in path:
                    half, body = body[: len(body) // 2], body[len(body) // 2 :]
                    writer.write(half)
                    await writer.drain()
                    for _ in held_until(path, folder):
                        await asyncio.sleep(0.01)
                for piece in pieces_of(path, body):
                    writer.write(piece)
                await writer.drain()
                if is_last:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        writer.close()

    async def serve():
        server = await asyncio.start_server(answer, *ADDRESS, ssl=context_of(folder), backlog=200)
        await server.serve_forever()

    asyncio.run(serve())


def serve_nonblocking(folder, log):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Inherited by what is accepted: a large answer does not fit.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    listener.bind(ADDRESS)
    listener.listen()
    context = context_of(folder)
    while True:
        accepted, client = listener.accept()
        connection = context.wrap_socket(accepted, server_side=True)
        connection.setblocking(False)
        try:
            answer_nonblocking(connection, client, log)
        except (ConnectionError, ssl.SSLError):
            pass
        connection.close()


def answer_nonblocking(connection, client, log):
    # What was read before stays in it: a read that fails must not be taken for one.
    buffer = bytearray(1 << 14)
    while length := repeated(lambda: connection.recv_into(buffer)):
        method, path, headers = parse(buffer[:length].decode())
        log.line(client, method, path, headers.get("host"))
        body = body_of(method, path)
        is_last = headers.get("connection") == "close"
        whole = head_of(method, path, body, is_last) + b"".join(pieces_of(path, body))
        assert repeated(lambda: connection.send(whole)) == len(whole)
        if is_last:
            return


def repeated(call):
    while True:
        try:
            return call()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            time.sleep(0.001)


def parse(head):
    line, *rest = head.split("\r\n")
    headers = dict(header.split(": ", 1) for header in rest if header)
    return *line.split(" ")[:2], {name.lower(): value for name, value in headers.items()}


def main():
    kind, folder = sys.argv[1:]
    serve = {"threads": serve_threads, "asyncio": serve_asyncio, "nonblocking": serve_nonblocking}[kind]
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    serve(folder, Log(folder))


main()
