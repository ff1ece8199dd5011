"""Free ports of 127.0.0.1 for programs that bind by themselves, none given out twice."""

import atexit
import errno
import random
import socket

# Below the range that Linux takes ephemeral ports from: no connection of anybody's gets one.
_LOW, _HIGH = 20000, 32000
_reserved = []  # sockets: a reservation is an abstract Unix address, gone with this process


@atexit.register
def _release() -> None:
    for mark in _reserved:
        mark.close()


def _reserve(port: int) -> socket.socket | None:
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mark.bind(f"\0uhep-port-{port}")
    except OSError:
        mark.close()
        return None
    return mark


def _unused(port: int) -> bool:
    """Whether nothing is bound to the port, on UDP and TCP, on 127.0.0.1 and ::1."""
    for family, host in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
        for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
            try:
                with socket.socket(family, kind) as probe:
                    probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:  # another one: there is no IPv6 here
                    return False
    return True


def free_block(count: int) -> int:
    """First of count consecutive ports, even, that are free and stay ours until we end.

    Ours are they among all who ask here, in any process. RuntimeError if there are none.
    """
    for _ in range(1000):
        first = random.randrange(_LOW, _HIGH - count, 2)
        marks = []
        for port in range(first, first + count):
            mark = _reserve(port)
            if mark is None:
                break
            marks.append(mark)
            if not _unused(port):
                break
        else:
            _reserved.extend(marks)
            return first
        for mark in marks:
            mark.close()
    raise RuntimeError(f"no {count} free ports between {_LOW} and {_HIGH}")


def free_port() -> int:
    return free_block(1)


def free_pairs(count: int) -> list[int]:
    """Even ports, as many: each for RTP, with the one after it for RTCP, or for SIP."""
    return [free_block(2) for _ in range(count)]
