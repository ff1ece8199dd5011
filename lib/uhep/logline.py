# Part of uhep, MIT licence.
"""One line of text as key=value (logfmt), written into a buffer that is there."""

from struct import pack_into

from uhep.port import const

_ZERO = const(48)
_BLANK = const(32)


class Line:
    """A line in `buf`, `n` octets so far, at most `size`; what does not fit is left out whole.

    Values that hold a blank, "=" or a quote stand in double quotes, where a backslash goes
    before a quote and a backslash. Octets that are no printable ASCII become "?".

    Memory: `size` octets, made here. Nothing else is allocated.
    """

    def __init__(self, size):
        self.buf = bytearray(size)
        self.size = size
        self.n = 0

    def start(self):
        self.n = 0

    def key(self, name):
        """name: Name. False: it does not fit any more, with 24 octets for a value."""
        if self.n + len(name.octets) + 24 > self.size:
            return False
        pack_into(name.form, self.buf, self.n, name.octets)
        self.n += len(name.octets)
        return True

    def number(self, value, width=1):
        """value: below 2^30, of not more than 10 digits; width: the least digits."""
        if value < 0:
            self.octet(45)
            value = -value
        k = 1
        rest = value
        while rest > 9:
            rest //= 10
            k += 1
        at = self.n + max(k, width)
        k = self.n
        self.n = at
        while at > k:
            at -= 1
            self.buf[at] = _ZERO + value % 10
            value //= 10

    def seconds(self, hi, lo, us):
        """Unix time of two halves and microseconds, as 1767225600.123456."""
        at = self.n + 10
        self.n = at
        while at > self.n - 10:
            at -= 1
            lo |= hi % 10 << 16
            hi //= 10
            self.buf[at] = _ZERO + lo % 10
            lo //= 10
        self.octet(46)
        self.number(us, 6)

    def octet(self, value):
        if self.n < self.size:
            self.buf[self.n] = value
            self.n += 1

    def text(self, value):
        """value: bytes, which may hold anything."""
        self.octet(34)
        self.part(value, 0, len(value))
        self.octet(34)

    def part(self, value, at, n):
        """n octets of value[at:], as they stand within quotes; cut where the line is full."""
        n += at
        while at < n and self.n + 3 < self.size:
            c = value[at]
            if c == 34 or c == 92:
                self.octet(92)
            self.octet(c if _BLANK <= c < 127 else 63)
            at += 1


class Name:
    """A key with what stands around it, ready to be copied."""

    def __init__(self, name, first=False):
        self.octets = (("" if first else " ") + name + "=").encode()
        self.form = "%ds" % len(self.octets)
