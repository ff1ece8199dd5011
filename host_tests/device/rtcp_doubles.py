"""RTCP packets as they stand on the wire, and the JSON that they should become."""

from struct import pack, unpack_from

NUL = b"\0"


def packet(kind, count, body, padding=0):
    if padding:
        body += bytes(padding - 1) + bytes((padding,))
    assert len(body) % 4 == 0, len(body)
    return pack(">BBH", 0x80 | (0x20 if padding else 0) | count, kind, len(body) // 4) + body


def padded(data, fill):
    """A packet, the last of a compound, with padding: these octets, and how many there are."""
    fill += bytes((len(fill) + 1,))
    assert len(fill) % 4 == 0, len(fill)
    n = (len(data) + len(fill)) // 4 - 1
    return bytes((data[0] | 0x20, data[1], n >> 8, n & 255)) + data[4:] + fill


def u32(*values):
    return b"".join([pack(">HH", v >> 16 & 0xFFFF, v & 0xFFFF) for v in values])


def block(ssrc=0x87654321, fraction=12, lost=7, high=66536, jitter=40, lsr=0x90001000, dlsr=65536):
    return u32(ssrc, fraction << 24 | lost & 0xFFFFFF, high, jitter, lsr, dlsr)


def sr(*blocks, ssrc=0x12345678, sec=3976214400, frac=530239482, stamp=160000, sent=1000):
    body = u32(ssrc, sec, frac, stamp, sent, sent * 160) + b"".join(blocks)
    return packet(200, len(blocks), body)


def rr(*blocks, ssrc=0x12345678):
    return packet(201, len(blocks), u32(ssrc) + b"".join(blocks))


def chunk(ssrc, *items):
    body = u32(ssrc)
    for kind, text in items:
        body += bytes((kind, len(text))) + text
    return body + bytes(4 - len(body) % 4)


def sdes(*chunks):
    return packet(202, len(chunks), b"".join(chunks))


def bye(*sources, reason=None):
    body = u32(*sources)
    if reason is not None:
        body += bytes((len(reason),)) + reason
        body += bytes(-len(body) % 4)
    return packet(203, len(sources), body)


def app(name=b"uhep", subtype=5, data=b"12345678", ssrc=0x12345678):
    return packet(204, subtype, u32(ssrc) + name + data)


def voip(
    ssrc=0x87654321,
    rates=(1, 2, 3, 4),
    times=(500, 6000, 70, 80),
    levels=b"\xec\xc4\x7f\x10",
    quality=(91, 127, 43, 42),
    rest=(0x30, 0, 40, 60, 120),
):
    body = u32(ssrc) + bytes(rates) + pack(">HHHH", *times) + levels + bytes(quality)
    body += pack(">BBHHH", *rest)
    return b"\x07\0\0\x08" + body


def xr(*blocks, ssrc=0x12345678):
    return packet(207, 0, u32(ssrc) + b"".join(blocks))


def number(b, at):
    a, c = unpack_from(">HH", b, at)
    return a << 16 | c
