# The hot path in bytecode: does octet for octet what _native.py does, for interpreters
# without the native emitter (and CPython). Every function here keeps its frame within 11
# words, arguments and operand stack included: a larger one comes from the heap on each call.
# The state array `st` is described in ring.py.

import sys
from errno import EAGAIN
from struct import pack_into

from uhep.port import const

_HEAD = const(0)
_TAIL = const(1)
_END = const(2)
_COUNT = const(3)
_AT = const(4)
_LEFT = const(5)
_USED = const(6)
_SIZE = const(7)
_LIMIT = const(8)
_FORMAT = const(9)
_FOUND = const(10)
_PEAK_BYTES = const(11)
_PEAK_RECORDS = const(12)
_TRUNCATED = const(13)
_QUEUED = const(14)
_HI = const(20)
_LO = const(21)
_US = const(22)
_T0 = const(23)
_ZERO = const(24)

_SLACK = const(256)
_BURST = const(4)
_WRAP = const(0x1FFFFFFF)

_NAME = b"call-id"
_SOME = OSError(EAGAIN)  # any error, for the links' count


def _colon(b, n, i):
    # Where the colon of a Call-ID header stands whose name may begin at i, or 0.
    if b[i] | 0x20 == 0x69:
        i += 1
    else:
        k = 0
        while k < 7 and i < n and b[i] > 13 and b[i] | 0x20 == _NAME[k]:
            i += 1
            k += 1
        if k < 7:
            return 0
    while i < n and b[i] in (32, 9):
        i += 1
    return i if i < n and b[i] == 58 else 0


def _value(b, n, i, st):
    while i < n and b[i] <= 32:
        if b[i] == 10 and (i + 1 == n or b[i + 1] not in (32, 9)):
            return 0
        i += 1
    st[_FOUND] = k = i
    while i < n and b[i] >= 32:
        i += 1
    while i > k and b[i - 1] <= 32:
        i -= 1
    return i - k


def scan(b, n, i, st):
    while i < n and b[i] <= 13:
        i += 1
    k = 0
    while not k:
        i = b.find(b"\n", i, n) + 1
        if not 0 < i < n or b[i] in (13, 10):
            return 0
        k = _colon(b, n, i)
    return _value(b, n, k + 1, st)


def _place(st, total):
    # Where a record of `total` octets goes, or -1.
    at = st[_HEAD]
    size = total + _SLACK
    if not st[_COUNT]:
        st[_TAIL] = st[_AT] = at = 0
        st[_LEFT] = total
        return 0
    if at <= st[_TAIL]:
        return at if at + size <= st[_TAIL] else -1
    if at + size <= st[_SIZE]:
        return at
    if size > st[_TAIL]:
        return -1
    st[_END] = at
    return 0


def _room(st, total, n):
    # The same with the books kept; -2: larger than the ring.
    if total + _SLACK > st[_SIZE] or n <= 0:
        return -2
    n = _place(st, total)
    if n < 0:
        return n
    total = (total + 3) & -4
    st[_HEAD] = n + total
    st[_USED] += total
    st[_PEAK_BYTES] = max(st[_PEAK_BYTES], st[_USED])
    st[_COUNT] += 1
    st[_PEAK_RECORDS] = max(st[_PEAK_RECORDS], st[_COUNT])
    st[_QUEUED] = (st[_QUEUED] + 1) & _WRAP
    return n


def _stamp(st, r, at):
    pack_into(">HH", r, at + 42, st[_HI], st[_LO])
    pack_into(">I", r, at + 52, st[_US])


def _correlate(self, at, cid, n):
    # The correlation id's chunk at `at`: n octets from cid[st[_FOUND]] on.
    _chunk(self._ring, at, 17, n)
    return _copy(self, at + 6, cid, n)


def _copy(self, at, cid, n):
    r = self._ring
    i = self._st[_FOUND]
    n += at
    while at < n:
        r[at] = cid[i]
        at += 1
        i += 1
    return at


def _frame(self, n, cid, ids):
    # All of a record but the payload. Where that goes; -1: no room; -2: larger than the
    # ring, or nothing; -3: the collector does not take this kind.
    at = self._flow.fixed
    if not at:
        return -3
    total = _clip(self, at + (ids + 12 if ids else 6), n)
    n = _room(self._st, total, n)
    if n < 0:
        return n
    pack_into(self._flow.form, self._ring, n, self._head)
    pack_into(">H", self._ring, n + 4, total)
    if not self._st[_ZERO]:
        _stamp(self._st, self._ring, n)
    at += n
    if ids:
        at = _correlate(self, at, cid, ids)
    total += n - at - 6
    _chunk(self._ring, at, 15, total)
    return at + 6


def _chunk(r, at, kind, n):
    n += 6
    pack_into(">HHH", r, at, 0, kind, n)


def _clip(self, total, n):
    # The record's length with n octets of payload, or as many as the limit leaves.
    st = self._st
    self._cut = total + n > st[_LIMIT]
    if self._cut:
        n = st[_LIMIT] - total
    st[_FORMAT] = n >> 8
    return total + n


def _find(self, buf, n, cid):
    # How long the correlation id is, 255 at most; st[_FOUND]: where it begins.
    if cid is not None:
        self._st[_FOUND] = 0
        n = cid.find(b"\0")
        if n < 0:
            n = len(cid)
    else:
        n = scan(buf, n, 0, self._st) if self._flow.sip else 0
    return n if n < 255 else 255


def _capture(self, buf, n, cid):
    if n > len(buf):
        n = len(buf)
    ids = _find(self, buf, n, cid)
    if cid is None:
        cid = buf
    self.clock.tick(1)
    at = _frame(self, n, cid, ids)
    while at < 0:
        if not self._room(at, n):
            return False
        at = _frame(self, n, cid, ids)
    if self._cut:
        self._st[_TRUNCATED] += 1
    pack_into(self._formats[self._st[_FORMAT]], self._ring, at, buf)
    return True


def capture(self, flow, way, buf, n, cid=None):
    if not self.enabled:
        return False
    if type(buf) is not bytes and type(buf) is not bytearray:
        buf = bytes(buf)
    self._flow = flow
    self._head = flow.heads[way]
    if cid is None:
        cid = self._cid
    return _capture(self, buf, n, cid)


def _write(self):
    return self._out[2](self._ring, self._st[_AT], self._st[_LEFT])


def _send(self):
    try:
        return _write(self)
    except OSError:  # "as e" would take the frame over 11 words
        return _again(self)


def _again(self):
    # What was the error? CPython tells; elsewhere a second try does, or succeeds.
    try:
        if hasattr(sys, "exc_info"):
            raise sys.exc_info()[1]
        self._failed(_SOME)
        return _write(self) if self._out[2] else None
    except OSError as e:
        self._failed(e)


def poll(self):
    st = self._st
    n = 0
    if not self._out[2] or not st[_LEFT]:
        self._idle()
    while self._out[2] and st[_LEFT] and n < _BURST:
        sent = _send(self)
        if sent != st[_LEFT]:
            if sent:
                st[_AT] += sent
                st[_LEFT] -= sent
            break
        self.ring.pop()
        n += 1
    if not n:
        self.clock.tick()
    return n
