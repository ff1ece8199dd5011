"""What `uhep bench server` sends to, each in a process of its own.

    python -m uhep_tools.bench.receivers server uhep.db | bare

Says its port as a line of JSON, then its counts for every line that it reads.
"""

import asyncio
import json
import socket
import sys
import threading

from uhep_tools.server import Server
from uhep_tools.sockets import kernel_drops, listen
from uhep_tools.store import Store


def _say(**values) -> None:
    print(json.dumps(values), flush=True)


def bare() -> None:
    """A UDP reader that only counts, with the receive buffer of the server."""
    udp, tcp = listen("127.0.0.1", 0)
    tcp.close()
    udp.setblocking(True)
    buffer = bytearray(65536)
    count = [0]

    def read() -> None:
        receive = udp.recv_into
        while True:
            receive(buffer)
            count[0] += 1

    threading.Thread(target=read, daemon=True).start()
    _say(port=udp.getsockname()[1], buffer=udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
    for _ in sys.stdin:
        _say(received=count[0], done=count[0], drops=kernel_drops(udp) or 0)


async def server(path: str) -> None:
    """The capture server as `uhep serve` runs it, without page and screen."""
    with Store(path) as store:
        async with Server(store, port=0) as made:
            _say(port=made.port)
            loop = asyncio.get_running_loop()
            while await loop.run_in_executor(None, sys.stdin.readline):
                _say(
                    received=made.counters.received,
                    done=store.written,
                    drops=made.kernel_drops or 0,
                    rejected=made.counters.rejected.total(),
                    lost=store.lost,
                )


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        bare()
    else:
        asyncio.run(server(sys.argv[2]))
