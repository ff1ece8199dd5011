"""UDP datagrams and TCP segments in the frames of an interface (Ethernet, VLAN, PPPoE, IP)."""

from micropython import const

_UDP = const(17)
_TCP = const(6)
_TAGS = (0x8100, 0x88A8, 0x9100)  # VLAN, QinQ and what came before it
_IPV4 = const(0x0800)
_IPV6 = const(0x86DD)
_PPPOE = const(0x8864)
_HEADERS = const(8)  # tags and extension headers at most

# Extension headers of IPv6 that are passed over: hop-by-hop, routing, fragment, authentication,
# destination options, mobility.
_PASSED = (0, 43, 44, 51, 60, 135)
_FRAGMENT = const(44)
_AUTH = const(51)


class Frames:
    """Takes frames apart. `user` hears on_packet(proto, buf, src, dst, width, at, end).

    There buf[at:end] is what IP carries, from the header of UDP or TCP (proto 17 or 6) on, and
    the addresses are `width` octets from buf[src] and buf[dst] on. Fragments go to
    `fragments` and are heard of when the last has come. `other` counts frames that are none of
    UDP or TCP, `broken` what has impossible lengths or was longer than the buffer. Nothing is
    kept, nothing raised.
    """

    def __init__(self, user, fragments, ethernet=True):
        """ethernet: False for an interface whose frames begin with IP, as PPP's do."""
        self.other = self.broken = 0
        self._user = user
        self.fragments = fragments
        self._ethernet = ethernet

    def take(self, b, n):
        """One frame, b[:n]."""
        try:
            self._link(b, n)
        except IndexError:  # it ends within a header
            self.broken += 1

    def _link(self, b, n):
        if n == 0:
            return
        if not self._ethernet:
            kind, at = (_IPV6 if b[0] >> 4 == 6 else _IPV4), 0
        else:
            kind, at = _ethertype(b, n)
        if kind == _IPV4:
            self._v4(b, at, n)
        elif kind == _IPV6:
            self._v6(b, at, n)
        else:
            self.other += 1

    def _v4(self, b, at, n):
        _inside(at + 20, n)
        proto = b[at + 9]
        if b[at] >> 4 != 4 or proto not in (_UDP, _TCP):
            self.other += 1
            return
        size = _u16(b, at + 2) or n - at  # 0: a segment that the card is to cut
        head = (b[at] & 15) * 4
        end = at + size
        if head < 20 or head > size or end > n:
            self.broken += 1
            return
        cut = _u16(b, at + 6)
        if cut & 0x3FFF:
            key = bytes(b[at + 12 : at + 20]) + bytes(b[at + 4 : at + 6]) + bytes((proto,))
            piece = b[at + head : end]
            self._piece(proto, key, 4, (cut & 0x1FFF) * 8, not cut & 0x2000, piece)
        else:
            self._user.on_packet(proto, b, at + 12, at + 16, 4, at + head, end)

    def _v6(self, b, at, n):
        _inside(at + 40, n)
        size = _u16(b, at + 4)
        end = at + 40 + size if size else n
        if b[at] >> 4 != 6 or end > n:
            self.broken += 1
            return
        proto, p = b[at + 6], at + 40
        for _ in range(_HEADERS):
            if proto in (_UDP, _TCP):
                self._user.on_packet(proto, b, at + 8, at + 24, 16, p, end)
                return
            if proto not in _PASSED:
                break
            _inside(p + 8, end)
            if proto == _FRAGMENT:
                cut = _u16(b, p + 2)
                if cut & 0xFFF9:
                    key = bytes(b[at + 8 : at + 40]) + bytes(b[p + 4 : p + 8])
                    piece = b[p + 8 : end]
                    # What the first header is, is of the first fragment to say.
                    self._piece(b[p], key, 16, cut & 0xFFF8, not cut & 1, piece)
                    return
                size = 8
            else:
                size = b[p + 1] * (4 if proto == _AUTH else 8) + 8
            proto, p = b[p], p + size
            if p > end:
                raise IndexError
        self.other += 1

    def _piece(self, proto, key, width, at, last, piece):
        if proto not in (_UDP, _TCP):
            self.other += 1
            return
        whole = self.fragments.add(key, at, last, piece)
        if whole:
            b = key[: 2 * width] + whole
            self._user.on_packet(proto, b, 0, width, width, 2 * width, len(b))


def _ethertype(b, n):
    # (what the frame carries, where that begins), behind tags.
    at = 12
    for _ in range(_HEADERS):
        _inside(at + 2, n)
        kind = _u16(b, at)
        if kind not in _TAGS:
            break
        at += 4
    at += 2
    if kind == _PPPOE:
        _inside(at + 8, n)
        kind = {0x0021: _IPV4, 0x0057: _IPV6}.get(_u16(b, at + 6), 0)
        at += 8
    return kind, at


def _inside(at, n):
    if at > n:
        raise IndexError


def _u16(b, at):
    return b[at] << 8 | b[at + 1]
