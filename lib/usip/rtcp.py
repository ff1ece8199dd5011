"""RTCP beside one RTP stream: SR or RR, SDES, BYE (RFC 3550 section 6)."""

import random
import struct

from micropython import const

from usip.wall import Wall

_SR = const(200)
_RR = const(201)
_SDES = const(202)
_BYE = const(203)
_CNAME = const(1)
_DATAGRAM = const(256)
_SENT = const(28)  # octets of an SR without blocks, and of an RR
_HEAD = const(8)
_BLOCK = const(24)
_ROOM = const(52)  # for the longest report before SDES
_MEAN_MS = const(4104)  # 5 s / 1.21828 (A.7)
_XR = const(44)
_LATEST_S = const(60)  # a round trip that is longer is none


class Rtcp:
    """Reports on a Sender and on the RtpStats of what comes back.

    `sock` may be None: then nothing is sent. `cname` is our name in SDES. What the peer's
    reports say of our stream is in `remote_fraction` (1/256), `remote_lost`,
    `remote_jitter` (timestamp units), all -1 before there was one, and `rtt_ms`, -1 if unknown.
    `sent`, `received` and `invalid` count datagrams; `left` is True after the peer's BYE.
    `extended(buf, at)`, if set, may append an XR of 44 octets, without its sender's SSRC, to
    each report: it returns 44 or 0.

    Making one allocates, and so does start(); poll() only what the socket's recv() does.
    """

    def __init__(self, sock, ready, clock, cname, sender):
        self.sent = self.received = self.invalid = 0
        self._sock = sock
        self._ready = ready
        self._clock = clock
        self.sender = sender
        self._stats = None
        self._wall = None
        self._peer = None
        self._due = 0
        self._was_sent = 0
        self.extended = None
        self._out = bytearray(_ROOM) + _described(cname)
        self._end = len(self._out)
        self._out += bytes(_XR)
        view = memoryview(self._out)
        sizes = (8, 28, 32, 52)
        self._views = {n: view[_ROOM - n : self._end] for n in sizes}
        self._longer = {n: view[_ROOM - n :] for n in sizes}
        self._clear()

    def _clear(self):
        self.remote_fraction = self.remote_lost = self.remote_jitter = self.rtt_ms = -1
        self.left = False

    def start(self, peer, stats):
        """Reports to the socket address `peer` of what `stats` counts. First after some 2.5 s."""
        if self._peer is None:
            self._clear()
            self._wall = Wall(self._clock)
            self._was_sent = self.sender.sent
            self._due = self._clock.ticks_add(self._clock.ticks_ms(), self._interval() // 2)
        self._peer = peer
        self._stats = stats

    def stop(self):
        """Says BYE."""
        if self._peer is not None and self._sock:
            self._report(True)
        self._peer = None

    def poll(self):
        """Sends the report that is due, and takes in one; after stop() that one is for nobody but
        a tap."""
        if not self._sock:
            return
        runs = self._peer is not None
        if runs and self._clock.ticks_diff(self._clock.ticks_ms(), self._due) >= 0:
            self._due = self._clock.ticks_add(self._clock.ticks_ms(), self._interval())
            self._report(False)
        if self._ready():
            data = self._take()
            if runs and data is not None:
                self._read(data)

    def _interval(self):
        return _MEAN_MS * (512 + random.getrandbits(10)) // 1024

    # What is sent: the report is written before SDES, which has a fixed place, so that the
    # datagram is one of eight views that are made once.

    def _report(self, leaves):
        self._wall.tick()
        sends = self.sender.sent != self._was_sent
        self._was_sent = self.sender.sent
        n = (_SENT if sends else _HEAD) + (_BLOCK if self._stats.heard else 0)
        self._put_head(_ROOM - n, _SR if sends else _RR)
        if sends:
            self._put_sent(_ROOM - n + 8)
        if self._stats.heard:
            self._stats.block(self._out, _ROOM - _BLOCK, self._clock.ticks_us())
        if self.extended and self.extended(self._out, self._end) == _XR:
            self._put_ssrc(self._end + 4)
            self._send(self._longer[n], leaves)
        else:
            self._send(self._views[n], leaves)

    def _put_head(self, at, kind):
        self._out[at] = 0x81 if self._stats.heard else 0x80
        self._out[at + 1] = kind
        struct.pack_into(">H", self._out, at + 2, (_ROOM - at) // 4 - 1)
        self._put_ssrc(at + 4)
        self._put_ssrc(_ROOM + 4)

    def _put_ssrc(self, at):
        struct.pack_into(">HH", self._out, at, self.sender.ssrc_high, self.sender.ssrc_low)

    def _put_sent(self, at):
        struct.pack_into(">HH", self._out, at, self._wall.high, self._wall.low)
        struct.pack_into(">HH", self._out, at + 4, self._wall.part, self._wall.rest)
        self.sender.stamp_into(self._out, at + 8)
        sender = self.sender  # an SR counts what its SSRC has sent
        n = sender.sent - sender.sent_before
        struct.pack_into(">I", self._out, at + 12, n)
        n = sender.octets - sender.octets_before & 0x1FFFFFFF
        struct.pack_into(">I", self._out, at + 16, n)

    def _send(self, report, leaves):
        if leaves:
            bye = struct.pack(">BBH", 0x81, _BYE, 1) + bytes(report[4:8])
            report = bytes(report) + bye
        if self._put(report):
            self.sent += 1

    def _put(self, report):
        try:
            return self._sock.sendto(report, self._peer)
        except OSError:
            return 0

    # What comes.

    def _take(self):
        try:
            return self._sock.recvfrom(_DATAGRAM)[0]  # a tap wants to know where it is from
        except (OSError, MemoryError):
            return None

    def _read(self, data):
        if not _valid(data):
            self.invalid += 1
            return
        self.received += 1
        at = 0
        while at < len(data):
            end = at + (data[at + 2] << 8 | data[at + 3]) * 4 + 4
            self._read_one(data, at, end)
            at = end

    def _read_one(self, data, at, end):
        kind = data[at + 1]
        if kind == _SR and at + _SENT <= end:
            self._stats.sent_report(data, at + 8, self._clock.ticks_us())
            self._read_blocks(data, at, _SENT, end)
        elif kind == _RR:
            self._read_blocks(data, at, _HEAD, end)
        elif kind == _BYE:
            self.left = True

    def _read_blocks(self, data, at, head, end):
        # What follows them is an extension, or padding.
        n = data[at] & 31
        at += head
        while n and at + _BLOCK <= end:
            n -= 1
            if self._is_ours(data, at):
                self._read_block(data, at)
            at += _BLOCK

    def _is_ours(self, data, at):
        high, low = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
        return high == self.sender.ssrc_high and low == self.sender.ssrc_low

    def _read_block(self, data, at):
        self.remote_fraction = data[at + 4]
        lost = data[at + 5] << 16 | data[at + 6] << 8 | data[at + 7]
        self.remote_lost = lost - 0x1000000 if lost & 0x800000 else lost
        # Its high byte can not be in use by a peer that is well, and would be an object here.
        self.remote_jitter = (data[at + 12] & 0x1F) << 24 | data[at + 13] << 16
        self.remote_jitter |= data[at + 14] << 8 | data[at + 15]
        self._wall.tick()
        self._round_trip(data, at + 16)

    def _round_trip(self, data, at):
        # Now - LSR - DLSR, in 1/65536 s (6.4.1), as seconds and parts.
        if not (data[at] or data[at + 1] or data[at + 2] or data[at + 3]):
            return
        s = self._wall.low - (data[at] << 8 | data[at + 1]) - (data[at + 4] << 8 | data[at + 5])
        part = self._wall.part - (data[at + 2] << 8 | data[at + 3])
        part -= data[at + 6] << 8 | data[at + 7]
        while part < 0:
            part += 65536
            s -= 1
        if s & 0xFFFF < _LATEST_S:
            self.rtt_ms = (s & 0xFFFF) * 1000 + (part * 1000 >> 16)


def _valid(data):
    # A.2: version 2, SR or RR first, lengths that add up.
    at = 0
    while at + 8 <= len(data) and data[at] >> 6 == 2:
        if not at and data[1] != _SR and data[1] != _RR:
            return False
        at += (data[at + 2] << 8 | data[at + 3]) * 4 + 4
    return at > 0 and at == len(data)


def _described(cname):
    """An SDES packet of one chunk: SSRC (patched later) and CNAME (6.5, A.4)."""
    text = cname.encode()[:255]
    chunk = bytes(4) + struct.pack("BB", _CNAME, len(text)) + text
    chunk += bytes(4 - len(chunk) % 4)  # at least one 0 ends it
    return struct.pack(">BBH", 0x81, _SDES, len(chunk) // 4) + chunk
