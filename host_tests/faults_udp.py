"""Trouble between an agent and a collector over UDP.

with UdpProxy(("127.0.0.1", server.port), drop=0.3, seed=1) as proxy:
    ...  # datagrams to proxy.port arrive, or are in proxy.dropped
"""

import random
import socket

from faults import InThread

_READ = 65536
_HOST = "127.0.0.1"


class UdpProxy(InThread):
    """A UDP proxy on a free port of 127.0.0.1, towards the target only: HEP has no answers.

    drop: the share of datagrams that it loses, chosen by a generator with this seed. passed
    and dropped: the datagrams, in order. delay_s: how much later they are passed on.
    """

    def __init__(self, target: tuple[str, int], *, drop: float = 0.0, seed: int = 0, delay_s=0.0):
        self.target = target
        self.drop = drop
        self.delay_s = delay_s
        self.passed: list[bytes] = []
        self.dropped: list[bytes] = []
        self._dice = random.Random(seed)
        self._onward = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Connected elsewhere it takes no datagram, and keeps the port ours during refuse().
        self._place = self._bind()
        self.port = self._place.getsockname()[1]
        self._place.connect((_HOST, 9))

    def refuse(self) -> None:
        """Let the kernel answer "port unreachable" until accept()."""
        self._run(self._close())

    def accept(self) -> None:
        """Take datagrams again."""
        self._run(self._start())

    def _bind(self, port: int = 0) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((_HOST, port))
        sock.setblocking(False)
        return sock

    async def _start(self) -> None:
        self._sock = self._bind(self.port)
        self._loop.add_reader(self._sock, self._read)

    async def _close(self) -> None:
        self._loop.remove_reader(self._sock)
        self._sock.close()

    async def _stop(self) -> None:
        await self._close()
        self._place.close()
        self._onward.close()

    def _read(self) -> None:
        data = self._sock.recv(_READ)
        if self._dice.random() < self.drop:
            self.dropped.append(data)
        else:
            self._loop.call_later(self.delay_s, self._pass, data)

    def _pass(self, data: bytes) -> None:
        self.passed.append(data)
        self._onward.sendto(data, self.target)
