# Part of uhep, MIT licence.
"""Ways to a collector. A link gives the agent a `write`, and takes back its errors."""

import errno
from random import getrandbits

from uhep.port import const, ticks_add, ticks_diff, ticks_ms

_RETRY_MS = const(1000)
_RETRY_MAX_MS = const(30000)

# "Later", not "broken": no room below, or the collector's host said that nobody listens.
_LATER = (errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS, errno.ECONNREFUSED)

# What opening and writing may raise. ValueError: bad names (CPython), certificates.
FAULTS = (OSError, ValueError, MemoryError)


class _Caught:
    # `with caught:` keeps the error that ends the block, a matter of the link. A function with
    # "except ... as e" has a frame over 11 words.

    def __enter__(self):
        pass

    def __exit__(self, type, e, _):
        self.error = e
        return isinstance(e, FAULTS)


caught = _Caught()


class UdpLink:
    """One connected, non-blocking UDP socket to one collector; a datagram is a HEP packet.

    `write` is None while there is no socket; else write(buf, at, n) returns how much went, or
    None when nothing can be sent now, or raises OSError. `open` never waits for a collector.
    Its name is looked up each time anew, and only there, never in a capture: with `dns` in
    the configuration without waiting either, else by the port's own resolver, which waits.

    After a failure it stays closed for 1 to 2 s, then twice as long each time, up to 30 to
    60 s; the exact time is drawn, so that a fleet does not return all at once.
    """

    unconfirmed = 0
    _TYPE = "SOCK_DGRAM"

    def __init__(self, address, ticks=ticks_ms):
        """address: "host:port". Raises nothing."""
        self.address = self.where = address  # what it was told; the same, if need be in numbers
        self.write = None
        self.sock = None
        self.errors = 0  # sends and attempts that failed: what was to be sent is still queued
        self.refused = 0  # of these, "connection refused": nobody listens there
        self.opened = 0
        self.status = "closed"
        self._ticks = ticks
        self._due = ticks()
        self._wait_ms = _RETRY_MS

    def open(self):
        """Go on with opening the socket, if it is time to. True once it can be written."""
        # Ticks wrap: what is further away is long over.
        if -2 * _RETRY_MAX_MS <= ticks_diff(self._ticks(), self._due) < 0:
            return False
        with caught:
            return self._open()
        self.failed(caught.error)

    def _open(self):
        addr = self._socket()
        self.sock.connect(addr)
        self.use(self.sock)
        return True

    def _socket(self):
        # Makes the socket; returns where to connect it.
        import socket  # not in every build, and not needed before

        host, port = self.where.rsplit(":", 1)
        info = socket.getaddrinfo(host.strip("[]"), int(port), 0, getattr(socket, self._TYPE))[0]
        self.sock = socket.socket(info[0], info[1])
        self.sock.setblocking(False)
        return info[-1]

    def use(self, sock):
        """Send on this socket-like object from now on."""
        self.sock = sock
        self.write = getattr(sock, "write", None)
        if not self.write:
            from uhep.host import writer

            self.write = writer(sock)
        self.opened += 1
        self.status = "open"
        self._wait_ms = _RETRY_MS

    def failed(self, e):
        """`open` or a write raised `e`: closes the socket unless it is a matter of time."""
        self.errors += 1
        code = e.args and e.args[0]
        if code == errno.ECONNREFUSED:
            self.refused += 1
        if code not in _LATER or not self.write:
            self.broken(e)

    def broken(self, why):
        """Close the socket, for 1 to 2 s, and the next time for twice as long."""
        self.close()
        ms = self._wait_ms
        self._due = ticks_add(self._ticks(), ms + (ms * getrandbits(10) >> 10))
        self._wait_ms = min(2 * ms, _RETRY_MAX_MS)
        self.status = "failed: %s" % why

    def close(self):
        """Close the socket; `open` makes another."""
        if self.sock:
            self.sock.close()
        self.sock = self.write = None
        self.status = "closed"
