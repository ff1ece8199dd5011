"""Free ports for programs that bind by themselves, without two test runs taking the same."""

import atexit
import random
import socket

# Below the range that Linux takes ephemeral ports from.
_LOW, _HIGH = 20000, 32000
_reserved = []  # sockets: a reservation is an abstract Unix address, gone with this process


@atexit.register
def _release():
    for mark in _reserved:
        mark.close()


def _reserve(port):
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mark.bind(f"\0uhep-test-port-{port}")
    except OSError:
        mark.close()
        return None
    return mark


def _unused(port):
    """Whether nothing is bound to the port, on UDP and TCP, on 127.0.0.1 and ::1."""
    for family, host in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
        for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
            with socket.socket(family, kind) as probe:
                try:
                    probe.bind((host, port))
                except OSError:
                    return False
    return True


def free_block(count):
    """First of count consecutive ports, even, that are free and stay ours until we end."""
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


def free_port():
    return free_block(1)
