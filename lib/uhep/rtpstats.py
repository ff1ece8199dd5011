# Part of uhep, MIT licence.
"""What a receiver of RTP can say of what it heard (RFC 3550 A.1, A.3, A.8; RFC 3611 4.7.2)."""

from struct import pack_into

from uhep.bursts import Bursts
from uhep.jitter import Jitter
from uhep.port import const

_MAX_DROPOUT = const(3000)  # RFC 3550 A.1
_MAX_MISORDER = const(100)
_SECOND = const(1000000)
_STALE_S = const(65535)
_LOST_MAX = const(0x7FFFFF)


class RtpStats(Jitter):
    """Statistics of one RTP stream that is received.

    stats = RtpStats(8000)
    stats.feed(buf, n, ticks_us())  # each packet, as soon as it is there
    stats.look(ticks_us())          # now and then, at least every 8 minutes; Voice.poll does
    stats.block(report, 8, ticks_us())

    Memory: all is made in the constructor; no method but that allocates. No int reaches 2^30,
    so that none is an object on a 32-bit port; ticks may wrap at 2^30.

    Of the stream that is heard now: `heard` (there was a packet), `ssrc_hi` and `ssrc_lo`
    (16 bits each), `expected`, `received` (duplicates and late ones too, as in RFC 3550),
    `lost` = expected - received, which duplicates may make negative; `jitter` in timestamp
    units, `jitter_us` the same in microseconds.

    Of the whole call, whatever its SSRC was: `duplicates`, `reordered`, `discards`,
    `ssrc_changes`, `restarts` (the numbers jumped, the SSRC did not), `invalid` (no RTP),
    `strange` (RTP that is none of the stream), `delta_us` and `max_delta_us` (between two
    packets), `max_jitter_us`, `mean_jitter_us`, and what total_expected(), total_received() and
    missing() give. `bursts` tells how the missing ones lie: see Bursts.

    The jitter is that of RFC 3550 6.4.1, of each packet against the one before it in order
    of arrival. Left out are RFC 4733 events, whose timestamp stands still, comfort noise, and
    what follows a silence (marker, or a timestamp that was set anew).

    `silent_ms` is how long nothing has come, since the first look if nothing ever has, or since
    it is expected again; a day at most. `one_way` is True when that is `one_way_ms` or more and
    no comfort noise has said why. Tell expect() of a hold: `expects` is False meanwhile, and so
    is `one_way`.
    """

    def __init__(self, clock_hz=8000, event_pt=101, packet_ms=20, one_way_ms=5000):
        """clock_hz: of the timestamps. event_pt: payload type of telephone-event, -1: none.

        Raises ValueError for a clock_hz that is none of RTP's.
        """
        super().__init__(clock_hz, event_pt, one_way_ms)
        self.packet_ms = packet_ms
        self.bursts = Bursts()
        self.heard = False
        self.ssrc_hi = self.ssrc_lo = 0
        self._base = self._max = self._last = self._cycles = 0
        self.received = 0
        self._was_expected = self._was_received = 0  # of streams that are over
        self._new_hi = self._new_lo = self._new_seq = -1  # who may be next
        self._prior_expected = self._prior_received = 0
        self.duplicates = self.reordered = self.discards = 0
        self.ssrc_changes = self.restarts = self.invalid = self.strange = 0
        self._lsr = bytearray(4)
        self._sr_s = -1  # when that SR came; -1: none has
        self._sr_us = 0

    def feed(self, buf, n, ticks):
        """A datagram of n octets in buf came at `ticks` (ticks_us): True if it counts."""
        if n < 12 or buf[0] & 0xC0 != 0x80 or 72 <= buf[1] & 0x7F <= 76:
            self.invalid += 1
            return False
        self.look(ticks)
        n = buf[2] << 8 | buf[3]
        if not self.heard:
            self._begin(buf, n)
        elif (buf[8] << 8 | buf[9]) != self.ssrc_hi or (buf[10] << 8 | buf[11]) != self.ssrc_lo:
            return self._other(buf, n)
        elif not self._sequence(n):
            return self._other(buf, n)
        self.received += 1
        self._last = n
        self._time(buf)
        return True

    def discarded(self, n=1):
        """The jitter buffer threw away n packets, the last of them the one fed last."""
        self.discards += n
        self.bursts.discard(self._last, n)

    def sent_report(self, buf, at, ticks):
        """An SR of this source came; its NTP timestamp is at buf[at:]. For LSR and DLSR."""
        self.look(ticks)
        self._sr_s = self._s
        self._sr_us = self._us
        for i in range(4):  # the middle of its 64 bits
            self._lsr[i] = buf[at + 2 + i]

    def block(self, buf, at, ticks):
        """Write the report block, 24 octets at buf[at:], and begin a new interval (A.3)."""
        self.look(ticks)
        pack_into(">HH", buf, at, self.ssrc_hi, self.ssrc_lo)
        n = min(max(self.lost, -_LOST_MAX - 1), _LOST_MAX)
        buf[at + 4] = self.fraction()
        buf[at + 5] = n >> 16 & 255
        pack_into(">H", buf, at + 6, n & 0xFFFF)
        pack_into(">HH", buf, at + 8, self._cycles & 0xFFFF, self._max)
        pack_into(">I", buf, at + 12, self.jitter)
        self._report(buf, at + 16)
        self._prior_expected = self.expected
        self._prior_received = self.received

    def _report(self, buf, at):
        # LSR, and DLSR in 1/65536 s; both 0 if there was no SR (RFC 3550 6.4.1).
        s = self._s - self._sr_s
        us = self._us - self._sr_us
        if us < 0:
            us += _SECOND
            s -= 1
        if self._sr_s < 0 or s > _STALE_S:
            pack_into("8s", buf, at, b"")
        else:
            us = us * 1024 // 15625
            pack_into("4s", buf, at, self._lsr)
            pack_into(">HH", buf, at + 4, s, us)

    def fraction(self):
        """Fraction of packets lost since the last `block`, in 1/256."""
        n = self.expected - self._prior_expected
        k = n - self.received + self._prior_received
        if n <= 0 or k <= 0:
            return 0
        return min(k * 256 // n, 255) if n < 0x400000 else 255

    @property
    def expected(self):
        return (self._cycles << 16) + self._max - self._base + 1 if self.heard else 0

    @property
    def lost(self):
        return self.expected - self.received

    def total_expected(self):
        """Packets that were to come, in the whole call."""
        return self._was_expected + self.expected

    def total_received(self):
        """Packets that came, in the whole call, each counted once."""
        return self._was_received + self.received - self.duplicates

    def missing(self):
        """Packets that never came, in the whole call."""
        return max(self.total_expected() - self.total_received(), 0)

    def settle(self):
        """Judge for `bursts` what might still have come late: before the last report."""
        if self.heard:
            self.bursts.settle(self._max)

    # Sequence numbers (A.1).

    def _begin(self, buf, seq):
        self.heard = True
        self.ssrc_hi = buf[8] << 8 | buf[9]
        self.ssrc_lo = buf[10] << 8 | buf[11]
        self._base = self._max = seq
        self._cycles = self._prior_expected = self._prior_received = self.received = 0
        self._new_seq = self._sr_s = -1
        self._anew()
        self.bursts.begin(seq)

    def _sequence(self, seq):
        # False: the numbers have jumped.
        d = (seq - self._max) & 0xFFFF
        if d == 1:
            self._ahead(seq, 1)
        elif d == 0 or d > 0x10000 - _MAX_MISORDER:
            if self.bursts.late(seq):
                self.reordered += 1
            else:
                self.duplicates += 1
        elif d < _MAX_DROPOUT:
            self._ahead(seq, d)
        else:
            return False
        self._new_seq = -1
        return True

    def _ahead(self, seq, d):
        if seq < self._max:
            self._cycles += 1
        self._max = seq
        self.bursts.ahead(seq, d)

    def _other(self, buf, seq):
        # Another SSRC, or a jump: believed when two in sequence say so (MIN_SEQUENTIAL).
        if (
            seq != self._new_seq
            or (buf[8] << 8 | buf[9]) != self._new_hi
            or (buf[10] << 8 | buf[11]) != self._new_lo
        ):
            self.strange += 1
            self._new_seq = (seq + 1) & 0xFFFF
            self._new_hi = buf[8] << 8 | buf[9]
            self._new_lo = buf[10] << 8 | buf[11]
            return False
        if self._new_hi == self.ssrc_hi and self._new_lo == self.ssrc_lo:
            self.restarts += 1
        else:
            self.ssrc_changes += 1
        self.strange -= 1
        self._was_expected += self.expected
        self._was_received += self.received
        self.bursts.settle(self._max)
        self._begin(buf, (seq - 1) & 0xFFFF)
        self._ahead(seq, 1)
        self.received = 2
        self._last = seq
        self._time(buf)
        return True
