# Part of uhep, MIT licence.
"""What a tap does for a connected socket, and for one that reads into buffers."""

from uhep import IN, OUT
from uhep.port import const

_PEEK = const(2)  # MSG_PEEK: it will come again


class More:
    """Those methods of a tap that not every socket has; a tap takes them for its own.

    No *args on these: each call would make a tuple.
    """

    def __init__(self, tap):
        self._tap = tap
        self._room = 0  # for what stands in the middle of a buffer

    def connect_ex(self, addr):
        self._tap._peer = addr
        return self._tap._sock.connect_ex(addr)

    def send(self, buf, flags=0):
        r = self._tap._sock.send(buf, flags) if flags else self._tap._sock.send(buf)
        self._tap._saw(self._tap._peer, OUT, buf, r)
        return r

    def sendall(self, buf, flags=0):
        r = self._tap._sock.sendall(buf, flags) if flags else self._tap._sock.sendall(buf)
        self._tap._saw(self._tap._peer, OUT, buf)
        return r

    def recv(self, n, flags=0):
        r = self._tap._sock.recv(n, flags) if flags else self._tap._sock.recv(n)
        if not flags & _PEEK:
            self._tap._saw(self._tap._peer, IN, r)
        return r

    def recvfrom_into(self, buffer, nbytes=0, flags=0):  # CPython only, like the next
        r = self._tap._sock.recvfrom_into(buffer, nbytes, flags)
        if not flags & _PEEK:
            self._tap._saw(r[1], IN, buffer, r[0])
        return r

    def recv_into(self, buffer, nbytes=0, flags=0):
        r = self._tap._sock.recv_into(buffer, nbytes, flags)
        if not flags & _PEEK:
            self._tap._saw(self._tap._peer, IN, buffer, r)
        return r

    def write(self, buf, at=None, n=None):
        r = self._put(buf, at, n)
        if r and at and n is not None:
            self._wrote(buf, at, r)
        elif r:
            self._tap._saw(self._tap._peer, OUT, buf, r)
        return r

    def _put(self, buf, at, n):
        # MicroPython's write takes (buf), (buf, n) or (buf, at, n).
        if at is None:
            return self._tap._sock.write(buf)
        if n is None:
            return self._tap._sock.write(buf, at)
        return self._tap._sock.write(buf, at, n)

    def read(self, n=-1):
        r = self._tap._sock.read(n)
        if r:
            self._tap._saw(self._tap._peer, IN, r)
        return r

    def readinto(self, buf, n=None):
        r = self._tap._sock.readinto(buf) if n is None else self._tap._sock.readinto(buf, n)
        if r:
            self._tap._saw(self._tap._peer, IN, buf, r)
        return r

    def _wrote(self, buf, at, n):
        # From the middle of a buffer: a slice of it would be an object, so it is copied.
        if self._tap.awake() and (n <= self._room or self._moves(n)):
            self._mover.move(0, buf, at, at + n)
            self._tap._saw(self._tap._peer, OUT, self._copy, n)

    def _moves(self, n):
        # Makes room to copy n octets to, in steps, so that few are the largest yet.
        try:
            from uhep.move import SLACK, Mover

            self._copy = bytearray((n | 1023) + 1 + SLACK)
            self._mover = Mover(self._copy)
        except MemoryError:  # the datagram has left: the stack must not hear of it
            self._room = 0
            self._tap._ignore("memory")
            return False
        self._room = len(self._copy) - SLACK
        return True
