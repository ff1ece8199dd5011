# Part of uhep, MIT licence.
"""Other ends for a flow that is there: its addresses, patched in place. All take 0 octets."""

from struct import pack_into

from uhep.port import const

_AF_INET6 = 10
_MAPPED = b"\0\0\0\0\0\0\0\0\0\0\xff\xff"  # before an IPv4 address in IPv6
_CHUNK = const(78)  # in a head: the length of the address's chunk
_FOUR = const(10)  # that of IPv4's


def peer_at(flow, host, at, port):
    """Give the flow another peer: the octets of its address stand from host[at] on."""
    pack_into(">H", flow.heads[0], 26, port)
    pack_into(">H", flow.heads[1], 34, port)
    _address(flow.heads[0], 79, host, at)
    _address(flow.heads[1], 79 + flow.heads[1][_CHUNK], host, at)


def between(flow, buf, src, dst, sport, dport):
    """Give the flow's packets of direction IN both ends: for who captures what others say.

    src, dst: where in `buf` their addresses begin: 4 octets each, or 16 if the flow was made
    for IPv6. sport, dport: as numbers.
    """
    # No local for heads[0]: the frame has 11 words.
    pack_into(">H", flow.heads[0], 26, sport)
    pack_into(">H", flow.heads[0], 34, dport)
    _address(flow.heads[0], 79, buf, src)
    _address(flow.heads[0], 79 + flow.heads[0][_CHUNK], buf, dst)


def move(flow, octets, addr):
    """Give the flow the peer of a socket's address: (dotted text, port), or a sockaddr.

    octets: a bytearray to work in. False: it is of another family, a name, or nothing of IP.
    """
    if isinstance(addr, tuple):
        if flow.heads[0][_CHUNK] != _FOUR or not _parse(octets, addr[0]):
            return False
        peer_at(flow, octets, 0, addr[1])
        return True
    at = 0
    if addr and not isinstance(addr, str):
        at = _octets_at(addr, flow.heads[0][_CHUNK] == _FOUR)
        if at:
            peer_at(flow, addr, at, addr[2] << 8 | addr[3])
    return at > 0


def _address(head, to, host, at):
    end = to + head[_CHUNK] - 6  # 4 or 16
    while to < end:
        head[to] = host[at]
        to += 1
        at += 1


def _octets_at(addr, four):
    # Where in a sockaddr the octets stand that a flow of IPv4 or IPv6 takes; 0: there are none.
    if addr[0] != _AF_INET6:
        return 4 if four else 0
    if four:
        return 20 if addr.find(_MAPPED, 8, 20) == 8 else 0
    return 8


def _parse(octets, host):
    # The four octets of "192.0.2.1", without a split. False: it is something else.
    octets[0] = i = k = 0
    while k < len(host) and i < 4:
        i = _digit(octets, i, host[k])
        k += 1
    return i == 3


def _digit(octets, i, c):
    if c == ".":
        octets[i + 1] = 0
        return i + 1
    if not "0" <= c <= "9":
        return 4
    octets[i] = (octets[i] * 10 + ord(c) - 48) & 255
    return i
