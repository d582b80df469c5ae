"""A server that is slow when it has much to do: `load_server.py PORT FAST_MS SLOW_MS LIMIT`.

Answers each request after FAST_MS, or after SLOW_MS when more than LIMIT are in flight, itself included. The end of stdin
ends it.
"""

import asyncio
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nok\n"


class Connection(asyncio.Protocol):
    in_flight = 0

    def connection_made(self, transport):
        self.transport = transport
        self.received = b""

    def data_received(self, data):
        self.received += data
        while b"\r\n\r\n" in self.received:
            _, self.received = self.received.split(b"\r\n\r\n", 1)
            Connection.in_flight += 1
            delay = SLOW if Connection.in_flight > LIMIT else FAST
            asyncio.get_running_loop().call_later(delay, self.answer)

    def answer(self):
        Connection.in_flight -= 1
        self.transport.write(ANSWER)


async def main():
    loop = asyncio.get_running_loop()
    await loop.create_server(Connection, "127.0.0.1", int(sys.argv[1]), backlog=1000)
    await loop.run_in_executor(None, sys.stdin.read)


FAST, SLOW = (float(ms) / 1000 for ms in sys.argv[2:4])
LIMIT = int(sys.argv[4])
asyncio.run(main())
