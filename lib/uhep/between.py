# Part of uhep, MIT licence.
"""A flow for packets between any two hosts: for who captures what others say."""

from struct import pack_into

from uhep.flow import _address


def between(flow, buf, src, dst, sport, dport):
    """Give the flow's packets of direction IN both ends. 0 octets.

    src, dst: where in `buf` their addresses begin: 4 octets each, or 16 if the flow was made
    for IPv6. sport, dport: as numbers.
    """
    head = flow.heads[0]
    pack_into(">H", head, 26, sport)
    pack_into(">H", head, 34, dport)
    _address(head, 79, buf, src)
    _address(head, 79 + head[78], buf, dst)
