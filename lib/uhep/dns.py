# Part of uhep, MIT licence.
"""Looks names up without waiting (RFC 1035): one question to one server, A records only."""

from random import getrandbits
from struct import pack

from uhep.flow import address
from uhep.port import const, ticks_diff, ticks_ms

_AGAIN_MS = const(1000)
_TRIES = const(5)


def resolve(link, resolver):
    """Let `link` look its collector's name up by `resolver` before each attempt to open."""
    connect, close = link._open, link.close
    host, port = link.address.rsplit(":", 1)

    def _open():
        if not link.sock:
            link.status = "resolving"
            link.trying = False  # if this raises
            found = resolver.find(host)
            link.trying = not found
            if not found:
                return False
            link.where = found + ":" + port
        return connect()

    def closed():
        link.trying = False
        resolver.close()
        close()

    link._open = _open
    link.close = closed


class Resolver:
    """Asks one DNS server over UDP. Nothing is cached: each `find` that begins, asks.

    Memory: while a question is open, a socket and 512 octets.
    """

    def __init__(self, server, ticks=ticks_ms):
        """server: numeric "host" or "host:port"."""
        self._server = server.split(":") + ["53"]
        self._ticks = ticks
        self._sock = None

    def find(self, host):
        """The IPv4 address of `host` as text, or None: ask again in the next poll.

        Numeric addresses come back at once. Raises OSError when the server does not know the
        name, or says nothing for 5 s.
        """
        try:
            address(host.strip("[]"))
            return host
        except ValueError:
            pass
        try:
            if not self._sock:
                self._ask(host)
            found = self._answer()
            if not found:
                self._patience()
                return None
        except (OSError, MemoryError):
            self.close()
            raise
        self.close()
        return found

    def close(self):
        """Ask no more: the next `find` begins anew."""
        if self._sock:
            self._sock.close()
        self._sock = self._in = None

    def _ask(self, host):
        import socket

        labels = [label.encode() for label in host.rstrip(".").split(".")]
        if not all([0 < len(label) < 64 for label in labels]):
            raise OSError("no host name: " + host)
        name = b"".join([bytes((len(label),)) + label for label in labels])
        # Recursion desired, one question; type A, class IN.
        head = pack(">6H", getrandbits(16), 0x0100, 1, 0, 0, 0)
        self._question = head + name + b"\0\0\1\0\1"
        self._in = bytearray(512)
        info = socket.getaddrinfo(self._server[0], int(self._server[1]), 0, socket.SOCK_DGRAM)[0]
        self._sock = sock = socket.socket(info[0], info[1])
        sock.setblocking(False)
        sock.connect(info[-1])
        self._read = getattr(sock, "readinto", None)
        if not self._read:
            from uhep.host import reader

            self._read = reader(sock)
        self._tries = 0
        self._send()

    def _send(self):
        self._tries += 1
        self._asked = self._ticks()
        self._sock.send(self._question)

    def _patience(self):
        if not 0 <= ticks_diff(self._ticks(), self._asked) < _AGAIN_MS:
            if self._tries == _TRIES:
                raise OSError("the DNS server does not answer")
            self._send()

    def _answer(self):
        n = self._read(self._in)
        r, q = self._in, self._question
        if not n or n < len(q) or r[:2] != q[:2] or not r[2] & 0x80:
            return None
        if bytes(r[12 : len(q)]).lower() != q[12:].lower():
            return None
        if not r[3] & 15:
            at = len(q)
            for _ in range(r[6] << 8 | r[7]):
                at = _skip(r, at, n)
                end = at + 10 + (r[at + 8] << 8 | r[at + 9]) if at + 10 <= n else n + 1
                if end > n:
                    break
                if bytes(r[at : at + 4]) == b"\0\1\0\1" and end == at + 14:
                    return "%d.%d.%d.%d" % tuple(r[at + 10 : end])
                at = end
        raise OSError("the DNS server does not know the name")


def _skip(r, at, n):
    # Behind the name at r[at]: labels, or a pointer, which ends it.
    while at < n and r[at]:
        if r[at] >= 0xC0:
            return at + 2
        at += 1 + r[at]
    return at + 1
