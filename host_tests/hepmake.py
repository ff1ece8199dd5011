"""Frames by hand, good and broken, for the tests of what reads HEP."""

import struct

SIP = (
    b"OPTIONS sip:192.0.2.20 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:100@192.0.2.10>;tag=a1\r\n"
    b"To: <sip:192.0.2.20>\r\n"
    b"Call-ID: c1@192.0.2.10\r\n"
    b"CSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)

# The chunks of a good packet, type -> body; test_hep_decode.py checks them against hex.
GOOD = {
    0x01: b"\x02",
    0x02: b"\x11",
    0x03: bytes([192, 0, 2, 10]),
    0x04: bytes([192, 0, 2, 20]),
    0x07: (5060).to_bytes(2, "big"),
    0x08: (5060).to_bytes(2, "big"),
    0x09: (1767225600).to_bytes(4, "big"),
    0x0A: (123456).to_bytes(4, "big"),
    0x0B: b"\x01",
    0x0C: (12345).to_bytes(4, "big"),
    0x0E: b"foobar",
    0x11: b"c1@192.0.2.10",
    0x13: b"esp32-01",
    0x0F: SIP,
}


def chunk(kind, body, vendor=0, length=None):
    """One chunk; length overrides the true one."""
    return struct.pack(">HHH", vendor, kind, len(body) + 6 if length is None else length) + body


def frame(*chunks, total=None):
    """A packet of ready chunks; total overrides the true length."""
    body = b"".join(chunks)
    return b"HEP3" + struct.pack(">H", len(body) + 6 if total is None else total) + body


def good(change=None, *, last=b""):
    """The good packet with bodies changed, added before the payload, or dropped (None)."""
    bodies = GOOD | (change or {})
    payload = bodies.pop(0x0F)
    chunks = [chunk(kind, body) for kind, body in bodies.items() if body is not None]
    if payload is not None:
        chunks.append(chunk(0x0F, payload))
    return frame(*chunks, last)
