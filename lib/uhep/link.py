# Part of uhep, MIT licence.
"""Ways to the collector. A link gives the agent a `write`, and takes back its errors."""

import errno

from uhep.port import const, ticks_add, ticks_diff, ticks_ms

_RETRY_MS = const(1000)
_RETRY_MAX_MS = const(60000)

# "Later", not "broken": no room below, or the collector's host said that nobody listens.
_LATER = (errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS, errno.ECONNREFUSED)


class UdpLink:
    """One connected, non-blocking UDP socket; a datagram is a HEP packet.

    `write` is None while there is no socket; else write(buf, at, n) returns n, or None when
    nothing can be sent now, or raises OSError. The collector's name is looked up when the
    socket is opened, which may block, so that happens only in `poll`, never in `capture`.
    """

    def __init__(self, addresses, ticks=ticks_ms):
        self.addresses = addresses
        self.write = None
        self.sock = None
        self.errors = 0  # sends that failed: what was to be sent is still queued
        self.refused = 0  # of these, "connection refused": nobody listens there
        self.opened = 0
        self._which = 0
        self._ticks = ticks
        self._due = None
        self._wait_ms = _RETRY_MS

    def open(self):
        """Try to open the socket, if it is time to. True if there is one now."""
        import socket  # not in every build, and not needed before

        if self._due is not None and ticks_diff(self._ticks(), self._due) < 0:
            return False
        sock = None
        try:
            host, port = self.addresses[self._which].rsplit(":", 1)
            info = socket.getaddrinfo(host.strip("[]"), int(port), 0, socket.SOCK_DGRAM)[0]
            sock = socket.socket(info[0], info[1])
            sock.setblocking(False)
            sock.connect(info[-1])
        except (OSError, ValueError):  # ValueError: a name that can not be one (CPython)
            if sock:
                sock.close()
            self.errors += 1
            self._later()
            return False
        self.use(sock)
        return True

    def use(self, sock):
        """Send on this socket-like object from now on."""
        self.sock = sock
        self.write = getattr(sock, "write", None)
        if not self.write:
            from uhep.host import writer

            self.write = writer(sock)
        self.opened += 1
        self._due = None
        self._wait_ms = _RETRY_MS

    def failed(self, e):
        """A write raised OSError `e`: closes the socket unless it is a matter of time."""
        self.errors += 1
        code = e.args[0] if e.args else 0
        if code == errno.ECONNREFUSED:
            self.refused += 1
        if code not in _LATER:
            self.close()
            self._later()

    def close(self):
        """Close the socket; `open` makes another."""
        if self.sock:
            self.sock.close()
        self.sock = self.write = None

    def _later(self):
        # Another collector, if there are several; a pause after each round, twice as long.
        self._which += 1
        if self._which >= len(self.addresses):
            self._which = 0
            self._due = ticks_add(self._ticks(), self._wait_ms)
            self._wait_ms = min(2 * self._wait_ms, _RETRY_MAX_MS)
