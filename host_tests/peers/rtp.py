"""RTP and RTCP packets as a phone sends them (RFC 3550)."""

import struct


def rtp(ssrc, seq, stamp):
    """20 ms of silence, PCMU."""
    return struct.pack(">BBHII", 0x80, 0, seq, stamp, ssrc) + b"\xff" * 160


def sender_report(ssrc, ntp_sec, ntp_frac, stamp, packets, octets, *blocks):
    head = struct.pack(">IIIIII", ssrc, ntp_sec, ntp_frac, stamp, packets, octets)
    return _rtcp(200, len(blocks), head + b"".join(blocks))


def receiver_report(ssrc, *blocks):
    return _rtcp(201, len(blocks), struct.pack(">I", ssrc) + b"".join(blocks))


def block(ssrc, fraction, lost, highest, jitter, lsr, dlsr):
    """One report block; lost is the cumulative loss, which may be below 0."""
    loss = (fraction << 24) | (lost & 0xFFFFFF)
    return struct.pack(">IIIIII", ssrc, loss, highest, jitter, lsr, dlsr)


def _rtcp(kind, count, body):
    return struct.pack(">BBH", 0x80 | count, kind, len(body) // 4) + body
