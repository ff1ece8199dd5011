# Part of uhep, MIT licence.
"""What may come to an RTCP port, and whether it is whole (RFC 3550 A.2)."""

from uhep.port import const

SR, RR, SDES, BYE, APP, RTPFB, PSFB, XR = 200, 201, 202, 203, 204, 205, 206, 207

_BLOCK = const(24)
_VOIP = const(7)  # block type of the VoIP metrics
_VOIP_WORDS = const(8)

# Why a datagram is no RTCP, or not a whole one: the names of Rtcp.counts.
KINDS = ("empty", "stun", "version", "rtp", "truncated", "length", "srtcp", "secure")


def check(b, n):
    """None if b[:n] is a compound packet whose lengths add up, else a name of KINDS."""
    if n < 1:
        return "empty"
    if b[0] < 4:
        return "stun"
    if b[0] >> 6 != 2:
        return "version"
    if n < 2 or not 192 <= b[1] <= 223:
        return "rtp" if n >= 12 else "truncated"
    at = 0
    while at < n:
        end = _end(b, at, n)
        if end < 0:
            return _why(b, at, n, end)
        at = end
    return None


def _end(b, at, n):
    # Where the packet at `at` ends; -1: behind the datagram's end; -2: it is none.
    if at + 4 > n:
        return -2 if at else -1
    if b[at] >> 6 != 2 or not 192 <= b[at + 1] <= 223:
        return -2
    end = following(b, at)
    if end > n:
        return -1
    return end if _fits(b, at, content(b, at, end)) and (end == n or not b[at] & 0x20) else -2


def _why(b, at, n, code):
    # SRTCP (RFC 3711 3.4) is plain in its first 8 octets only, and ends with a flag, a number
    # that counts from 0, and a tag of 10 or 4 octets.
    if at and n >= 22 and (n & 3 == 2 and b[n - 14] == 0x80 or n & 3 == 0 and b[n - 8] == 0x80):
        return "srtcp"
    return "truncated" if code == -1 else "length"


def following(b, at):
    """Where the packet, or the XR block, after the one at `at` begins."""
    return at + 4 + ((b[at + 2] << 8 | b[at + 3]) << 2)


def content(b, at, end):
    """Where the content of the packet b[at:end] ends: its padding is left out. -1: nowhere."""
    if b[at] & 0x20:
        n = b[end - 1]
        if n == 0 or n & 3 or end - n < at + 4:
            return -1
        return end - n
    return end


def rates(v, mos):
    """Whether v is a MOS x10 or, without mos, an R factor of VoIP metrics (RFC 3611 4.7.5)."""
    return 10 <= v <= 50 if mos else v <= 100


def _fits(b, at, end):
    # Whether what the header announces is there.
    kind = b[at + 1]
    n = b[at] & 31
    if kind == SR:
        return at + 28 + n * _BLOCK <= end
    if kind == RR:
        return at + 8 + n * _BLOCK <= end
    if kind == SDES:
        return _items(b, at + 4, end, n)
    if kind == BYE:
        n = at + 4 + 4 * n
        return n <= end and (n == end or n + 1 + b[n] <= end)
    if kind == APP:
        return at + 12 <= end
    if kind == XR:
        return at + 8 <= end and _blocks(b, at + 8, end)
    return end > 0


def _items(b, at, end, n):
    while n:
        n -= 1
        at += 4
        while at < end and b[at]:
            at += 2 + (b[at + 1] if at + 1 < end else end)
        if at >= end:
            return False
        at = (at | 3) + 1  # a zero at least, and padding
    return at <= end


def _blocks(b, at, end):
    while at < end:
        if at + 4 > end:
            return False
        n = b[at + 2] << 8 | b[at + 3]
        if b[at] == _VOIP and n != _VOIP_WORDS:
            return False
        at += 4 + (n << 2)
    return at == end
