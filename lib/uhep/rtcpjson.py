# Part of uhep, MIT licence.
"""The JSON of HEP type 5, with numbers everywhere."""

from uhep import rtcpmore
from uhep.jsontext import words
from uhep.port import const
from uhep.rtcpcheck import BYE, SDES, SR, following

_RR = const(201)
_BLOCK = const(24)
_ROOM = const(170)  # octets of JSON for one report block at the most
_HEAD = const(400)  # for what is before and after them

_SENDER = words(',"sender_information":{"ntp_timestamp_sec":')
_USEC = words(',"ntp_timestamp_usec":')
_STAMP = words(',"rtp_timestamp":')
_PACKETS = words(',"packets":')
_OCTETS = words(',"octets":')
_SSRC = words('"ssrc":')
_TYPE = words(',"type":')
_COUNT = words(',"report_count":')
_BLOCKS = words(',"report_blocks":[')
_SOURCE = words('{"source_ssrc":')
_FRACTION = words(',"fraction_lost":')
_LOST = words(',"packets_lost":')
_HIGHEST = words(',"highest_seq_no":')
_JITTER = words(',"ia_jitter":')
_LSR = words(',"lsr":')
_DLSR = words(',"dlsr":')


def same(b, at, c, k):
    """Whether four octets are the same."""
    n = 4
    while n:
        n -= 1
        if b[at + n] != c[k + n]:
            return False
    return True


class Members:
    """Writes one report into `json`, member by member; the packets have been checked.

    The keys are those of rtpengine, heplify and captagent: all report blocks, loss below 0
    as 0, NTP time as it is. Metrics that a sender says it does not know are left out.
    """

    alone = True  # a packet without SR or RR makes a report, too

    def __init__(self, json, rr_compat=False):
        self.json = json
        # The last sender information of each direction, SSRC first.
        self._last = (bytearray(24), bytearray(24)) if rr_compat else None

    def begin(self):
        self.json.begin()
        self.json.octet(123)
        self._had = self.left_out = 0

    def end(self):
        self.json.octet(125)

    def report(self, way, b, at, n):
        """The SR or RR at `at`, and the RRs of the same sender after it: what follows them.

        `left_out` counts the blocks, and members after them, for which there is no room.
        """
        self._way = way
        self._end = n
        self._from = at
        self._count(b, at)
        self._head(b[at + 1], b, at)
        self._sender(b, at)
        self.json.put(_BLOCKS)
        n = self._left
        at = self._each(b, at)
        if n:
            self.json.undo()
        self.json.octet(93)
        return at

    def _count(self, b, at):
        # How many blocks there are, as far as there is room.
        n = b[at] & 31
        at = following(b, at)
        while self._goes_on(b, at):
            n += b[at] & 31
            at = following(b, at)
        self._left = min(n, (len(self.json.buf) - _HEAD) // _ROOM)
        self.left_out = n - self._left

    def _goes_on(self, b, at):
        # Whether another RR of the same sender is there.
        return at < self._end and b[at + 1] == _RR and same(b, at + 4, b, self._from + 4)

    def _sender(self, b, at):
        if b[at + 1] == SR:
            if self._last:
                _copy(self._last[self._way], b, at + 4)
            self._information(b, at + 8)
        elif self._last:
            # An RR has none, and Homer draws nothing without: the last that this end has
            # sent, else that of the stream that it reports on.
            if same(self._last[self._way], 0, b, at + 4):
                self._information(self._last[self._way], 4)
            elif b[at] & 31 and same(self._last[1 - self._way], 0, b, at + 8):
                self._information(self._last[1 - self._way], 4)

    def _information(self, b, at):
        json = self.json
        json.put(_SENDER)
        json.u32(b, at)
        json.put(_USEC)
        json.u32(b, at + 4)
        json.put(_STAMP)
        json.u32(b, at + 8)
        json.put(_PACKETS)
        json.u32(b, at + 12)
        json.put(_OCTETS)
        json.u32(b, at + 16)
        json.octet(125)

    def _each(self, b, at):
        # The blocks of the report at `at`, and those of what goes on with it.
        k = at + (28 if b[at + 1] == SR else 8)
        while True:
            self._some(b, k, b[at] & 31)
            at = following(b, at)
            if not self._goes_on(b, at):
                return at
            k = at + 8

    def _some(self, b, at, n):
        while n and self._left:
            n -= 1
            self._left -= 1
            self._block(b, at)
            at += _BLOCK

    def _block(self, b, at):
        json = self.json
        json.put(_SOURCE)
        json.u32(b, at)
        json.put(_FRACTION)
        json.number(b[at + 4])
        json.put(_LOST)
        json.number(self._lost(b, at + 5))
        json.put(_HIGHEST)
        json.u32(b, at + 8)
        json.put(_JITTER)
        json.u32(b, at + 12)
        json.put(_LSR)
        self._lsr(b, at + 16)
        json.put(_DLSR)
        json.u32(b, at + 20)
        json.octet(125)
        json.octet(44)

    def _lost(self, b, at):
        return 0 if b[at] & 0x80 else b[at] << 16 | b[at + 1] << 8 | b[at + 2]

    def _lsr(self, b, at):
        self.json.u32(b, at)

    def more(self, kind, b, at):
        """A packet of another kind: False if the report has one of these."""
        if self._had & 1 << kind - SDES:
            return False
        self._had |= 1 << kind - SDES
        n = self.json.n
        if n == 1:  # there is no SR or RR
            self._head(kind, b, at)
        rtcpmore.put(self.json, kind, b, at)
        if n > 1 and not self.json.room(1):  # the report is worth more than this
            self.json.back(n)
            self.left_out += 1
        return True

    def _head(self, kind, b, at):
        json = self.json
        json.put(_SSRC)
        if (kind == BYE or kind == SDES) and not b[at] & 31:  # of nobody
            json.number(0)
        else:
            json.u32(b, at + 4)
        json.put(_TYPE)
        json.number(kind)
        if kind <= _RR:
            json.put(_COUNT)
            json.number(self._left)


def _copy(to, b, at):
    n = len(to)
    while n:
        n -= 1
        to[n] = b[at + n]
