# Part of uhep, MIT licence.
"""One conversation, with a ready-made HEP header for each direction."""

from struct import pack, pack_into

# Chunk types that a flow may carry beside the usual ones (HEP rev 37): octets of each.
MOS = 0x20  # x100
R_FACTOR = 0x21
JITTER = 0x23
VLAN = 0x12
GROUP = 0x29

_WIDTHS = {MOS: 2, R_FACTOR: 2, VLAN: 2, JITTER: 4}


def chunk(kind, body):
    """A generic chunk (vendor 0) as bytes."""
    return pack(">HHH", 0, kind, 6 + len(body)) + body


def address(host):
    """4 or 16 octets of a numeric address: "192.0.2.1", "2001:db8::1%eth0", or the octets.

    Raises ValueError for anything else; names are not looked up.
    """
    if not isinstance(host, str):
        if len(host) in (4, 16):
            return bytes(host)
        raise ValueError("address of %d octets: 4 or 16 expected" % len(host))
    try:
        if ":" not in host:
            parts = [int(p) for p in host.split(".")]
            if len(parts) != 4:
                raise ValueError
            return bytes(parts)
        text = host.split("%")[0]
        if "." in text:  # ::ffff:192.0.2.1
            text, v4 = text.rsplit(":", 1)
            a = address(v4)
            text += ":%x:%x" % (a[0] << 8 | a[1], a[2] << 8 | a[3])
        halves = [[int(w, 16) for w in h.split(":") if w] for h in text.split("::")]
        words = halves[0]
        if len(halves) == 2:
            words += [0] * (8 - len(words) - len(halves[1])) + halves[1]
        return pack(">8H", *words)
    except Exception:
        raise ValueError("%r is no numeric IPv4 or IPv6 address" % host)


def _mapped(a):
    # IPv4-mapped (::ffff:a.b.c.d) as IPv4.
    return a[12:] if len(a) == 16 and a[:12] == bytes(10) + b"\xff\xff" else a


class Flow:
    """Local and remote address, transport and payload type of one conversation.

    `heads` holds the constant part of a packet for IN and OUT: two bytearrays of about 100
    octets (140 for IPv6) plus key, name and optional chunks. Capturing on a flow reads them
    and allocates nothing; making one does.

    Octets 4-5 of a head say how much of it is header; it is padded to whole words, because
    the hot path copies words. Type 0x000b stands at 62, stamps at 42 and 52, for each family.
    """

    def __init__(self, agent, local, remote, proto, kind, **extra):
        """local, remote: (host, port), host numeric or octets; proto and kind: 0 to 255.

        extra: mos, r_factor, jitter, vlan as integers, group as bytes: chunks that all
        packets of the flow carry, see `put`. Raises ValueError for a bad address.
        """
        mine, peer = _mapped(address(local[0])), _mapped(address(remote[0]))
        if len(mine) != len(peer):  # the ends must be of one family: receivers drop others
            mine, peer = [bytes(10) + b"\xff\xff" + a if len(a) == 4 else a for a in (mine, peer)]
        self.sip = kind == 1
        self._at = {}
        tail = agent.tail
        base = 85 + 2 * len(mine) + len(tail)
        for name in sorted(extra):
            key = {"mos": MOS, "r_factor": R_FACTOR, "jitter": JITTER, "vlan": VLAN}.get(name)
            if key:
                self._at[key] = base + 6
                value = extra[name].to_bytes(_WIDTHS[key], "big")
            elif name == "group":
                key, value = GROUP, extra[name]
            else:
                raise TypeError("flow() has no chunk %r" % name)
            tail += chunk(key, value)
            base += 6 + len(value)
        v4 = len(mine) == 4
        heads = []
        for src, dst, sport, dport in (
            (peer, mine, remote[1], local[1]),
            (mine, peer, local[1], remote[1]),
        ):
            h = (
                b"HEP3\0\0"
                + chunk(1, b"\x02" if v4 else b"\x0a")
                + chunk(2, bytes((proto,)))
                + chunk(7, pack(">H", sport))
                + chunk(8, pack(">H", dport))
                + chunk(9, bytes(4))
                + chunk(10, bytes(4))
                + chunk(11, bytes((kind,)))
                + chunk(12, pack(">I", agent.node))
                + chunk(3 if v4 else 5, src)
                + chunk(4 if v4 else 6, dst)
                + tail
            )
            head = bytearray(h + bytes(-len(h) & 3))
            pack_into(">H", head, 4, len(h))
            heads.append(head)
        self.heads = tuple(heads)
        # What a capture needs beside its arguments, to be had in one step.
        self.ways = tuple(
            [
                (h, agent.ring.st, agent.ring.buf, agent.ring.formats, agent.ticks, -(kind == 1))
                for h in heads
            ]
        )
        self.form = "%ds" % len(head)  # for the hot path in bytecode

    def put(self, key, value):
        """Set MOS (x100), R_FACTOR, JITTER or VLAN of the packets to come. 0 octets.

        Raises KeyError if the flow was made without that chunk.
        """
        at = self._at[key]
        form = ">I" if key == JITTER else ">H"
        pack_into(form, self.heads[0], at, value)
        pack_into(form, self.heads[1], at, value)

    def move(self, host, at, port):
        """Give the flow another peer: octets of its address from host[at] on. 0 octets."""
        pack_into(">H", self.heads[0], 26, port)
        pack_into(">H", self.heads[1], 34, port)
        _address(self.heads[0], 79, host, at)
        _address(self.heads[1], 79 + self.heads[1][78], host, at)


def _address(head, to, host, at):
    end = to + head[78] - 6  # 4 or 16: the length of the chunk before 79
    while to < end:
        head[to] = host[at]
        to += 1
        at += 1
