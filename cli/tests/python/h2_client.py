"""An HTTP/2 client with one connection: `h2_client.py PORT [AUTHORITY]`, until stdin ends.

With the file of a certificate authority it speaks over TLS.

A line of JSON on stdin is a list of requests to make at the same time:

    {"method": "GET", "path": "/", "headers": {"x-one": "1"}, "body": 0, "enough": null}

`enough` is the number of body bytes after which the client resets the stream. The line of JSON on stdout is what came of
each: the number of its stream, and its status.
"""

import json
import socket
import ssl
import sys

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset


class Client:
    def __init__(self, port, authority=None):
        self.authority = f"localhost:{port}"
        self.socket = socket.create_connection(("127.0.0.1", int(port)))
        self.scheme = "https" if authority else "http"
        if authority:
            context = ssl.create_default_context(cafile=authority)
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.connection = H2Connection(H2Configuration(header_encoding="ascii"))
        self.connection.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.connection.data_to_send())

    def make(self, requests):
        streams = {self.start(request): {"enough": request["enough"], "status": None, "received": 0} for request in requests}
        self.flush()
        left = set(streams)
        while left:
            data = self.socket.recv(1 << 16)
            if not data:
                break
            for event in self.connection.receive_data(data):
                self.take(event, streams, left)
            self.flush()
        return [{"stream": stream, "status": streams[stream]["status"]} for stream in streams]

    def start(self, request):
        stream = self.connection.get_next_available_stream_id()
        head = [(":method", request["method"]), (":scheme", self.scheme)]
        head += [(":authority", self.authority), (":path", request["path"])]
        head += request["headers"].items()
        self.connection.send_headers(stream, head, end_stream=request["body"] == 0)
        if request["body"]:
            self.connection.send_data(stream, b"b" * request["body"], end_stream=True)
        return stream

    def take(self, event, streams, left):
        if isinstance(event, ResponseReceived):
            streams[event.stream_id]["status"] = int(dict(event.headers)[":status"])
        elif isinstance(event, DataReceived):
            self.take_data(event, streams[event.stream_id], left)
        elif isinstance(event, (StreamEnded, StreamReset)):
            left.discard(event.stream_id)

    def take_data(self, event, stream, left):
        if event.stream_id not in left:
            return
        self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        stream["received"] += len(event.data)
        if stream["enough"] is not None and stream["received"] >= stream["enough"]:
            self.connection.reset_stream(event.stream_id, ErrorCodes.CANCEL)
            left.discard(event.stream_id)


def main():
    client = Client(*sys.argv[1:])
    for line in sys.stdin:
        print(json.dumps(client.make(json.loads(line))), flush=True)
    client.connection.close_connection()
    client.flush()


main()
