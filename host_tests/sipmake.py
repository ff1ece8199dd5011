"""A SIP call in HEP packets, as one or two devices capture it."""

import socket

from hepmake import good

ALICE = ("192.0.2.10", 5060)
BOB = ("192.0.2.20", 5062)
START_US = 1767225600_000000
CALL_ID = b"5f3a@192.0.2.10"


def sip(first, cseq, call_id=CALL_ID, sdp=False, users=(b"100", b"200")):
    """A SIP message with this first line and CSeq."""
    lines = [
        first,
        b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1",
        b'From: "A" <sip:%s@192.0.2.10>;tag=a1' % users[0],
        b"To: <sip:%s@192.0.2.20>" % users[1],
        b"Call-ID: " + call_id,
        b"CSeq: " + cseq,
        *([b"Content-Type: application/sdp"] if sdp else []),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (b"v=0\r\n" if sdp else b"")


def packet(payload, source=ALICE, target=BOB, after_us=0, **change):
    """A HEP packet; change: node (int), name, cid, key (octets or None), kind (int)."""
    sec, usec = divmod(START_US + after_us, 1_000_000)
    return good(
        {
            0x03: socket.inet_aton(source[0]),
            0x04: socket.inet_aton(target[0]),
            0x07: source[1].to_bytes(2, "big"),
            0x08: target[1].to_bytes(2, "big"),
            0x09: sec.to_bytes(4, "big"),
            0x0A: usec.to_bytes(4, "big"),
            0x0B: bytes([change.get("kind", 1)]),
            0x0C: change.get("node", 2001).to_bytes(4, "big"),
            0x0E: change.get("key"),
            0x11: change.get("cid"),
            0x13: change.get("name", b"desk-17"),
            0x0F: payload,
        }
    )


# What goes over the wire in a call of 4 s: who sends (A or B), when in ms, what.
CALL = [
    ("A", 0, sip(b"INVITE sip:200@192.0.2.20 SIP/2.0", b"1 INVITE", sdp=True)),
    ("B", 2, sip(b"SIP/2.0 100 Trying", b"1 INVITE")),
    ("B", 12, sip(b"SIP/2.0 180 Ringing", b"1 INVITE")),
    ("B", 1812, sip(b"SIP/2.0 200 OK", b"1 INVITE", sdp=True)),
    ("A", 1820, sip(b"ACK sip:200@192.0.2.20 SIP/2.0", b"1 ACK")),
    ("A", 5820, sip(b"BYE sip:200@192.0.2.20 SIP/2.0", b"2 BYE")),
    ("B", 5822, sip(b"SIP/2.0 200 OK", b"2 BYE")),
]


def captured(call=CALL, at="AB", skew_us=0):
    """The packets of a call as the devices at its ends capture them, in order of the wire.

    at: which ends capture. A message takes 0.7 ms; skew_us: how far B's clock is ahead.
    """
    packets = []
    for sender, ms, payload in call:
        source, target = (ALICE, BOB) if sender == "A" else (BOB, ALICE)
        for end, node, name in (("A", 2001, b"desk-17"), ("B", 2002, b"lobby")):
            if end in at:
                us = ms * 1000 + (0 if end == sender else 700) + (skew_us if end == "B" else 0)
                packets.append(packet(payload, source, target, us, node=node, name=name))
    return packets
