"""More and more clients of a server: `load_client.py PORT SECONDS CLIENTS...`.

So many at a time, each number for SECONDS; each client asks again as soon as it has the whole answer. Prints how many
requests were answered.
"""

import asyncio
import sys

REQUEST = b"GET /things/1 HTTP/1.1\r\nHost: load.example\r\n\r\n"
# The three bytes of the body end it.
END = b"\r\n\r\nok\n"


class Client(asyncio.Protocol):
    answered = 0
    is_over = False

    def connection_made(self, transport):
        self.transport = transport
        self.received = b""
        transport.write(REQUEST)

    def data_received(self, data):
        self.received += data
        if not self.received.endswith(END):
            return
        self.received = b""
        Client.answered += 1
        if Client.is_over:
            self.transport.close()
        else:
            self.transport.write(REQUEST)


async def main():
    loop = asyncio.get_running_loop()
    clients = []
    for count in STEPS:
        while len(clients) < count:
            clients.append(await loop.create_connection(Client, "127.0.0.1", int(sys.argv[1])))
        await asyncio.sleep(SECONDS)
    Client.is_over = True
    while any(not transport.is_closing() for transport, _ in clients):
        await asyncio.sleep(0.01)
    print(Client.answered)


SECONDS = float(sys.argv[2])
STEPS = [int(count) for count in sys.argv[3:]]
asyncio.run(main())
