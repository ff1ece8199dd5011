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
_METHOD = const(25)
_STATUS = const(26)
_CLASS = const(27)
_IDS = const(28)
_NEW = const(29)
_NUMBER = const(31)

_BEGIN = const(4)
_SLACK = const(260)  # of a whole step of the payload, and the word before the next record
_BURST = const(4)
_WRAP = const(0x1FFFFFFF)

_NAME = b"call-idcseq"
_METHODS = (
    b"INVITE ACK BYE CANCEL OPTIONS REGISTER MESSAGE INFO PRACK UPDATE SUBSCRIBE NOTIFY REFER "
    b"PUBLISH "
)
_SOME = OSError(EAGAIN)  # any error, for the links' count


def _method(b, n, i):
    # The code of the method at i.
    m = 1
    k = 0
    while m < 15:
        e = i
        while e < n and b[e] == _METHODS[k] and b[e] > 32:
            e += 1
            k += 1
        if _METHODS[k] == 32 and (e >= n or b[e] <= 32):
            break
        k = _METHODS.find(b" ", k) + 1
        m += 1
    return m


def _version(b, n, i):
    # Whether the line at i begins a request of whatever method.
    e = b.find(b"\n", i, n)
    if e < 0:
        e = n
    n = b.find(b" ", i, e)
    return n > i and b.find(b":", i, n) < 0 and b.find(b" SIP/", n, e) > 0


def _status(b, n, i):
    while i < n and b[i] > 32:
        i += 1
    while i < n and b[i] == 32:
        i += 1
    k = 0
    while i < n and 48 <= b[i] <= 57 and k < 1000:
        k = k * 10 + b[i] - 48
        i += 1
    return k if 100 <= k <= 999 else 999


def _start(b, n, st):
    # Reads the start line; where it begins.
    i = 0
    while i < n and b[i] <= 13:
        i += 1
    st[_METHOD] = st[_STATUS] = 0
    if i + 4 <= n and b.find(b"SIP/", i, i + 4) == i:
        st[_STATUS] = _status(b, n, i)
    else:
        st[_METHOD] = _method(b, n, i)
        if st[_METHOD] == 15 and not _version(b, n, i):
            st[_METHOD] = 0
    return i


def _colon(b, n, i):
    # Where the colon of a Call-ID header stands whose name may begin at i; below 0: of a CSeq
    # header; or 0.
    k = 0
    e = 7
    if b[i] | 0x20 == 0x69:
        i += 1
        k = 7
    elif i + 1 < n and b[i + 1] | 0x20 == 0x73:
        k = 7
        e = 11
    while k < e and i < n and b[i] > 13 and b[i] | 0x20 == _NAME[k]:
        i += 1
        k += 1
    if k < e:
        return 0
    while i < n and b[i] in (32, 9):
        i += 1
    if i >= n or b[i] != 58:
        return 0
    return i if e == 7 else -i


def _value(b, n, i, top):
    # Where a value begins: behind white space, folds, and digits up to `top`.
    while i < n and (b[i] <= 32 or 48 <= b[i] <= top):
        if b[i] == 10 and (i + 1 == n or b[i + 1] not in (32, 9)):
            break
        i += 1
    return i


def _line(b, n, i, st):
    # Takes what is not known yet from the line at i.
    k = _colon(b, n, i)
    if k < 0 and st[_STATUS] and not st[_METHOD]:
        i = _value(b, n, 1 - k, 57)
        st[_METHOD] = _method(b, n, i)
    if k <= 0 or st[_IDS] >= 0:
        return
    st[_FOUND] = k = i = _value(b, n, k + 1, 0)
    while i < n and b[i] >= 32:
        i += 1
    while i > k and b[i - 1] <= 32:
        i -= 1
    st[_IDS] = i - k


def _header(b, n, st):
    # Looks for what is not known: the Call-ID, and a response's method.
    i = _start(b, n, st)
    while st[_IDS] < 0 or st[_STATUS] and not st[_METHOD]:
        i = b.find(b"\n", i, n) + 1
        if not 0 < i < n or b[i] in (13, 10):
            break
        _line(b, n, i, st)


def _rank(m, status):
    # The class of a message by its method.
    if not 0 < m < 7:
        return 2
    if m > 4:
        return 0
    return 2 if 0 < status < 200 else 3


def scan(b, n, st, mode):
    # What the n octets of b are, into the state array. False: no SIP, and the flow takes no
    # other. Before, st[_IDS]: octets of a correlation id that is known; -1: the Call-ID.
    st[_FOUND] = 0
    if mode < 0:
        _header(b, max(n, 0), st)
        if mode < -1 and not st[_METHOD] and not st[_STATUS]:
            return False
        mode = _rank(st[_METHOD], st[_STATUS])
    else:
        st[_METHOD] = st[_STATUS] = 0
    st[_CLASS] = mode
    st[_IDS] = min(max(st[_IDS], 0), 255)
    return True


def _place(st, n):
    # Where a record goes that needs n octets; -1: no room; -2: larger than the ring.
    if n + _BEGIN > st[_SIZE]:
        return -2
    at = st[_HEAD]
    end = st[_SIZE]
    if not st[_COUNT]:
        st[_TAIL] = st[_AT] = at = _BEGIN
    elif at <= st[_TAIL]:
        end = st[_TAIL]
    elif at + n > end:
        end = st[_TAIL]
        if n + _BEGIN <= end:
            st[_END] = at
        at = _BEGIN
    return at if at + n <= end else -1


def slide(r, at, n, by):
    # Moves n octets by `by`, the last first if they go up.
    step = 1
    if by > 0:
        at += n - 1
        step = -1
    while n:
        r[at + by] = r[at]
        at += step
        n -= 1


def _room(st, ring, total, n):
    # The same for a packet of `total` octets, with the books kept.
    n = _place(st, total + _SLACK) if n > 0 else -2
    if n < 0:
        return n
    if not st[_COUNT]:
        st[_LEFT] = total
    st[_NEW] = n
    ring[n - 1] = st[_CLASS]
    st[_NUMBER + st[_CLASS]] += 1
    total = total + 7 & -4
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


def _correlate(self, at):
    # The correlation id's chunk at `at`.
    n = self._st[_IDS]
    _chunk(self._ring, at, 17, n)
    return _copy(self._ring, at + 6, self._source, self._st[_FOUND], n)


def _copy(r, at, b, i, n):
    n += at
    while at < n:
        r[at] = b[i]
        at += 1
        i += 1
    return at


def _frame(self, n):
    # All of a record but the payload. Where that goes; -1: no room; -2: larger than the
    # ring, or nothing; -3: the collector does not take this kind.
    at = self._flow.fixed
    if not at:
        return -3
    total = _clip(self, at, n)
    n = _room(self._st, self._ring, total, n)
    if n < 0:
        return n
    self.clock.tick(1)
    pack_into(self._flow.form, self._ring, n, self._head)
    pack_into(">H", self._ring, n + 4, total)
    if not self._st[_ZERO]:
        _stamp(self._st, self._ring, n)
    at += n
    if self._st[_IDS]:
        at = _correlate(self, at)
    total += n - at - 6
    _chunk(self._ring, at, 15, total)
    return at + 6


def _chunk(r, at, kind, n):
    n += 6
    pack_into(">HHH", r, at, 0, kind, n)


def _clip(self, total, n):
    # A record's length with `total` octets of header and n octets of payload, or as many as
    # the limit leaves.
    st = self._st
    total += st[_IDS] + 12 if st[_IDS] else 6
    self._cut = total + n > st[_LIMIT]
    if self._cut:
        n = st[_LIMIT] - total
    st[_FORMAT] = n >> 8
    return total + n


def _given(cid):
    # How long a correlation id is: it ends at a NUL.
    n = cid.find(b"\0")
    return len(cid) if n < 0 else n


def _stored(self):
    at = self._st[_NEW]
    self._guard.stored(at, self.ring.length(at))
    return True


def _store(self, buf, n):
    at = _frame(self, n)
    while at < 0:
        if not self._room(at, n):
            return False
        at = _frame(self, n)
    if self._cut:
        self._st[_TRUNCATED] += 1
    pack_into(self._formats[self._st[_FORMAT]], self._ring, at, buf)
    return self._guard is None or _stored(self)


def _capture(self, way, buf, n):
    flow = self._flow
    if self._guard is not None and not self._guard.admit(flow, way, buf, n):
        return False
    self._head = flow.heads[way]
    return _store(self, buf, n)


def capture(self, flow, way, buf, n, cid=None):
    if not self.enabled:
        return False
    if type(buf) is not bytes and type(buf) is not bytearray:
        buf = bytes(buf)
    self._flow = flow
    if n > len(buf):
        n = len(buf)
    if cid is None:
        cid = self._cid
    self._source = buf if cid is None else cid
    self._st[_IDS] = -1 if cid is None else _given(cid)
    if not scan(buf, n, self._st, flow.mode):
        return None
    return _capture(self, way, buf, n)


def begins(st, buf, n):
    if type(buf) is not bytes and type(buf) is not bytearray:
        buf = bytes(buf)
    st[_IDS] = 0
    return scan(buf, n, st, -2)


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
