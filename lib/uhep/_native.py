# The hot path as machine code: what runs for every packet on a board and on the unix port.
# _plain.py does the same in bytecode, for interpreters without the native emitter; a test
# holds both to the same bytes. The frames of native functions live on the C stack, so none
# of these asks the heap for one, and `try` costs nothing there.
#
# A call between two of these costs as much as a hundred octets of scan, so there are few, and
# each does much. The first three variables of a viper function are registers. No literal
# >= 2^30: on a 32-bit board the compiler takes it for an object. The state array `st` is
# described in ring.py.

from struct import pack_into

import micropython
from micropython import const

from uhep.link import FAULTS

_HEAD = const(0)
_TAIL = const(1)
_END = const(2)
_COUNT = const(3)
_AT = const(4)
_LEFT = const(5)
_USED = const(6)
_SIZE = const(7)
_LIMIT = const(8)
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

_error = None  # a viper function's local is of one type, and this becomes None again
_len = len  # found at once; among the built-in names it takes a search, after the module's own


@micropython.viper
def record(
    i: int,
    n: int,
    k: int,
    size: int,
    buf,
    cid,
    st: ptr32,
    mode: int,
    ring,
    head: ptr8,
    ticks,
    formats,
) -> int:
    # The record of a packet, n octets (at most `size`) at `buf`: what it is, room for it in the
    # ring, and all that is written there. `i` says how much of that: 0 all, 1 only what it is,
    # 2 all but that. Returns where the record begins; -1: no room; -2: larger than the ring, or
    # nothing; -3: the collector does not take this kind; -4: no SIP, and the flow takes no
    # other. With 1 the octets of the correlation id instead.
    #
    # k: octets of an id that is known, in cid; -1: the Call-ID. mode: see Flow. The scan looks
    # at the header only, and only as far as it must: a response's method stands in its CSeq.
    # It seeks control characters four octets a step: may look at three behind n, no more.
    source = int(ptr8(buf))
    step = i
    if n > size:
        n = size
    payload = n
    if step < 2:
        high = 0x20202020
        high = high << 2  # 0x80808080, which as a literal is an object
        ids = k
        found = 0
        method = 0
        status = 0
        k = mode
        if mode < 0:
            i = source
            n += i
            name = ptr8(b"call-id\0cseq\0")
            while i < n and ptr8(i)[0] <= 13:
                i += 1
            token = 1  # a method stands at i
            if i + 4 <= n and ptr8(i)[0] | 0x20 == 0x73 and ptr8(i)[1] | 0x20 == 0x69:
                if ptr8(i)[2] | 0x20 == 0x70 and ptr8(i)[3] == 0x2F:
                    token = 0
                    while i < n and ptr8(i)[0] > 0x20:
                        i += 1
                    while i < n and ptr8(i)[0] == 0x20:
                        i += 1
                    while i < n and ptr8(i)[0] >= 0x30 and ptr8(i)[0] <= 0x39 and status < 1000:
                        status = status * 10 + ptr8(i)[0] - 0x30
                        i += 1
                    if status < 100 or status > 999:
                        status = 999
            while True:
                if token:
                    token = int(
                        ptr8(
                            b"INVITE ACK BYE CANCEL OPTIONS REGISTER MESSAGE INFO PRACK UPDATE "
                            b"SUBSCRIBE NOTIFY REFER PUBLISH "
                        )
                    )
                    method = 1
                    while method < 15:
                        k = i
                        while ptr8(token)[0] > 0x20 and k < n and ptr8(k)[0] == ptr8(token)[0]:
                            k += 1
                            token += 1
                        if ptr8(token)[0] == 0x20 and (k >= n or ptr8(k)[0] <= 0x20):
                            break
                        while ptr8(token)[0] > 0x20:
                            token += 1
                        token += 1
                        method += 1
                    token = 0
                    if method == 15 and status == 0:
                        # Of any method, if a version is named.
                        k = i
                        while k < n and ptr8(k)[0] != 0x20 and ptr8(k)[0] != 10:
                            if ptr8(k)[0] == 0x3A:
                                break  # a header
                            k += 1
                        method = 0
                        if k > i and k < n and ptr8(k)[0] == 0x20:
                            while k + 5 <= n and ptr8(k)[0] != 10:
                                if (
                                    ptr8(k)[0] == 0x20
                                    and ptr8(k)[1] | 0x20 == 0x73
                                    and ptr8(k)[2] | 0x20 == 0x69
                                ):
                                    if ptr8(k)[3] | 0x20 == 0x70 and ptr8(k)[4] == 0x2F:
                                        method = 15
                                        break
                                k += 1
                        if method == 0 and mode < -1:
                            return -4
                if ids >= 0 and (method or status == 0):
                    break
                while i < n and ptr8(i)[0] >= 0x20:
                    i += 1
                    if i & 3:
                        continue
                    while i < n:
                        if (ptr32(i)[0] - 0x20202020) & high:
                            break
                        i += 4
                if found and ids < 0:
                    if i > n:
                        i = n
                    k = i
                    while k > found and ptr8(k - 1)[0] <= 0x20:
                        k -= 1
                    ids = k - found
                    if ids > 255:
                        ids = 255
                    continue
                if i >= n:
                    break
                if ptr8(i)[0] == 13:
                    i += 1
                i += 1
                if ptr8(i - 1)[0] != 10 or i >= n:
                    continue
                # A line begins. The first Call-ID (RFC 3261 7.3.1, 20.8: any case, compact form,
                # white space before the colon, folding), and a response's CSeq.
                k = ptr8(i)[0]
                if k == 13 or k == 10:
                    break
                k |= 0x20
                end = 7
                if k == 0x69:
                    i += 1
                elif k == 0x63:
                    k = 0
                    if i + 1 < n and ptr8(i)[1] | 0x20 == 0x73:
                        k = 8
                        end = 12
                    while i < n and ptr8(i)[0] | 0x20 == name[k]:
                        k += 1
                        i += 1
                    # A CR is a "-" but for 0x20.
                    if k < end or ptr8(i - 3)[0] == 13:
                        continue
                else:
                    continue
                while i < n and (ptr8(i)[0] == 0x20 or ptr8(i)[0] == 9):
                    i += 1
                if i >= n or ptr8(i)[0] != 0x3A:
                    continue
                if end == 7:
                    if ids >= 0:
                        continue
                elif status == 0 or method:
                    continue
                while True:
                    i += 1
                    if i >= n:
                        break
                    k = ptr8(i)[0]
                    if k == 10:
                        if i + 1 >= n or (ptr8(i)[1] != 0x20 and ptr8(i)[1] != 9):
                            break  # no value
                    elif k > 0x20 and (end == 7 or k < 0x30 or k > 0x39):
                        break
                if end == 7:
                    found = i
                else:
                    token = 1
            if ids < 0:
                ids = 0
            k = 2
            if method and method < 7:
                k = 0
                if method < 5:
                    k = 3
                    if status and status < 200:
                        k = 2
        elif ids < 0:
            ids = 0
        st[_METHOD] = method
        st[_STATUS] = status
        st[_CLASS] = k
        if found:
            found -= source
        st[_FOUND] = found
        if ids > 255:
            ids = 255
        st[_IDS] = ids
        if step:
            return ids
    r = ptr8(ring)
    ids = st[_IDS]
    fixed = head[4] << 8 | head[5]
    if fixed == 0:
        return -3
    k = fixed + 6
    if ids:
        k += ids + 6
    cut = 0
    if k + payload > st[_LIMIT]:
        payload = st[_LIMIT] - k
        cut = 1
    total = k + payload
    k = total + _SLACK
    n = st[_SIZE]
    if k + _BEGIN > n or payload <= 0:
        return -2
    i = st[_HEAD]
    if st[_COUNT] == 0:
        i = _BEGIN
        st[_TAIL] = i
        st[_AT] = i
        st[_LEFT] = total
    elif i <= st[_TAIL]:
        n = st[_TAIL]
    elif i + k > n:
        n = st[_TAIL]
        if k + _BEGIN <= n:
            st[_END] = i
        i = _BEGIN
    if i + k > n:
        return -1
    at = i
    st[_NEW] = i
    k = total + 7 & -4
    st[_HEAD] = i + k
    k += st[_USED]
    st[_USED] = k
    if k > st[_PEAK_BYTES]:
        st[_PEAK_BYTES] = k
    k = st[_CLASS]
    r[i - 1] = k
    k += _NUMBER
    st[k] = st[k] + 1
    k = st[_COUNT] + 1
    st[_COUNT] = k
    if k > st[_PEAK_RECORDS]:
        st[_PEAK_RECORDS] = k
    st[_QUEUED] = (st[_QUEUED] + 1) & _WRAP
    st[_TRUNCATED] = (st[_TRUNCATED] + cut) & _WRAP

    # The clock, as Clock.tick has it.
    now = int(ticks())
    k = (now - st[_T0]) & 0x3FFFFFFF
    if k == 0 or k > 0x1FFFFFFF:
        k = 1
        now = st[_T0] + 1
    st[_T0] = now & 0x3FFFFFFF
    k += st[_US]
    while k >= 1000000:
        k -= 1000000
        st[_LO] = st[_LO] + 1
        if st[_LO] > 0xFFFF:
            st[_LO] = 0
            st[_HI] = st[_HI] + 1
    st[_US] = k

    i = int(r) + at
    n = int(head)
    k = i + fixed
    while i < k:
        ptr32(i)[0] = ptr32(n)[0]
        ptr32(i)[1] = ptr32(n)[1]
        n += 8
        i += 8
    i = int(r) + at
    ptr8(i)[4] = total >> 8
    ptr8(i)[5] = total
    if st[_ZERO] == 0:
        k = st[_HI]
        ptr8(i)[42] = k >> 8
        ptr8(i)[43] = k
        k = st[_LO]
        ptr8(i)[44] = k >> 8
        ptr8(i)[45] = k
        k = st[_US]
        ptr8(i)[53] = k >> 16
        ptr8(i)[54] = k >> 8
        ptr8(i)[55] = k
    i += fixed
    if ids:
        ptr8(i)[0] = 0
        ptr8(i)[1] = 0
        ptr8(i)[2] = 0
        ptr8(i)[3] = 17
        n = ids + 6
        ptr8(i)[4] = n >> 8
        ptr8(i)[5] = n
        i += 6
        k = i + ids
        if cid:
            source = int(ptr8(cid))
        n = source + st[_FOUND]
        while i + 3 < k:
            ptr8(i)[0] = ptr8(n)[0]
            ptr8(i)[1] = ptr8(n)[1]
            ptr8(i)[2] = ptr8(n)[2]
            ptr8(i)[3] = ptr8(n)[3]
            n += 4
            i += 4
        while i < k:
            ptr8(i)[0] = ptr8(n)[0]
            n += 1
            i += 1
    ptr8(i)[0] = 0
    ptr8(i)[1] = 0
    ptr8(i)[2] = 0
    ptr8(i)[3] = 15
    n = payload + 6
    ptr8(i)[4] = n >> 8
    ptr8(i)[5] = n
    pack_into(formats[payload >> 8], ring, at + total - payload, buf)
    return at


@micropython.viper
def slide(ring: ptr8, at: int, n: int, by: int):
    # Moves n octets by `by`: whole words, the last first if they go up.
    at += int(ring)
    step = 4
    if by > 0:
        at += n - 4
        step = -4
    while n > 0:
        ptr32(at + by)[0] = ptr32(at)[0]
        at += step
        n -= 4


@micropython.native
def capture(self, flow, way, buf, n, cid=None):
    if not self.enabled:
        return False
    at = 0
    if cid is self._extra:  # both are None, in the common case
        head, st, ring, formats, ticks, mode = flow.ways[way]
        at = record(0, n, -1, _len(buf), buf, None, st, mode, ring, head, ticks, formats)
        if at > 0:
            return True
    return _capture(self, flow, way, buf, n, cid, at)


@micropython.native
def _capture(self, flow, way, buf, n, cid, at):
    # What may be more to a capture: a guard, an id that is given, no room in the ring (at < 0).
    head, st, ring, formats, ticks, mode = flow.ways[way]
    size = _len(buf)
    if n > size:
        n = size
    if cid is None:
        cid = self._cid
    guard = self._guard
    if at == 0:
        at = -1
        if cid is not None:
            at = cid.find(b"\0")
            if at < 0:
                at = _len(cid)
        known = 0 if guard is None else 1
        at = record(known, n, at, size, buf, cid, st, mode, ring, head, ticks, formats)
        if guard is not None and at != -4:
            self._source = buf if cid is None else cid
            if not guard.admit(flow, way, buf, n):
                return False
            at = record(2, n, 0, size, buf, cid, st, mode, ring, head, ticks, formats)
    while at < 0:
        if at == -4:
            return None
        if not self._room(at, n):
            return False
        at = record(2, n, 0, size, buf, cid, st, mode, ring, head, ticks, formats)
    if guard is not None:
        at = st[_NEW]
        guard.stored(at, self.ring.length(at))
    return True


@micropython.native
def begins(self, buf, n):
    # Whether the n octets of buf begin as a SIP message does.
    st = self._st
    return record(1, n, 0, n, buf, None, st, -2, buf, buf, None, None) >= 0


@micropython.viper
def poll(self) -> int:
    # Writes records, oldest first, until none is left, one does not go, or there were _BURST.
    global _error
    n = 0
    state, ring, write = self._out
    st = ptr32(state)
    if not write or st[_LEFT] == 0:
        self._idle()
        state, ring, write = self._out
    if write:
        r = ptr8(ring)
        left = st[_LEFT]
        try:
            while left:
                sent = write(ring, st[_AT], left)
                if not sent:
                    break
                at = int(sent)
                left -= at
                if left:
                    st[_AT] = st[_AT] + at
                    st[_LEFT] = left
                    break
                at = st[_TAIL]
                left = _NUMBER + r[at - 1]
                st[left] = st[left] - 1
                left = (r[at + 4] << 8 | r[at + 5]) + 7 & -4
                st[_USED] = st[_USED] - left
                left += at
                if left == st[_END] and st[_HEAD] <= at:
                    left = _BEGIN
                st[_TAIL] = left
                st[_AT] = left
                at = left
                left = st[_COUNT] - 1
                st[_COUNT] = left
                if left:
                    left = r[at + 4] << 8 | r[at + 5]
                st[_LEFT] = left
                n += 1
                if n == _BURST:
                    break
        except FAULTS as _error:
            self._failed(_error)
    if not n:
        self.clock.tick()
    return n
