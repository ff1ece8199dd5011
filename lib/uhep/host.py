# Part of uhep, MIT licence.
"""What CPython lacks. Not imported on MicroPython, and not installed there."""

from time import monotonic_ns


def ticks_ms():
    return monotonic_ns() // 1000000 & 0x3FFFFFFF


def ticks_us():
    return monotonic_ns() // 1000 & 0x3FFFFFFF


def ticks_add(t, d):
    return t + d & 0x3FFFFFFF


def ticks_diff(a, b):
    return (a - b + 0x20000000 & 0x3FFFFFFF) - 0x20000000


def const(x):
    return x


def writer(sock):
    """A write(buf, at, n) for a socket that has only send: None when it would block."""

    def write(buf, at, n):
        try:
            return sock.send(memoryview(buf)[at : at + n])
        except BlockingIOError:
            return None

    return write
