# Part of uhep, MIT licence.
"""Cuts a SIP stream into messages (RFC 3261 7.5 and 18.3, RFC 5626 3.5.1)."""

from uhep.lines import header_end, next_start, starts
from uhep.move import SLACK, Mover
from uhep.port import ticks_diff, ticks_ms

try:
    from uhep._lines import content_length
except Exception:
    from uhep.lines import content_length


class Framer:
    """Cuts one direction of a SIP stream into messages and gives them to sink(buf, n).

    A message ends where its first valid Content-Length says; without one it has no body.
    Between messages keep-alives (CR, LF, NUL) are passed over, counted in `keepalives` (runs
    of them), and so is every line that is no start line, counted in `skipped` (octets). Both
    wrap at 2^29.

    A message is given as it stands, and the next start line looked for, when its length is
    no number or passes `total` (then up to the next start line in what has come), when its
    header passes `headers`, and when nothing has come for `timeout_ms`: see `poll`.

    A message that lies at the beginning of what is fed is given from there. Others go through
    the buffer; of one that is larger, as much is given as the buffer holds.

    Memory: a buffer of max(headers, keep) octets and 768 more, made in the constructor. feed,
    poll and flush allocate nothing, except for what is neither bytes nor bytearray: a copy.
    They raise only what `sink` raises.
    """

    def __init__(self, sink, headers=8192, total=65536, keep=0, timeout_ms=2000, ticks=ticks_ms):
        """headers, total: the longest header and message to wait for, in octets.

        keep: how much of a message to keep, more than `headers`. ticks: in ms, for tests.
        """
        self._sink = sink
        self._headers = headers
        self._most = total
        self._size = max(headers, keep)
        self._timeout = timeout_ms
        self._ticks = ticks
        self._buf = bytearray(self._size + SLACK)
        self._mover = Mover(self._buf)
        self._have = 0  # octets of a message that have come
        self._total = 0  # its length, once its header has come
        self._known = False  # its start line is one
        self._since = 0  # ticks of its last octets
        self.skipped = self.keepalives = 0

    def feed(self, buf, n, at=0):
        """The stream goes on with the n octets from buf[at] on."""
        if type(buf) is not bytes and type(buf) is not bytearray:
            buf = bytes(buf)
        if self._have:
            self.poll()
        n += at
        while at < n:
            if self._total:
                at = self._body(buf, at, n)
            elif self._have:
                at = self._head(buf, at, n)
            else:
                at = self._begin(buf, at, n)
        if self._have:
            self._since = self._ticks()

    def poll(self):
        """Give away a message of which nothing has come for `timeout_ms`."""
        if self._have and ticks_diff(self._ticks(), self._since) >= self._timeout:
            self.flush()

    def flush(self):
        """Give away what has come of a message, as it stands."""
        n = self._have
        known = self._known
        self._have = self._total = 0
        self._known = False
        if known:
            self._sink(self._buf, min(n, self._size))
        else:
            self._skip(n)

    # Each of these takes octets from buf[i:n] and says where to go on.

    def _begin(self, buf, i, n):
        if buf[i] in b"\r\n\0":
            self.keepalives = self.keepalives + 1 & 0x1FFFFFFF
        while buf[i] in b"\r\n\0":
            i += 1
            if i == n:
                return n
        k = buf.find(b"\n", i, n) + 1
        if k:
            if not starts(buf, i, k):
                self._skip(k - i)
                return k
            k = self._end(buf, i, n, i)
        if not k:
            return self._head(buf, i, n)
        if k > n:
            self._total = k - i
            self._known = True
            return self._body(buf, i, n)
        self._give(buf, i, k)
        return k

    def _head(self, buf, i, n):
        was = self._have
        n = min(n, i + self._headers - was)
        self._keep(buf, i, n)
        i -= was
        was = self._look(was)
        if was:  # something ended there in the buffer
            return i + was
        if self._have == self._headers and not self._total:
            self.flush()
        return n

    def _look(self, was):
        # Octets from `was` on are new. Where a message, or a line that begins none, ended in
        # the buffer, or 0.
        b = self._buf
        k = 0
        if not self._known:
            k = b.find(b"\n", was, self._have) + 1
            if not k:
                return 0
            self._known = starts(b, 0, k)
        if self._known:
            was = max(was - 2, 0)
            k = self._end(b, 0, self._have, was)
        if k > self._have:
            self._total = k
            return 0
        if k:
            self._have = k
            self.flush()
        return k

    def _body(self, buf, i, n):
        n = min(n, i + self._total - self._have)
        self._keep(buf, i, n)
        if self._have == self._total:
            self.flush()
        return n

    def _keep(self, buf, i, n):
        # buf[i:n] comes behind what there is, as far as there is room.
        at = self._have
        self._have += n - i
        n = min(n, i + self._size - at)
        self._mover.move(at, buf, i, n)

    def _end(self, b, i, n, at):
        # Where the message that begins at b[i] ends, maybe behind n; 0: its header goes on.
        # `at`: where to look for the header's end.
        at = header_end(b, at, n)
        if not at or at - i > self._headers:
            return 0
        return self._length(b, i, at, n)

    def _length(self, b, i, e, n):
        # The same with the header's end at e.
        k = content_length(b, i, e)
        if k < 0 or k + e - i > self._most:
            return next_start(b, e, n)
        return e + k

    def _give(self, buf, i, n):
        # The message is buf[i:n].
        if i:
            self._keep(buf, i, n)
            self._known = True
            self.flush()
        else:
            self._sink(buf, n)

    def _skip(self, n):
        self.skipped = self.skipped + n & 0x1FFFFFFF
