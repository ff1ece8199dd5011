# Part of uhep, MIT licence.
"""What the other end of a call says of our stream, and how long the way there and back is."""

from uhep import OUT
from uhep.port import const
from uhep.rtcpcheck import SR, content, following, rates

_MASK = const(0x3FFFFFFF)
_HALF = const(0x1FFFFFFF)
_BLOCK = const(24)
_VOIP = const(7)
_SMALL = const(0x40)


class Peer:
    """The last report block that was about us, of the RTCP that `report` is shown.

    `heard`: there was one; then `lost` (signed, in all), `fraction` (of the last interval,
    in 1/256), `jitter` (timestamp units; -1: absurd). `rtt_ms` is the round trip (RFC 3550
    6.4.1), -1 while it is not known. `mos_lq`, `mos_cq` x10 and `r_factor` come from VoIP metrics
    (RFC 3611), -1 if there were none, or none that can be. `ssrc_hi`, `ssrc_lo`: our own, as far
    as we have said.

    The round trip is measured from where we saw our SR go, so it needs no clock. Allocates
    nothing.
    """

    def __init__(self, ticks):
        self._ticks = ticks
        self.heard = False
        self.ssrc_hi = self.ssrc_lo = -1
        self.lost = self.fraction = self.jitter = 0
        self.rtt_ms = self.mos_lq = self.mos_cq = self.r_factor = -1
        self._sent = bytearray(8)  # middle of the NTP time of our last two SRs
        self._when = [-1, -1]  # and the ticks
        self._next = 0

    def report(self, way, b, at):
        """An SR or RR stands at b[at:]."""
        if way == OUT:
            self.ssrc_hi = b[at + 4] << 8 | b[at + 5]
            self.ssrc_lo = b[at + 6] << 8 | b[at + 7]
            if b[at + 1] == SR:
                self._ours(b, at + 10)
            return
        n = b[at] & 31
        at += 28 if b[at + 1] == SR else 8
        while n:
            n -= 1
            if self._me(b, at):
                self._block(b, at)
                return
            at += _BLOCK

    def _ours(self, b, at):
        k = self._next
        self._next = 1 - k
        self._when[k] = self._ticks() & _MASK
        k *= 4
        n = 4
        while n:
            n -= 1
            self._sent[k + n] = b[at + n]

    def _me(self, b, at):
        if self.ssrc_hi < 0:
            return True
        return (b[at] << 8 | b[at + 1]) == self.ssrc_hi and (
            b[at + 2] << 8 | b[at + 3]
        ) == self.ssrc_lo

    def _block(self, b, at):
        self.heard = True
        self.fraction = b[at + 4]
        self.lost = signed(b, at + 5)
        self.jitter = _u30(b, at + 12)
        k = 2
        while k:
            k -= 1
            if self._when[k] >= 0 and self._same(k * 4, b, at + 16):
                self._round(self._when[k], b, at + 20)

    def _same(self, k, b, at):
        n = 4
        while n:
            n -= 1
            if self._sent[k + n] != b[at + n]:
                return False
        return True

    def _round(self, when, b, at):
        # DLSR in halves: seconds, and 1/65536 s.
        d = (self._ticks() - when) & _MASK
        s = b[at] << 8 | b[at + 1]
        if d > _HALF or s > 500:
            return
        d -= s * 1000000
        s = b[at + 2] << 8 | b[at + 3]
        d -= s * 15625 >> 10
        if d > -10000:  # less is no rounding
            self.rtt_ms = max(d, 0) // 1000

    def extended(self, way, b, at):
        """An XR stands at b[at:]."""
        if way == OUT:
            return
        end = content(b, at, following(b, at))  # as far as it has been checked
        at += 8
        while at < end:
            if b[at] == _VOIP and self._me(b, at + 4):
                self.r_factor = _rating(b[at + 24], False)
                self.mos_lq = _rating(b[at + 26], True)
                self.mos_cq = _rating(b[at + 27], True)
            at = following(b, at)


def signed(b, at):
    """Three octets as a number from -2^23 to 2^23 - 1."""
    n = b[at] << 16 | b[at + 1] << 8 | b[at + 2]
    return n - 0x1000000 if n > 0x7FFFFF else n


def _rating(v, mos):
    return v if rates(v, mos) else -1


def _u30(b, at):
    if b[at] >= _SMALL:
        return -1
    return b[at] << 24 | b[at + 1] << 16 | b[at + 2] << 8 | b[at + 3]
