# Part of uhep, MIT licence.
"""HEP packets over TCP: one after the other, nothing between."""

import errno
import sys

from uhep.link import UdpLink
from uhep.port import const, ticks_diff, ticks_ms

_TAIL = const(1)
_COUNT = const(3)
_AT = const(4)
_QUEUED = const(14)
_ZERO = const(24)

_LOOK_MS = const(1000)
_SLOTS = const(9)
_STABLE_MS = const(60000)

# What connect says when it has begun: the name differs by port, and lwIP has two of them.
_BEGUN = (errno.EINPROGRESS, errno.EALREADY, errno.EAGAIN, 118, 119)


class TcpLink(UdpLink):
    """A connection to one collector. See UdpLink for what it has in common with that.

    Connecting takes several calls of `open`, none of which waits. A write that took a part
    of a packet goes on at the next octet. When a connection breaks, the packet that it cut
    goes whole over the next one; cut again, it is given up, lest one packet that the
    collector can not take keeps all others back. No other packet is ever sent twice.

    A connection counts as broken when the collector closes or resets it, when it takes
    nothing for `stall_s`, or is not established in that time.

    unconfirmed: TCP gives no receipt. Of what a broken connection had taken, the last
    `tcp_buffer` octets may not have arrived: their packets, and those given up, are counted
    here, rounded up to eighths of that size. They count as sent too, so that at least
    sent - unconfirmed packets have arrived. Where the port allows, `tcp_buffer` also bounds
    what the port keeps unsent. It should cover what the collector's host keeps unread.

    Memory: 9 counters, a buffer of 16 octets and a socket. Sending allocates nothing.
    """

    trying = False  # an attempt of `open` is under way
    shaking = False  # it has come as far as the TLS handshake
    _TYPE = "SOCK_STREAM"

    def __init__(self, address, config, agent, ticks=ticks_ms):
        """config: a complete configuration; agent: whose ring is sent."""
        super().__init__(address, ticks)
        self.unconfirmed = 0
        self._ring = agent.ring
        agent.ring.cut = None  # which packet the last broken connection cut
        self._stall_ms = config["stall_s"] * 1000
        self._buffer = config["tcp_buffer"]
        self._step = self._buffer // (_SLOTS - 1)
        self._frames = [0] * _SLOTS  # packets completed in each of the last steps of octets
        self._slot = 0
        self._octets = 0  # in the step that is under way
        self._halted = None  # when a write first took nothing
        self._keepalive_s = config["keepalive_s"]
        self._beat = None
        if self._keepalive_s:
            self._beat = beat(agent)
        self._silent_s = self._seen = 0
        self._poll = self._begun = None
        self._ask = None  # whether the port takes more, where only that tells
        self._full = False
        self._looked = ticks()
        self._in = bytearray(16)

    def _open(self):
        if not self.sock:
            self._begun = self._ticks()
            self._connect(self._socket())
        if self._poll and not self._established():
            if self._over(self._begun, self._stall_ms):
                raise OSError(errno.ETIMEDOUT, "no answer")
            return False
        return self._ready()

    def _over(self, since, ms):
        # Whether more has passed. Ticks wrap: what seems to be still to come was long ago.
        return not 0 <= ticks_diff(self._ticks(), since) <= ms

    def _connect(self, addr):
        import select
        import socket

        sock = self.sock
        for level, name, value in (
            ("IPPROTO_TCP", "TCP_NODELAY", 1),
            ("SOL_SOCKET", "SO_KEEPALIVE", 1),
            ("SOL_SOCKET", "SO_SNDBUF", self._buffer // 2),  # Linux takes it twice
        ):
            number = getattr(socket, name, None)
            if number is None and name == "SO_SNDBUF" and sys.platform == "linux":
                number = 7  # which the unix port does not name
            if number is not None:
                sock.setsockopt(getattr(socket, level), number, value)
        self.trying = True
        self.status = "connecting"
        try:
            sock.connect(addr)
        except OSError as e:
            if e.args[0] not in _BEGUN:
                raise
        self._poll = select.poll()
        self._poll.register(sock, select.POLLOUT)
        if sys.platform == "linux":
            self._ask = getattr(self._poll, "ipoll", self._poll.poll)

    def _established(self):
        # Any event is the end of connecting; a read tells which end.
        if not self._poll.poll(0):
            return False
        self._poll = None
        self._wrap(self.sock)
        if self._read(self._in) == 0:
            raise OSError(errno.ECONNRESET, "closed by the collector")
        return True

    def _ready(self):
        self.use(self.sock)
        return True

    def use(self, sock):
        """Send on this connected socket-like object from now on."""
        self._wrap(sock)
        self.sock = sock
        self.write = self._write
        self.opened += 1
        self.status = "open"
        self.trying = False
        self._halted = None
        self._begun = self._looked = self._ticks()

    def _wrap(self, sock):
        if hasattr(sock, "readinto"):
            self._raw = sock.write
            self._read = sock.readinto
        else:
            from uhep.host import reader, writer

            self._raw = writer(sock)
            self._read = reader(sock)

    def _write(self, buf, at, n):
        if self._full and self._held():
            return None
        sent = self._raw(buf, at, n)
        if not sent:
            self._halt()
            return sent
        self._halted = None
        self._octets += sent
        if sent == n:
            self._frames[self._slot] += 1
        if self._octets >= self._step:
            self._next_slot()
        return sent

    def _next_slot(self):
        self._octets = 0
        slot = self._slot + 1
        if slot == _SLOTS:
            slot = 0
        self._frames[slot] = 0
        self._slot = slot
        self._full = self._ask is not None

    def _held(self):
        # Linux lets its last segment grow by up to 64 KB, whatever SO_SNDBUF says.
        for _ in self._ask(0):
            self._full = False
        if self._full:
            self._halt()
        return self._full

    def _halt(self):
        if self._halted is None:
            self._halted = self._ticks()
        elif self._over(self._halted, self._stall_ms):
            raise OSError(errno.ETIMEDOUT, "takes nothing")

    def look(self):
        """While nothing is sent: has the collector gone, is it time for a keep-alive?

        True if the connection is no more. Asks the socket once a second.
        """
        if ticks_diff(self._ticks(), self._looked) < _LOOK_MS:
            return False
        self._looked = self._ticks()
        if self._beat:
            self._keep_alive()
        return self._gone()

    def _gone(self):
        try:
            if self._read(self._in) != 0:  # None: nothing there; what there is, is not for us
                return False
        except OSError:
            pass
        self.broken("closed by the collector")
        return True

    def _keep_alive(self):
        self._silent_s += 1
        if self._octets != self._seen:
            self._seen = self._octets
            self._silent_s = 0
        elif self._silent_s >= self._keepalive_s:
            self._silent_s = 0
            self._beat()

    def failed(self, e):
        """`open` or a write raised `e`: closes the connection unless it is a matter of time."""
        super().failed(e)
        if self.write:
            try:
                self._halt()
            except OSError as late:
                self.broken(late)

    def close(self):
        """Close the connection; `open` makes another. What it has taken still goes."""
        if self.write:
            self._again()
        super().close()
        self._poll = self._ask = None
        self._full = self.trying = False
        for i in range(_SLOTS):
            self._frames[i] = 0

    def broken(self, why):
        """Close the connection for a time, and count what may not have arrived."""
        if self.write:
            self.unconfirmed += sum(self._frames)
            if self._over(self._begun, _STABLE_MS):
                self._wait_ms = 1000
        super().broken(why)

    def _again(self):
        # The packet that is half on the wire goes from its first octet on, once.
        ring = self._ring
        at = ring.st[_TAIL]
        if ring.st[_AT] == at:
            return
        stamps = bytes(memoryview(ring.buf)[at + 42 : at + 56])
        # Without a time all stamps are alike: then by how many were before it.
        cut = (stamps, ring.st[_ZERO] and ring.st[_QUEUED] - ring.st[_COUNT])
        if cut == ring.cut:
            ring.pop()
            self.unconfirmed += 1
        else:
            ring.rewind()
        ring.cut = cut


def beat(agent):
    """A function that captures a keep-alive: a line of text, type 100.

    Every collector takes one. The ping of type 0 that heplify sends is understood by Homer
    alone; Kamailio reports it as an error, sngrep and strict decoders refuse it.
    """
    from uhep import LOG, OUT

    flow = agent.flow(("127.0.0.1", 0), ("127.0.0.1", 0), kind=LOG)
    line = b"keepalive"
    return lambda: agent.capture(flow, OUT, line, len(line), b"uhep")
