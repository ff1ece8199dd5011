# Part of uhep, MIT licence.
"""Other ends for a flow that is there: its addresses, patched in place. All take 0 octets."""

from struct import pack_into


def peer_at(flow, host, at, port):
    """Give the flow another peer: the octets of its address stand from host[at] on."""
    pack_into(">H", flow.heads[0], 26, port)
    pack_into(">H", flow.heads[1], 34, port)
    _address(flow.heads[0], 79, host, at)
    _address(flow.heads[1], 79 + flow.heads[1][78], host, at)


def between(flow, buf, src, dst, sport, dport):
    """Give the flow's packets of direction IN both ends: for who captures what others say.

    src, dst: where in `buf` their addresses begin: 4 octets each, or 16 if the flow was made
    for IPv6. sport, dport: as numbers.
    """
    # No local for heads[0]: the frame has 11 words.
    pack_into(">H", flow.heads[0], 26, sport)
    pack_into(">H", flow.heads[0], 34, dport)
    _address(flow.heads[0], 79, buf, src)
    _address(flow.heads[0], 79 + flow.heads[0][78], buf, dst)


def _address(head, to, host, at):
    end = to + head[78] - 6  # 4 or 16: the length of the chunk before 79
    while to < end:
        head[to] = host[at]
        to += 1
        at += 1
