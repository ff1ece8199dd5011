# Part of uhep, MIT licence.
"""The send queue: complete HEP packets in one preallocated bytearray, and its state."""

from array import array

from uhep.port import const

# The state array: what the hot path reads and writes, in one array of ints so that machine
# code reaches it by index. Every entry stays below 2^30.
#   0 head      where the next record goes
#   1 tail      where the oldest record begins
#   2 end       where the records before the wrap end
#   3 count     records in the ring
#   4 at        next octet to send, 5 left: octets of the oldest record yet to send
#   6 used      octets in records
#   7 size      of the ring, 8 limit: the largest HEP packet
#   9 format    of the payload being captured, in bytecode
#   11, 12      most octets, most records there ever were
#   13 truncated, 14 queued, 15 evicted, 16 full, 17 too big, 18 unwanted, 19 empty: counters
# and the clock's:
#   20 hi, 21 lo, 22 us: Unix time of the last stamp, seconds in halves
#   23 t0       ticks of that stamp
#   24 zero     stamps are 0/0
# and what the scan found in the packet being captured, for guards (see uhep.guard):
#   10 found    where its correlation id begins, 28 ids: how long that is; in the given one or
#               in the packet, which is agent._source
#   25 method   1 INVITE 2 ACK 3 BYE 4 CANCEL 5 OPTIONS 6 REGISTER 7 MESSAGE 8 INFO 9 PRACK
#               10 UPDATE 11 SUBSCRIBE 12 NOTIFY 13 REFER 14 PUBLISH 15 any other; a
#               response's is its CSeq's; 0: none, which a request without start line has
#   26 status   100 to 999, of a response (999: none that can be read); 0: no response
#   27 class    the order of sacrifice: 0 OPTIONS, REGISTER and their answers; 1 RTCP and
#               periodic reports; 2 everything else; 3 INVITE, ACK, BYE, CANCEL and final
#               responses to these
#   29 new      where the newest record begins
# and of each class, 0 to 3:
#   31 to 34    records in the ring
#   35 to 38    evicted, 39 to 42 full, 43 to 46 too big: of these counters
_HEAD = const(0)
_TAIL = const(1)
_END = const(2)
_COUNT = const(3)
_AT = const(4)
_LEFT = const(5)
_USED = const(6)
_SIZE = const(7)
_LIMIT = const(8)
_EVICTED = const(15)
_CLASS = const(27)
_NUMBER = const(31)
_LOST = const(35)
_STATE = const(47)

_BEGIN = const(4)  # where a record at the front of the ring begins: behind its class

_STEP = const(256)  # payloads are copied in whole steps, so that few formats serve every length


class SendRing:
    """A bounded queue of variable-length records; each is a whole HEP packet.

    Memory: `size` octets of ring, 190 of state and about 32 for every 256 of `limit`, all
    made here; nothing is allocated afterwards. A record lies in one piece, so sending it is
    one write(buf, at, left). Records begin at multiples of four; in the word before each, the
    last octet is its class. The last 256 octets before a record's successor or the ring's end
    must be free when it is stored.

    lost: None, or a function that is told where a record begins that is about to be evicted.

    Not for two threads: capture, poll and these methods belong to one.
    """

    lost = None

    def __init__(self, size, limit, oldest, slide):
        """slide(buf, at, n, by) moves n octets of buf by a distance of at least 64."""
        self.buf = bytearray(size)
        self.st = st = array("i", bytes(4 * _STATE))
        st[_SIZE] = size
        st[_LIMIT] = limit
        self.oldest = oldest
        self.formats = tuple(["%ds" % n for n in range(_STEP, limit + _STEP, _STEP)])
        self._slide = slide

    def length(self, at):
        """Octets of the record at `at`."""
        return self.buf[at + 4] << 8 | self.buf[at + 5]

    def next(self, at):
        """Where the record behind the one at `at` begins."""
        st = self.st
        n = at + (self.length(at) + 7 & -4)
        return _BEGIN if n == st[_END] and st[_HEAD] <= at else n

    def pop(self):
        """Be done with the oldest record: on to the next one."""
        st = self.st
        at = st[_TAIL]
        self._forget(at)
        st[_TAIL] = self.next(at)
        self.rewind()

    def _forget(self, at):
        # Takes the record at `at` out of the books; how much of the ring it held.
        st = self.st
        n = self.length(at) + 7 & -4
        st[_USED] -= n
        st[_COUNT] -= 1
        st[_NUMBER + self.buf[at - 1]] -= 1
        return n

    def evict(self):
        """Drop a record to make room for one of the class in the state: True if one went.

        The oldest of the lowest class goes, if that is lower than the new one's. Else the
        oldest of all, if `oldest` and if it is of the same class. A record that is half on
        the wire stays. The records before the one that goes, or behind it, move.
        """
        st = self.st
        at = c = 0
        while c < st[_CLASS] and not at:
            at = st[_NUMBER + c] and self._oldest(c)
            c += 1
        if not at and self.oldest and st[_COUNT] and st[_AT] == st[_TAIL]:
            if self.buf[st[_TAIL] - 1] == c:
                at = st[_TAIL]
        if at:
            self.drop(at)
        return at > 0

    def _oldest(self, c):
        # Where the oldest record of class c begins that may go; 0: there is none.
        st = self.st
        at = st[_TAIL]
        n = st[_COUNT]
        while n and (self.buf[at - 1] != c or at == st[_TAIL] != st[_AT]):
            at = self.next(at)
            n -= 1
        return at if n else 0

    def drop(self, at):
        """Lose the record at `at`, and count it as evicted."""
        st = self.st
        if self.lost:
            self.lost(at)
        st[_EVICTED] += 1
        st[_LOST + self.buf[at - 1]] += 1
        if at == st[_TAIL]:
            self.pop()
            return
        n = self._forget(at)
        if at > st[_TAIL]:
            self._slide(self.buf, st[_TAIL] - 4, at - st[_TAIL], n)
            st[_AT] += n
            st[_TAIL] += n
        else:
            self._slide(self.buf, at + n - 4, st[_HEAD] - at - n, -n)
            st[_HEAD] -= n

    def rewind(self):
        """Send the oldest record from its first octet again (after a broken connection)."""
        st = self.st
        st[_AT] = at = st[_TAIL]
        st[_LEFT] = self.length(at) if st[_COUNT] else 0
