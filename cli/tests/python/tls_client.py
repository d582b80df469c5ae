"""An HTTP client over TLS: `tls_client.py KIND HOST FOLDER`, speaks to port 8080 of HOST until stdin ends.

KIND is whose TLS it uses:

    http.client   the system's libssl, by Python's ssl
    requests      the same, by urllib3
    asyncio       the same, on memory
    pycurl        the libssl in a wheel
    pyopenssl     OpenSSL inside a module of a wheel

FOLDER has `authority.pem`. A line of JSON on stdin is a list of connections to make at the same time, each a list of
requests to make one after the other:

    [[{"method": "GET", "path": "/s200/a", "body": 0, "last": false}, ...], ...]

A connection that has an index in the list is kept for the next line, until a request in it is the `last`. The line of
JSON on stdout is what came of each: its status, and the client's own address and port if known.
"""

import asyncio
import http.client
import importlib
import json
import os
import socket
import ssl
import sys
from concurrent import futures

from tls_bodies import marked

PORT = 8080


class Trust:
    """The authority that signed the server's certificate."""

    def __init__(self, folder):
        self.file = os.path.join(folder, "authority.pem")

    def context(self):
        return ssl.create_default_context(cafile=self.file)


def body_of(request):
    return marked(request["body"], "request") or None


class HttpClient:
    def __init__(self, host, trust):
        self.connection = http.client.HTTPSConnection(host, PORT, context=trust.context())

    def ask(self, request):
        headers = {"Connection": "close"} if request["last"] else {}
        self.connection.request(request["method"], request["path"], body_of(request), headers)
        address = self.address()
        response = self.connection.getresponse()
        response.read()
        return response.status, address

    def address(self):
        return self.connection.sock.getsockname()

    def close(self):
        self.connection.close()


class Requests:
    def __init__(self, host, trust):
        self.base = f"https://{host}:{PORT}"
        self.session = sys.modules["requests"].Session()
        self.session.trust_env = False
        self.session.verify = trust.file

    def ask(self, request):
        headers = {"Connection": "close"} if request["last"] else {}
        url = self.base + request["path"]
        response = self.session.request(request["method"], url, data=body_of(request), headers=headers, allow_redirects=False)
        return response.status_code, None

    def close(self):
        self.session.close()


class PyCurl:
    def __init__(self, host, trust):
        self.constants = pycurl = sys.modules["pycurl"]
        self.base = f"https://{host}:{PORT}"
        self.curl = pycurl.Curl()
        self.trust = trust

    def ask(self, request):
        curl, constants = self.curl, self.constants
        curl.reset()
        curl.setopt(constants.NOPROXY, "*")
        curl.setopt(constants.CAINFO, self.trust.file)
        curl.setopt(constants.HTTP_VERSION, constants.CURL_HTTP_VERSION_1_1)
        curl.setopt(constants.URL, self.base + request["path"])
        curl.setopt(constants.CUSTOMREQUEST, request["method"])
        curl.setopt(constants.WRITEFUNCTION, lambda _: None)
        curl.setopt(constants.NOBODY, request["method"] == "HEAD")
        if body := body_of(request):
            curl.setopt(constants.POSTFIELDS, body)
        if request["last"]:
            curl.setopt(constants.HTTPHEADER, ["Connection: close"])
        curl.perform()
        address = curl.getinfo(constants.LOCAL_IP), curl.getinfo(constants.LOCAL_PORT)
        return curl.getinfo(constants.RESPONSE_CODE), address

    def close(self):
        self.curl.close()


class PyOpenSsl(HttpClient):
    """http.client over a socket that is not the standard library's."""

    def __init__(self, host, trust):
        SSL, WrappedSocket = sys.modules["OpenSSL.SSL"], sys.modules["urllib3.contrib.pyopenssl"].WrappedSocket
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.load_verify_locations(trust.file)
        context.set_verify(SSL.VERIFY_PEER)
        self.socket = socket.create_connection((host, PORT))
        tls = SSL.Connection(context, self.socket)
        tls.set_tlsext_host_name(b"localhost")
        tls.set_connect_state()
        tls.do_handshake()
        self.connection = http.client.HTTPConnection(f"{host}:{PORT}")
        self.connection.sock = WrappedSocket(tls, self.socket)

    def address(self):
        return self.socket.getsockname()


class Asyncio:
    def __init__(self, host, trust):
        self.loop = asyncio.new_event_loop()
        opened = asyncio.open_connection(host, PORT, ssl=trust.context())
        self.reader, self.writer = self.loop.run_until_complete(opened)
        self.host = host

    def ask(self, request):
        return self.loop.run_until_complete(self.exchange(request))

    async def exchange(self, request):
        body = body_of(request) or b""
        head = f"{request['method']} {request['path']} HTTP/1.1\r\nHost: {self.host}:{PORT}\r\n"
        head += f"Content-Length: {len(body)}\r\n" if body else ""
        head += "Connection: close\r\n" if request["last"] else ""
        self.writer.write(head.encode() + b"\r\n" + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        status = int(head.split(" ")[1])
        if "transfer-encoding: chunked" in head:
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                await self.reader.readexactly(size + 2)
            await self.reader.readexactly(2)
        elif "content-length: " in head and request["method"] != "HEAD":
            await self.reader.readexactly(int(head.split("content-length: ")[1].split("\r")[0]))
        elif request["last"]:
            await self.reader.read()
        return status, self.writer.get_extra_info("sockname")

    def close(self):
        self.writer.close()
        self.loop.run_until_complete(asyncio.sleep(0.01))
        self.loop.close()


KINDS = {"http.client": HttpClient, "requests": Requests, "asyncio": Asyncio, "pycurl": PyCurl, "pyopenssl": PyOpenSsl}


# What each uses, besides the standard library.
MODULES = {"requests": ["requests"], "pycurl": ["pycurl"], "pyopenssl": ["OpenSSL.SSL", "urllib3.contrib.pyopenssl"]}


class Connections:
    """Those that are kept, by their index in the list."""

    def __init__(self, kind, host, folder):
        for module in MODULES.get(kind, []):
            importlib.import_module(module)
        self.open = lambda: KINDS[kind](host, Trust(folder))
        self.kept = {}
        self.threads = futures.ThreadPoolExecutor(max_workers=128)

    def make(self, lists):
        answers = self.threads.map(self.ask_all, range(len(lists)), lists)
        return [answer for several in answers for answer in several]

    def ask_all(self, index, requests):
        return [self.ask(index, request) for request in requests]

    def ask(self, index, request):
        if index not in self.kept:
            self.kept[index] = self.open()
        status, address = self.kept[index].ask(request)
        if request["last"]:
            self.kept.pop(index).close()
        return {"status": status, "client": address and address[0], "client_port": address and address[1]}


def main():
    connections = Connections(*sys.argv[1:])
    for line in sys.stdin:
        print(json.dumps(connections.make(json.loads(line))), flush=True)


main()
