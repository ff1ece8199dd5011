# Part of uhep, MIT licence.
"""Packets in flash, for an outage and across a reboot: a bounded ring of blocks."""

from struct import pack_into

from uhep.blocks import Blocks
from uhep.port import const

_HEADER = const(16)  # of a block
_H = const(72)
_FIRST = const(4)
_LATEST = const(12)
_KINDS = const(20)


def wrong(value):
    """What a `spool` of the configuration should be, or None if it is that."""
    if isinstance(value, dict) and len(value) == 2:
        path, blocks = value.get("path"), value.get("blocks")
        if isinstance(path, str) and path and path[-1] != "/" and type(blocks) is int:
            if 2 <= blocks <= 256:
                return None
    return 'null or {"path": "/uhep.spool", "blocks": 16}, blocks from 2 to 256'


class Spool:
    """Records go in at one end (`put`) and come out at the other (`ready`, `done`), in order.

    Memory: one block and some 90 octets for each block in flash, made here; opening a file
    takes what the file system takes. One buffer serves both ends: it is the block that is
    being filled, and later the one that is being sent.

    A block is written once, whole, and removed when its last record was sent. A power cut
    loses the block that is being filled. A reset while a block is being sent sends the whole
    block again after it. In a full ring a block makes room whose highest class is the lowest,
    of several one that is mostly of lower ones, of several the oldest; that may be the one
    that was to be written. What can not be written switches writing off for good, and raises
    nothing; what is in flash already is sent all the same.

    status: "ok", or why nothing is written any more; see Blocks
    bad: blocks that were cut, changed, not ours, or unreadable
    waiting: records that are here
    spooled, sent, lost: records put in, sent, and lost: to make room, as larger than a block,
    or unreadable; lost_by: these by class.
    seq: number of the next block. found: records that were in flash at the start;
    found + spooled = sent + lost + waiting.
    passed: another number whenever another record is the oldest.
    losing: None, or a function that is told of n records that are lost: losing(n, stamps); at 4
    and 12 in `stamps` seconds and microseconds of the first and of the last, 4 octets each.
    """

    losing = None

    def __init__(self, path, blocks, block=4096):
        """path: of the files, without number; blocks: how many; block: octets, 32 to 16384.

        Reads what an earlier run has left there. Raises no OSError.
        """
        self.blocks = blocks
        self.buf = bytearray(block)
        self._flash = Blocks(path, self.buf)
        self.waiting = self.spooled = self.sent = self.lost = 0
        self.lost_by = [0, 0, 0, 0]
        self.at = self.end = _HEADER  # in buf: the next record, and where records end
        self.passed = 0
        # Of buf, while it is being filled: records by class, and stamps as for `losing`.
        self._kinds = bytearray(_KINDS)
        self._last = _HEADER  # the record that was put there last
        self._class = 0  # of the record that is ready
        self._sending = False  # buf is a copy of the oldest block in flash
        self._from = _HEADER  # where the oldest block in flash goes on, if it was begun
        # (slot, records not sent by class, and stamps) of blocks in flash, oldest first
        self._queue = []
        self.seq = 0
        self._recover()
        self.found = self.waiting

    @property
    def status(self):
        return self._flash.status

    @property
    def bad(self):
        return self._flash.bad

    def wants(self, kind):
        """Whether a record of this class is worth its room.

        Of class 0 and 1 it is until half of the blocks are in flash, of class 2 until three
        quarters; then only if nothing of a higher class is there.
        """
        if kind == 3 or 4 * len(self._queue) < (2 + kind // 2) * self.blocks:
            return True
        return not max([max(kinds[kind + 1 : 4]) for _, kinds in self._queue])

    def put(self, buf, at, n, kind=2):
        """Take the record of n octets at buf[at], of class `kind`; may write a block.

        False: status is not "ok".
        """
        if self.status != "ok":
            return False
        if self._sending:
            self._from = self.at
            _stamp(self._queue[0][1], _FIRST, self.buf, self.at)
            self._empty()
        if n > len(self.buf) - _HEADER:
            self.waiting += 1
            self._give_up(buf, at, kind)
        else:
            if self.end + n > len(self.buf) and not self.store():
                return False
            pack_into("%ds" % n, self.buf, self.end, buf[at : at + n])
            self.buf[self.end] = kind
            self._last = self.end
            self.end += n
            self._kinds[kind] += 1
            self.waiting += 1
        self.spooled += 1
        return True

    def store(self):
        """Write the block that is being filled. False: it could not be, and stays in memory."""
        if self.status != "ok":
            return False
        fresh = bytearray(_KINDS)
        _stamp(self._kinds, _FIRST, self.buf, self.at)
        _stamp(self._kinds, _LATEST, self.buf, self._last)
        slot = self._room()
        if slot is None:
            self._forget(self._kinds)
            self._empty()
            return True
        if self.at < self.end and self.buf[self.at] == _H:
            self.buf[self.at] = self._class
        if not self._flash.write(slot, self.seq, self.end, _sum(self._kinds)):
            return False
        if self.at > _HEADER:  # only if it is the oldest, see ready
            self._from = self.at
        self._queue.append((slot, self._kinds))
        self.seq += 1
        self._kinds = fresh
        self._empty()
        return True

    def _room(self):
        # The number of the file that is written next. None: all others are worth more.
        if len(self._queue) < self.blocks:
            used = [slot for slot, _ in self._queue]
            return min([i for i in range(self.blocks) if i not in used])
        least = min(self._queue, key=lambda block: _worth(block[1]))
        if _worth(least[1]) > _worth(self._kinds):
            return None
        return self._lose(self._queue.index(least))

    def ready(self):
        """Length of the oldest record, which is in `buf` at `at`; 0: there is none, or not yet.

        Writes or reads a block if need be.
        """
        if self._queue and not self._sending:
            # Blocks in flash are older than what is in memory, so that joins them.
            if self.at < self.end:
                if self.store():
                    return 0
            elif not self._fetch():
                return 0
        return self._begin() if self.at < self.end else 0

    def _begin(self):
        if self.buf[self.at] != _H:
            self._class = self.buf[self.at]
            self.buf[self.at] = _H
        return self._length()

    def done(self, lost=0):
        """The record that is ready was sent, or is given up: on to the next one."""
        if lost:
            self._give_up(self.buf, self.at, self._class)
        else:
            self.sent += 1
            self.waiting -= 1
        self.at += self._length()
        self.passed += 1
        if self._sending:
            self._queue[0][1][self._class] -= 1
        else:
            self._kinds[self._class] -= 1
        if self.at == self.end:
            if self._sending:
                self._flash.remove(self._pop(0))
            self._empty()

    def _length(self):
        return self.buf[self.at + 4] << 8 | self.buf[self.at + 5]

    def _empty(self):
        self.at = self.end = _HEADER
        self._sending = False

    def _pop(self, i):
        # Forget a block in flash: its slot.
        if i == 0:
            self._from = _HEADER
            self.passed += 1
        return self._queue.pop(i)[0]

    def _lose(self, i):
        self._forget(self._queue[i][1])
        return self._pop(i)

    def _give_up(self, buf, at, kind):
        kinds = bytearray(_KINDS)
        kinds[kind] = 1
        _stamp(kinds, _FIRST, buf, at)
        _stamp(kinds, _LATEST, buf, at)
        self._forget(kinds)

    def _forget(self, kinds):
        # Records that are lost, by class.
        n = _sum(kinds)
        if n and self.losing:
            self.losing(n, kinds)
        for i in range(4):
            self.lost += kinds[i]
            self.lost_by[i] += kinds[i]
            self.waiting -= kinds[i]
            kinds[i] = 0

    def _fetch(self):
        # Read the oldest block in flash. False: it is lost.
        head = self._flash.read(self._queue[0][0])
        if not head:
            self._lose(0)
            return False
        self.at = self._from
        self.end = head[1]
        self._sending = True
        return True

    def _recover(self):
        found = []
        for slot in self._flash.slots():
            head = self._flash.read(slot)
            if head:
                found.append((head[0], slot, self._count(head[1])))
        for seq, slot, kinds in sorted(found):
            self._queue.append((slot, kinds))
            self.waiting += _sum(kinds)
            self.seq = seq + 1
        self._empty()

    def _count(self, end):
        # The records of the block in buf by class, and their stamps.
        kinds = bytearray(_KINDS)
        self.at = _HEADER
        _stamp(kinds, _FIRST, self.buf, self.at)
        while self.at < end:
            kinds[self.buf[self.at] & 3] += 1
            self._last = self.at
            self.at += self._length() or end
        _stamp(kinds, _LATEST, self.buf, self._last)
        return kinds


def _worth(kinds):
    # Of a block: by the highest class in it, and whether half of it or more are of that.
    n = 3
    while n and not kinds[n]:
        n -= 1
    return 2 * n + (2 * kinds[n] >= _sum(kinds))


def _sum(kinds):
    return kinds[0] + kinds[1] + kinds[2] + kinds[3]


def _stamp(kinds, to, buf, at):
    # That of the record at buf[at]: its chunks 9 and 10.
    end = to + 4 if at + 56 <= len(buf) else to
    while to < end:
        kinds[to] = buf[at + 42]
        kinds[to + 4] = buf[at + 52]
        to += 1
        at += 1
