# The hot path in bytecode: does octet for octet what _native.py does, for interpreters
# without the native emitter (and CPython). Every function here keeps its frame within 11
# words, arguments and operand stack included: a larger one comes from the heap on each call.
# The state array `st` is described in ring.py.

from struct import pack_into

from uhep.link import caught
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

_NAMES = const(b"call-id\0cseq\0sip/\0")
_METHODS = const(
    b"INVITE ACK BYE CANCEL OPTIONS REGISTER MESSAGE INFO PRACK UPDATE SUBSCRIBE NOTIFY REFER "
    b"PUBLISH "
)


def _method(b, n, i):
    # The code of the method at i.
    m = 1
    k = 0
    while m < 15:
        e = i
        while e < n and b[e] == _METHODS[k] > 32:
            e += 1
            k += 1
        if _METHODS[k] == 32 and (e >= n or b[e] <= 32):
            break
        k = _METHODS.find(b" ", k) + 1
        m += 1
    return m


def _past(b, n, i, k):
    # Where it goes on behind the name of _NAMES[k] at i, in any case; 0: another stands there.
    while _NAMES[k]:
        if i >= n or b[i] < 32 or b[i] | 0x20 != _NAMES[k]:
            return 0
        i += 1
        k += 1
    return i


def _start(b, n, st):
    # Reads the start line; where it has come to.
    i = 0
    while i < n and b[i] <= 13:
        i += 1
    if _past(b, n, i, 13):
        while i < n and b[i] > 32:
            i += 1
        while i < n and b[i] == 32:
            i += 1
        k = 0
        while i < n and 48 <= b[i] <= 57 and k < 1000:
            k = k * 10 + b[i] - 48
            i += 1
        st[_STATUS] = k if 100 <= k <= 999 else 999
        return i
    st[_METHOD] = _method(b, n, i)
    if st[_METHOD] == 15:
        # A request of whatever method, if a version is named.
        st[_METHOD] = 0
        n = b.find(b"\n", i, n) % (n + 1)  # that or n
        k = b.find(b" ", i, n) + 1
        if k > i + 1 and b.find(b":", i, k) < 0:
            while k:
                if _past(b, n, k, 13):
                    st[_METHOD] = 15
                k = b.find(b" ", k, n) + 1
    return i


def _line(b, n, i, st):
    # Takes what is not known yet from the line at i: the Call-ID, or from CSeq the method.
    k = 0
    if b[i] | 0x20 == 0x69:
        i += 1
    elif b[i] | 0x20 == 0x63:
        if i + 1 < n and b[i + 1] | 0x20 == 0x73:
            k = 8
        i = _past(b, n, i, k)
    else:
        return
    if not i or (st[_METHOD] or not st[_STATUS] if k else st[_IDS] >= 0):
        return
    while i < n and b[i] in (32, 9):
        i += 1
    if i >= n or b[i] != 58:
        return
    # The value: behind white space, folds, and the digits of a CSeq.
    i += 1
    while i < n and (b[i] <= 32 or k and 48 <= b[i] <= 57):
        if b[i] == 10 and (i + 1 == n or b[i + 1] not in (32, 9)):
            break
        i += 1
    if k:
        st[_METHOD] = _method(b, n, i)
        return
    st[_FOUND] = k = i
    while i < n and b[i] >= 32:
        i += 1
    while i > k and b[i - 1] <= 32:
        i -= 1
    st[_IDS] = i - k


def scan(b, n, st, mode):
    # What the n octets of b are, into the state array. False: no SIP, and the flow takes no
    # other. Before, st[_IDS]: octets of a correlation id that is known; -1: the Call-ID.
    st[_FOUND] = st[_METHOD] = st[_STATUS] = 0
    if mode < 0:
        n = max(n, 0)
        i = _start(b, n, st)
        while st[_IDS] < 0 or st[_STATUS] and not st[_METHOD]:
            i = b.find(b"\n", i, n) + 1
            if not 0 < i < n or b[i] in (13, 10):
                break
            _line(b, n, i, st)
        i = st[_METHOD]
        if mode < -1 and not i and not st[_STATUS]:
            return False
        mode = 2
        if 0 < i < 7 and not (i < 5 and 0 < st[_STATUS] < 200):
            mode = 3 if i < 5 else 0
    st[_CLASS] = mode
    st[_IDS] = min(max(st[_IDS], 0), 255)
    return True


def _place(st, ring, total):
    # Where a record of `total` octets goes, with the books kept; -1: no room; -2: larger
    # than the ring.
    n = total + _SLACK
    end = st[_SIZE]
    if n + _BEGIN > end:
        return -2
    at = st[_HEAD]
    if not st[_COUNT]:
        st[_TAIL] = st[_AT] = at = _BEGIN
        st[_LEFT] = total
    elif at <= st[_TAIL]:
        end = st[_TAIL]
    elif at + n > end:
        end = st[_TAIL]
        if n + _BEGIN <= end:
            st[_END] = at
        at = _BEGIN
    if at + n > end:
        return -1
    st[_NEW] = at
    ring[at - 1] = st[_CLASS]
    st[_NUMBER + st[_CLASS]] += 1
    n = total + 7 & -4
    st[_HEAD] = at + n
    st[_USED] += n
    st[_PEAK_BYTES] = max(st[_PEAK_BYTES], st[_USED])
    st[_COUNT] += 1
    st[_PEAK_RECORDS] = max(st[_PEAK_RECORDS], st[_COUNT])
    st[_QUEUED] = (st[_QUEUED] + 1) & _WRAP
    return at


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


def _stamp(st, r, at):
    pack_into(">HH", r, at + 42, st[_HI], st[_LO])
    pack_into(">I", r, at + 52, st[_US])


def _chunk(r, at, kind, n):
    # The header of a chunk of n octets; where these go.
    pack_into(">IH", r, at, kind, n + 6)
    return at + 6


def _correlate(self, at):
    # The correlation id's chunk at `at`.
    r = self._ring
    b = self._source
    i = self._st[_FOUND]
    n = self._st[_IDS]
    at = _chunk(r, at, 17, n)
    n += at
    while at < n:
        r[at] = b[i]
        at += 1
        i += 1
    return at


def _frame(self, n):
    # All of a record but the payload. Where that goes; -1: no room; -2: larger than the
    # ring, or nothing; -3: the collector does not take this kind.
    st = self._st
    r = self._ring
    at = self._flow.fixed
    if not at:
        return -3
    total = at + (st[_IDS] + 12 if st[_IDS] else 6)
    self._cut = total + n > st[_LIMIT]
    if self._cut:
        n = st[_LIMIT] - total
    if n <= 0:
        return -2
    st[_FORMAT] = n >> 8
    total += n
    n = _place(st, r, total)
    if n < 0:
        return n
    self.clock.tick(1)
    pack_into(self._flow.form, r, n, self._head)
    pack_into(">H", r, n + 4, total)
    if not st[_ZERO]:
        _stamp(st, r, n)
    at += n
    if st[_IDS]:
        at = _correlate(self, at)
    total += n - at - 6
    return _chunk(r, at, 15, total)


def _store(self, way, buf, n):
    if self._guard is not None and not self._guard.admit(self._flow, way, buf, n):
        return False
    self._head = self._flow.heads[way]
    at = _frame(self, n)
    while at < 0:
        if not self._room(at, n):
            return False
        at = _frame(self, n)
    if self._cut:
        self._st[_TRUNCATED] += 1
    pack_into(self.ring.formats[self._st[_FORMAT]], self._ring, at, buf)
    if self._guard is not None:
        at = self._st[_NEW]
        self._guard.stored(at, self.ring.length(at))
    return True


def capture(self, flow, way, buf, n, cid=None):
    if not self.enabled:
        return False
    if type(buf) is not bytes and type(buf) is not bytearray:
        buf = bytes(buf)
    self._flow = flow
    n = min(n, len(buf))
    if cid is None:
        cid = self._cid
    self._source = buf
    self._st[_IDS] = -1
    if cid is not None:
        self._source = cid
        self._st[_IDS] = cid.find(b"\0") % (len(cid) + 1)  # up to a NUL, or all: -1 is that
    if not scan(buf, n, self._st, flow.mode):
        return None
    return _store(self, way, buf, n)


def begins(self, buf, n):
    # Whether the n octets of buf begin as a SIP message does.
    if type(buf) is not bytes and type(buf) is not bytearray:
        buf = bytes(buf)
    self._st[_IDS] = 0
    return scan(buf, n, self._st, -2)


def _send(self):
    with caught:
        return self._out[2](self._ring, self._st[_AT], self._st[_LEFT])
    self._failed(caught.error)


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
