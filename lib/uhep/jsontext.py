# Part of uhep, MIT licence.
"""JSON written into one buffer, without an object for anything in it."""

from struct import pack_into

from uhep.port import const

_TALL = const(0x4000)  # upper half of a number of 2^30 or more
_LONGEST = const(11)  # octets of a number


_forms = {}  # by length: most are of some length that another has


def words(text):
    """A piece of JSON for `Json.put`: (octets, struct format), to be made once."""
    text = text.encode()
    n = len(text)
    if n not in _forms:
        _forms[n] = "%ds" % n
    return text, _forms[n]


def fits(n, agent, flow, cid):
    """Whether a payload of n octets goes whole into a packet of `flow`: cut, it would be none."""
    return flow.fixed + len(cid) + 12 + n <= agent.ring.st[8]


class Json:
    """Text in `buf`, `n` octets so far. What does not fit is left out, and `full` is True.

    Memory: `size` octets, made here; no method allocates. Numbers of 32 bits are read from
    octets, so that none becomes an int of 2^30 or more.
    """

    def __init__(self, size=2048):
        self.buf = bytearray(size)
        self.n = 0
        self.full = False

    def begin(self):
        self.back(0)

    def room(self, n):
        """Whether n octets more fit."""
        if self.n + n > len(self.buf):
            self.full = True
        return not self.full

    def put(self, piece):
        """A piece that `words` has made."""
        n = self.n
        self.n = n + len(piece[0])
        if self.full or self.n > len(self.buf):
            self.full = True
            self.n = n
        else:
            pack_into(piece[1], self.buf, n, piece[0])

    def octet(self, c):
        if self.room(1):
            self.buf[self.n] = c
            self.n += 1

    def undo(self):
        """Take the last octet back: a comma, say."""
        self.n -= 1

    def back(self, n):
        """Take back all after the first n octets."""
        self.n = n
        self.full = False

    def number(self, v):
        """An int below 2^30."""
        if not self.room(_LONGEST):
            return
        if v < 0:
            self.octet(45)
            v = -v
        d = 1
        while v // d > 9:
            d *= 10
        self._digits(v, d)

    def _digits(self, v, d):
        # The digits of v from that of d on; there is room.
        b = self.buf
        n = self.n
        while d:
            b[n] = 48 + v // d % 10
            n += 1
            d //= 10
        self.n = n

    def u16(self, b, at):
        self.number(b[at] << 8 | b[at + 1])

    def u32(self, b, at):
        """The four octets b[at:] as a number."""
        self.halves(b[at] << 8 | b[at + 1], b[at + 2] << 8 | b[at + 3])

    def halves(self, hi, lo):
        """The number hi << 16 | lo."""
        if hi < _TALL:
            self.number(hi << 16 | lo)
        elif self.room(_LONGEST):
            lo |= hi % 10000 << 16
            self.number(hi // 10000 << 16 | lo // 10000)
            self._digits(lo % 10000, 1000)

    def hundredths(self, v):
        """v / 100 with two decimals."""
        self._fraction(v, 100)

    def thousandths(self, v):
        """v / 1000 with three decimals."""
        self._fraction(v, 1000)

    def _fraction(self, v, of):
        if self.room(2 * _LONGEST):
            self.number(v // of)
            self.octet(46)
            self._digits(v % of, of // 10)

    def string(self, b, at, n):
        """n octets b[at:] as a JSON string: UTF-8 stays, what is none becomes \\u00xx."""
        self.octet(34)
        n += at
        while at < n:
            at = self._char(b, at, n)
        self.octet(34)

    def _char(self, b, at, end):
        c = b[at]
        if c < 0x80:
            if c == 34 or c == 92:
                self.octet(92)
            if c >= 0x20 and c != 0x7F:
                self.octet(c)
            else:
                self._escape(c)
            return at + 1
        end = min(end, at + _length(b, at))
        if end <= at or not _follow(b, at + 1, end) or end - at != _length(b, at):
            self._escape(c)
            return at + 1
        while at < end:
            self.octet(b[at])
            at += 1
        return at

    def _escape(self, c):
        if c == 0:  # which PostgreSQL does not take
            c = 0x3F
            self.octet(c)
            return
        self.put(_U00)
        self.octet(_HEX[c >> 4])
        self.octet(_HEX[c & 15])


_U00 = words("\\u00")
_HEX = b"0123456789abcdef"


def _length(b, at):
    # Octets of the UTF-8 character that begins with b[at]; 0: none does (RFC 3629).
    c = b[at]
    if c < 0xC2 or c > 0xF4:
        return 0
    if at + 1 >= len(b):
        return 0
    d = b[at + 1]
    if c < 0xE0:
        return 2
    if c < 0xF0:
        return 0 if c == 0xE0 and d < 0xA0 or c == 0xED and d > 0x9F else 3
    return 0 if c == 0xF0 and d < 0x90 or c == 0xF4 and d > 0x8F else 4


def _follow(b, at, end):
    while at < end:
        if b[at] & 0xC0 != 0x80:
            return False
        at += 1
    return True
