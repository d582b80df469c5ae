"""A gRPC server without generated code: `grpc_server.py PORT LOG`, until stdin ends.

A call of /shop.v1.Orders/NAME does what NAME says. Each call is a line of JSON in the log when it has ended: its path,
the number of its client's choosing, and the status that was answered, null if there was none.
"""

import json
import sys
import threading
import time
from concurrent import futures

import grpc

# What one client may have open at a time: all of them, in calls that wait for each other.
WORKERS = 128


class Log:
    """One line per call, written by whichever thread ends it."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="ascii")
        self.lock = threading.Lock()

    def line(self, path, metadata, status):
        number = int(dict(metadata).get("x-call", -1))
        with self.lock:
            print(json.dumps({"path": path, "call": number, "status": status}), file=self.file, flush=True)


def get(requests, context):
    """One message for one."""
    return next(requests)


def find(requests, context):
    """An error before anything was answered: trailers only."""
    context.abort(grpc.StatusCode.NOT_FOUND, "no such order: 7")


def put(requests, context):
    """One message for many."""
    return b"".join(requests)


def list_(requests, context):
    """Many messages for one, with pauses."""
    for message in range(5):
        time.sleep(0.02)
        yield b"order %d" % message


def break_(requests, context):
    """An error after a head and a message."""
    yield b"the first"
    context.abort(grpc.StatusCode.DATA_LOSS, "the rest is lost")


def chat(requests, context):
    """A message for each, as they come."""
    yield from requests


def wait(requests, context):
    """No answer, until the client has enough."""
    while context.is_active():
        time.sleep(0.01)


def wait_after_one(requests, context):
    """A message, and then no more until the client has enough."""
    yield b"the first"
    wait(requests, context)


EVERYONE = threading.Barrier(100)


def meet(requests, context):
    """An answer when a hundred calls wait for one."""
    EVERYONE.wait(timeout=60)
    return next(requests)


ONE_MESSAGE = {"Get": get, "Find": find, "Put": put, "Wait": wait, "Meet": meet}
MANY_MESSAGES = {"List": list_, "Break": break_, "Chat": chat, "WaitAfterOne": wait_after_one}


class Orders(grpc.GenericRpcHandler):
    """To the server all calls are streams of bytes both ways; what is no stream has one message."""

    def __init__(self, log):
        self.log = log

    def service(self, details):
        name = details.method.removeprefix("/shop.v1.Orders/")
        if name in ONE_MESSAGE:
            return grpc.stream_unary_rpc_method_handler(self.logged(details, self.answer(ONE_MESSAGE[name])))
        if name in MANY_MESSAGES:
            return grpc.stream_stream_rpc_method_handler(self.logged_stream(details, MANY_MESSAGES[name]))
        self.log.line(details.method, details.invocation_metadata, grpc.StatusCode.UNIMPLEMENTED.value[0])
        return None

    @staticmethod
    def answer(behaviour):
        # What a cancelled call returns goes nowhere.
        return lambda requests, context: behaviour(requests, context) or b""

    def logged(self, details, behaviour):
        def run(requests, context):
            ended = self.log_when_ended(details, context)
            answer = behaviour(requests, context)
            ended["status"] = 0
            return answer

        return run

    def logged_stream(self, details, behaviour):
        def run(requests, context):
            ended = self.log_when_ended(details, context)
            yield from behaviour(requests, context)
            ended["status"] = 0

        return run

    def log_when_ended(self, details, context):
        ended = {"status": None}

        def log():
            # Before the behaviour has come to its end: it was cancelled, or says which error it is.
            code = context.code()
            status = ended["status"] if code is None else code.value[0]
            self.log.line(details.method, details.invocation_metadata, status)

        context.add_callback(log)
        return ended


def main():
    port, log = sys.argv[1:]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=WORKERS), handlers=[Orders(Log(log))])
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    sys.stdin.read()
    server.stop(grace=10).wait()


main()
