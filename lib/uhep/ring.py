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
_STATE = const(30)

_STEP = const(256)  # payloads are copied in whole steps, so that few formats serve every length


class SendRing:
    """A bounded queue of variable-length records; each is a whole HEP packet.

    Memory: `size` octets of ring, 120 of state and about 32 for every 256 of `limit`, all
    made here; nothing is allocated afterwards. A record lies in one piece, so sending it is
    one write(buf, at, left). Records begin at multiples of four. The last 256 octets before
    a record's successor or the ring's end must be free when it is stored.

    Not for two threads: capture, poll and these methods belong to one.
    """

    def __init__(self, size=8192, limit=4096, oldest=True):
        self.buf = bytearray(size)
        self.st = st = array("i", bytes(4 * _STATE))
        st[_SIZE] = size
        st[_LIMIT] = limit
        self.oldest = oldest
        self.formats = tuple("%ds" % n for n in range(_STEP, limit + _STEP, _STEP))

    def pop(self):
        """Be done with the oldest record: on to the next one."""
        st = self.st
        at = st[_TAIL]
        size = self.length(at) + 3 & -4
        st[_USED] -= size
        st[_COUNT] -= 1
        size += at
        if size == st[_END] and st[_HEAD] <= at:
            size = 0
        st[_TAIL] = st[_AT] = size
        st[_LEFT] = self.length(size) if st[_COUNT] else 0

    def length(self, at):
        """Octets of the record at `at`."""
        return self.buf[at + 4] << 8 | self.buf[at + 5]

    def evict(self):
        """Drop the oldest record to make room: True if there is more room now.

        A record that is half on the wire stays, whatever the policy.
        """
        st = self.st
        if self.oldest and st[_COUNT] and st[_AT] == st[_TAIL]:
            self.pop()
            st[_EVICTED] += 1
            return True
        return False

    def rewind(self):
        """Send the oldest record from its first octet again (after a broken connection)."""
        st = self.st
        if st[_COUNT]:
            at = st[_TAIL]
            st[_AT] = at
            st[_LEFT] = self.length(at)
