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
#   9 format    of the payload being captured
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
# and the classes of the records, one octet each, behind the ring in `buf`:
#   30 first    which of these is the oldest record's; there are size / 64
#   31 to 34    records of class 0 to 3
#   35 to 38    evicted, 39 to 42 full, 43 to 46 too big: of these, by class
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
_FIRST = const(30)
_NUMBER = const(31)
_LOST = const(35)
_STATE = const(47)

_STEP = const(256)  # payloads are copied in whole steps, so that few formats serve every length


class SendRing:
    """A bounded queue of variable-length records; each is a whole HEP packet.

    Memory: `size` octets of ring and a 64th of that, 190 of state and about 32 for every 256
    of `limit`, all made here; nothing is allocated afterwards. A record lies in one piece, so
    sending it is one write(buf, at, left). Records begin at multiples of four. The last 256
    octets before a record's successor or the ring's end must be free when it is stored.

    lost: None, or a function that is told where a record begins that is about to be evicted.

    Not for two threads: capture, poll and these methods belong to one.
    """

    lost = None

    def __init__(self, size, limit, oldest, slide):
        """slide(buf, at, n, by) moves n octets of buf by a distance of at least 64."""
        self.buf = bytearray(size + (size >> 6))
        self.st = st = array("i", bytes(4 * _STATE))
        st[_SIZE] = size
        st[_LIMIT] = limit
        self.oldest = oldest
        self.formats = tuple("%ds" % n for n in range(_STEP, limit + _STEP, _STEP))
        self._slide = slide

    def length(self, at):
        """Octets of the record at `at`."""
        return self.buf[at + 4] << 8 | self.buf[at + 5]

    def _next(self, at):
        st = self.st
        n = at + (self.length(at) + 3 & -4)
        return 0 if n == st[_END] and st[_HEAD] <= at else n

    def _slot(self, i):
        # Where the class of the i-th record stands.
        size = self.st[_SIZE]
        i += self.st[_FIRST]
        return size + (i if i < size >> 6 else i - (size >> 6))

    def enter(self):
        """Take in the class of a record that is about to be counted."""
        st = self.st
        self.buf[self._slot(st[_COUNT])] = st[_CLASS]
        st[_NUMBER + st[_CLASS]] += 1

    def pop(self):
        """Be done with the oldest record: on to the next one."""
        st = self.st
        at = st[_TAIL]
        st[_NUMBER + self.buf[self._slot(0)]] -= 1
        st[_FIRST] = self._slot(1) - st[_SIZE]
        st[_USED] -= self.length(at) + 3 & -4
        st[_COUNT] -= 1
        st[_TAIL] = st[_AT] = at = self._next(at)
        st[_LEFT] = self.length(at) if st[_COUNT] else 0

    def evict(self):
        """Drop a record to make room for one of the class in the state: True if one went.

        The oldest of the lowest class goes, if that is lower than the new one's. Else the
        oldest of all, if `oldest` and if it is of the same class. A record that is half on
        the wire stays. The records before the one that goes, or behind it, move.
        """
        st = self.st
        c = 0
        while c < st[_CLASS]:
            if st[_NUMBER + c] and self._oldest(c):
                return True
            c += 1
        if self.oldest and st[_COUNT] and self.buf[self._slot(0)] == c and st[_AT] == st[_TAIL]:
            self._drop(0, st[_TAIL])
            return True
        return False

    def _oldest(self, c):
        st = self.st
        at = st[_TAIL]
        i = 0
        if st[_AT] != at:
            i = 1
            at = self._next(at)
        while i < st[_COUNT]:
            if self.buf[self._slot(i)] == c:
                self._drop(i, at)
                return True
            at = self._next(at)
            i += 1
        return False

    def _drop(self, i, at):
        # Evict the i-th record, which begins at `at`.
        st = self.st
        if self.lost:
            self.lost(at)
        st[_EVICTED] += 1
        st[_LOST + self.buf[self._slot(i)]] += 1
        self._lift(i)
        if i:
            i = self.length(at) + 3 & -4
            if at > st[_TAIL]:
                self._slide(self.buf, st[_TAIL], at - st[_TAIL], i)
                st[_AT] += i
                st[_TAIL] += i
            else:
                self._slide(self.buf, at + i, st[_HEAD] - at - i, -i)
                st[_HEAD] -= i
            st[_USED] -= i
            st[_NUMBER + self.buf[self._slot(0)]] -= 1
            st[_FIRST] = self._slot(1) - st[_SIZE]
            st[_COUNT] -= 1
        else:
            self.pop()

    def _lift(self, i):
        # The class of the i-th record becomes the first one's.
        b = self.buf
        c = b[self._slot(i)]
        while i:
            b[self._slot(i)] = b[self._slot(i - 1)]
            i -= 1
        b[self._slot(0)] = c

    def rewind(self):
        """Send the oldest record from its first octet again (after a broken connection)."""
        st = self.st
        if st[_COUNT]:
            at = st[_TAIL]
            st[_AT] = at
            st[_LEFT] = self.length(at)
