# Part of uhep, MIT licence.
"""One conversation, with a ready-made HEP header for each direction."""

from struct import pack, pack_into

# A SIP flow's mode: what has no start line of SIP is no packet of it, and not counted.
STRICT = -2

_MAPPED = b"\0\0\0\0\0\0\0\0\0\0\xff\xff"


def chunk(kind, body, width=0):
    """A generic chunk (vendor 0) in octets. body: octets, or a number that takes `width` of them.

    Raises ValueError if it takes more.
    """
    if width:
        if not 0 <= body < 1 << 8 * width:
            raise ValueError("%r does not fit %d octets" % (body, width))
        body = pack(">I", body)[4 - width :]
    return pack(">IH", kind, 6 + len(body)) + body


def address(host):
    """4 or 16 octets of a numeric address ("192.0.2.1", "2001:db8::1%eth0", or octets).

    IPv4 in IPv6 becomes IPv4. Raises ValueError for anything else: no name is looked up.
    """
    try:
        if not isinstance(host, str):
            a = bytes(host)
        elif ":" in host:
            from uhep.ip6 import octets

            a = octets(host)
        else:
            a = bytes([int(n) for n in host.split(".")])
        if len(a) == 16 and a[:12] == _MAPPED:
            a = a[12:]
        if len(a) in (4, 16):
            return a
    except Exception:
        pass
    raise ValueError("%r is no IPv4 or IPv6 address" % (host,))


class Flow:
    """Local and remote address, transport and payload type of one conversation.

    `heads` holds the constant part of a packet for IN and OUT: two bytearrays of about 100
    octets (140 for IPv6) plus key, name and optional chunks. Capturing on a flow reads them
    and allocates nothing; making one does.

    Octets 4-5 of a head say how much of it is header; it is padded to pairs of words, because
    the hot path copies these. Type 0x000b stands at 62, stamps at 42 and 52, for each family.
    """

    at = {}  # where the values of its optional chunks begin

    def __init__(self, agent, local, remote, proto, kind, chunks, mode=None):
        """local, remote: (host, port), host numeric or octets; proto, kind: 0 to 255.

        chunks: {type: value}, what all its packets carry besides; see `put`. mode: 0 to 3:
        the class of its packets (see uhep.ring), for a kind other than SIP; STRICT: only what
        begins as SIP does. Raises ValueError for what does not fit its field.
        """
        mine, peer = address(local[0]), address(remote[0])
        if len(mine) != len(peer):  # receivers drop packets whose ends differ in family
            mine, peer = (_MAPPED + mine)[-16:], (_MAPPED + peer)[-16:]
        six = len(mine) == 16
        if mode is None:
            mode = -1 if kind == 1 else 1 if kind in (5, 34, 35) else 2  # RTCP and reports
        self.mode = mode
        tail = agent.tail
        at = 93 + 24 * six
        if chunks:
            from uhep.chunks import optional

            more, self.at = optional(chunks, at + len(tail))
            tail += more
        at += len(tail)
        # Octets of a head; 0: the collector does not take this kind.
        self.fixed = at * (kind not in agent.unwanted)
        self.heads = heads = []
        a, b = local[1], remote[1]
        for src, sport, dst, dport in ((peer, b, mine, a), (mine, a, peer, b)):
            h = (
                pack(">4sH", b"HEP3", self.fixed)
                + chunk(1, 10 if six else 2, 1)
                + chunk(2, proto, 1)
                + chunk(7, sport, 2)
                + chunk(8, dport, 2)
                + chunk(9, 0, 4)
                + chunk(10, 0, 4)
                + chunk(11, kind, 1)
                + chunk(12, agent.node, 4)
                + chunk(3 + 2 * six, src)
                + chunk(4 + 2 * six, dst)
                + tail
            )
            heads.append(bytearray(h + bytes(-at & 7)))
        self.form = "%ds" % len(heads[0])  # for the hot path in bytecode
        # What a capture needs beside its arguments, to be had in one step.
        r = agent.ring
        self.ways = [(h, r.st, r.buf, r.formats, agent.ticks, mode) for h in heads]

    def put(self, key, value):
        """Set the chunk `key`, of 2 or 4 octets, of the packets to come. 0 octets.

        Raises KeyError if the flow was made without that chunk.
        """
        at = self.at[key]
        form = ">H" if self.heads[0][at - 1] == 8 else ">I"
        pack_into(form, self.heads[0], at, value)
        pack_into(form, self.heads[1], at, value)
