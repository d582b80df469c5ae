"""A gRPC client with one channel: `grpc_client.py PORT`, until stdin ends.

A line of JSON on stdin is a list of calls to make at the same time:

    {"path": "/shop.v1.Orders/Chat", "call": 7, "messages": 3, "timeout_s": null, "enough": null}

`enough` is the number of answers after which the client cancels. The line of JSON on stdout is what the client saw of
each call: its status, and how many answers came.
"""

import json
import sys
from concurrent import futures

import grpc

# Of the calls that are not one message for one.
SHAPES = {
    "Put": "stream_unary",
    "List": "unary_stream",
    "Break": "unary_stream",
    "WaitAfterOne": "unary_stream",
    "Chat": "stream_stream",
}
MESSAGE = b"m" * 100


class Client:
    def __init__(self, port):
        # What the environment says of proxies is not for loopback, and a call is to be one stream.
        options = [("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
        self.threads = futures.ThreadPoolExecutor(max_workers=128)

    def make(self, calls):
        return list(self.threads.map(self.call, calls))

    def call(self, call):
        shape = SHAPES.get(call["path"].rsplit("/", 1)[1], "unary_unary")
        method = getattr(self.channel, shape)(call["path"])
        metadata = [("x-call", str(call["call"])), ("authorization", "Bearer s3cr3t-of-the-client")]
        options = {"metadata": metadata, "timeout": call["timeout_s"], "wait_for_ready": True}
        sent = MESSAGE if shape.startswith("unary_") else (MESSAGE for _ in range(call["messages"]))
        if shape.endswith("_unary"):
            answer = method.future(sent, **options)
            return {"status": answer.code().value[0], "answers": int(answer.exception() is None)}
        answers = method(sent, **options)
        received = take(answers, call["enough"])
        return {"status": answers.code().value[0], "answers": received}


def take(answers, enough):
    received = 0
    try:
        for _ in answers:
            received += 1
            if received == enough:
                answers.cancel()
    except grpc.RpcError:
        pass
    return received


def main():
    client = Client(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(client.make(json.loads(line))), flush=True)
    client.channel.close()


main()
