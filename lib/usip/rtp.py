"""One RTP stream each way on one UDP socket: PCMU, 20 ms a packet (RFC 3550, RFC 3551)."""

import os
import struct

from micropython import const

_PACKET_MS = const(20)
_SAMPLES = const(160)
_HEADER = const(12)
_CATCH_UP = const(3)
_DATAGRAM = const(512)  # more than 40 ms of PCMU; what is longer is cut, its header is not
_STALE = const(64)
_MARKER = const(0x80)


class Stream:
    """Sends one frame again and again on an absolute schedule, and counts what arrives.

    `frame` is 160 bytes of u-law. Sending allocates nothing: the packet is made once, then
    its sequence number and timestamp are patched. The timestamp is kept as two halves, since
    32 bits are no small int on a 32 bit port.

    Counters: `sent`, `skipped` (their time had passed), `received`, `lost` (by the sequence
    numbers of what arrived).
    """

    codecs = (0,)  # PCMU
    events = False

    def __init__(self, sock, ready, frame, clock):
        self.sent = 0
        self.skipped = 0
        self.received = 0
        self.lost = 0
        self._sock = sock
        self._ready = ready
        self._clock = clock
        self._peer = None
        self._sends = True
        self._packet = bytearray(b"\x80\x00" + os.urandom(10) + frame)
        self._seq, self._stamp_high, self._stamp_low = struct.unpack_from(">HHH", self._packet, 2)
        self._due = 0
        self._expected = -1  # sequence number of the next packet; -1: the first sets it

    def start(self, peer, agreed=None):
        """Starts sending to the socket address `peer`; `agreed` (sdp.Agreed) says if it may."""
        self._peer = peer
        self._sends = agreed is None or agreed.sends
        self._expected = -1
        self._packet[1] = _MARKER
        self._due = self._clock.ticks_ms()
        for _ in range(_STALE):  # what is left of an earlier call
            if not self._ready() or self._take() is None:
                break

    def stop(self):
        self._peer = None

    def poll(self):
        """Sends the packets whose time has come, three at most, and takes in one."""
        if self._peer is None:
            return
        self._send_due()
        if self._ready():
            data = self._take()
            if data and len(data) >= _HEADER and data[0] >> 6 == 2 and not data[1] & 0x7F:
                self._count(data[2] << 8 | data[3])

    def _send_due(self):
        budget = _CATCH_UP
        while self._clock.ticks_diff(self._clock.ticks_ms(), self._due) >= 0:
            if not self._sends:
                self._packet[1] = _MARKER
            elif budget:
                self._send()
                budget -= 1
            else:  # too late: a gap in time, not in sequence numbers, as after silence
                self.skipped += 1
                self._packet[1] = _MARKER
            self._due = self._clock.ticks_add(self._due, _PACKET_MS)
            self._advance()

    def _send(self):
        struct.pack_into(">HHH", self._packet, 2, self._seq, self._stamp_high, self._stamp_low)
        self._seq = self._seq + 1 & 0xFFFF
        if self._put():
            self.sent += 1
            self._packet[1] = 0

    def _put(self):
        # By itself: a function with a `try` and more than this takes its frame from the heap.
        try:
            return self._sock.sendto(self._packet, self._peer)
        except OSError:  # as lost as on the way
            return 0

    def _advance(self):
        self._stamp_low += _SAMPLES
        if self._stamp_low > 0xFFFF:
            self._stamp_low &= 0xFFFF
            self._stamp_high = self._stamp_high + 1 & 0xFFFF

    def _take(self):
        try:
            return self._sock.recv(_DATAGRAM)
        except (OSError, MemoryError):  # nothing there, ICMP about a packet of ours, no room
            return None

    def _count(self, seq):
        self.received += 1
        ahead = seq - self._expected & 0xFFFF if self._expected >= 0 else 0
        if ahead < 0x8000:
            self.lost += ahead
            self._expected = seq + 1 & 0xFFFF
        else:  # late: it had been counted as lost
            self.lost -= 1
