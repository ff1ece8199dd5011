"""Send packets to a collector at a steady rate, and count what became of each."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from uhep_tools.load.traffic import Sent

_CONNECT_S = 10.0
_TICK_S = 0.005  # packets that are due are sent together so often
_LINGER_S = 10.0


class LoadError(Exception):
    """The collector can not be reached, or went away; the text says so."""


@dataclass
class Offered:
    """What was offered. calls: that began. refused: ICMP said nobody listens. behind_s: how far
    the last packet was behind its time: this machine is too slow for the rate. unread: octets
    that the other end of the connection had not read in the end, None over UDP."""

    packets: int = 0
    octets: int = 0
    calls: int = 0
    refused: int = 0
    seconds: float = 0.0
    behind_s: float = 0.0
    unread: int | None = None


class UdpSender:
    """Datagrams. Loss on the way is not seen; that nobody listens is."""

    def __init__(self, host: str, port: int):
        """Raises LoadError."""
        self._sock = _connect(host, port, socket.SOCK_DGRAM)
        self.refused = 0

    def send(self, packet: bytes) -> None:
        try:
            self._sock.send(packet)
        except ConnectionRefusedError:  # of an earlier one; this one was not sent
            self.refused += 1
            self._sock.send(packet)

    def finish(self) -> int | None:
        self._sock.close()
        return None


class TcpSender:
    """A connection: it sends as fast as the collector reads."""

    refused = 0

    def __init__(self, host: str, port: int):
        """Raises LoadError."""
        self._sock = _connect(host, port, socket.SOCK_STREAM)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, packet: bytes) -> None:
        self._sock.sendall(packet)

    def finish(self) -> int:
        """Wait until all is acknowledged; octets that are not."""
        end = time.monotonic() + _LINGER_S
        while (left := _unacknowledged(self._sock)) and time.monotonic() < end:
            time.sleep(0.02)
        self._sock.close()
        return left


def offer(
    sender: UdpSender | TcpSender,
    packets: Iterator[Sent],
    rate: float,
    total: int,
    progress: Callable[[Offered], None] = lambda offered: None,
    seen: Callable[[Sent], None] = lambda sent: None,
) -> Offered:
    """Send total packets, rate of them a second. Raises LoadError if the collector goes.

    seen(sent) hears of each packet before it is sent.
    """
    offered = Offered()
    calls = set()
    began = time.monotonic()
    try:
        while offered.packets < total:
            due = min(total, int((time.monotonic() - began + _TICK_S) * rate) + 1)
            while offered.packets < due:
                sent = next(packets)
                seen(sent)
                sender.send(sent.packet)
                calls.add(sent.call)
                offered.packets += 1
                offered.octets += len(sent.packet)
            offered.calls = len(calls)
            offered.refused = sender.refused
            offered.seconds = time.monotonic() - began
            offered.behind_s = max(0.0, offered.seconds - offered.packets / rate)
            progress(offered)
            left = began + offered.packets / rate - time.monotonic()
            if left > 0:
                time.sleep(min(left, _TICK_S))
        offered.unread = sender.finish()
    except TimeoutError:
        raise LoadError(
            f"the collector has read nothing for {_LINGER_S:g} s, "
            f"after {offered.packets:,} packets"
        ) from None
    except OSError as error:
        raise LoadError(
            f"the collector went away after {offered.packets:,} packets: {error.strerror}"
        ) from None
    return offered


def _connect(host: str, port: int, kind: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        sock = socket.socket(family, kind)
        sock.settimeout(_CONNECT_S)
        sock.connect(address)
    except OSError as error:
        raise LoadError(f"{host}:{port} can not be reached: {error}") from None
    sock.settimeout(_LINGER_S)
    return sock


def _unacknowledged(sock: socket.socket) -> int:
    """Octets in the send queue of a connection; 0 where the system does not tell."""
    import fcntl
    import struct

    try:
        size = fcntl.ioctl(sock.fileno(), 0x5411, b"\0\0\0\0")  # SIOCOUTQ of Linux
    except OSError:
        return 0
    return struct.unpack("i", size)[0]
