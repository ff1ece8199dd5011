# Part of uhep, MIT licence.
"""What stands for a socket: the same to its stack, to select.poll and to asyncio."""

import sys

from uhep.port import const

if sys.implementation.name == "micropython":
    from io import IOBase
else:  # there select asks for fileno()
    IOBase = object

# Requests of py/stream.h.
_POLL = const(3)
_CLOSE = const(4)
_FILENO = const(10)
_EINVAL = const(22)


class StandIn(IOBase):
    """Hands everything on to the socket that it stands for.

    MicroPython's poll asks a stream by `ioctl`: for its file number where there are such
    (unix), else again and again whether it is ready. That allocates once, on the first time.
    """

    def __init__(self, sock):
        self._sock = sock
        self._poll = None

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def ioctl(self, request, arg):
        if request == _POLL:
            return self._ready(arg)
        if request == _FILENO and hasattr(self._sock, "fileno"):
            return self._sock.fileno()
        if request == _CLOSE:
            self.close()
            return 0
        return -_EINVAL

    def _ready(self, events):
        if self._poll is None:
            from select import poll

            self._poll = poll()
        self._poll.register(self._sock, events)
        for found in self._poll.ipoll(0):
            return found[1]
        return 0
