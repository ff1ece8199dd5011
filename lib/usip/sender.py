"""The packets of one RTP stream that is sent: PCMU or PCMA, 20 ms each, and DTMF events."""

import os
import struct

from micropython import const

from usip import g711
from usip.events import EventSender

_MARKER = const(0x80)
_HEADER = const(12)


class Sender:
    """Makes and sends the packets; when is for others to say.

    A packet is made once and then patched, so that sending allocates nothing. Timestamp and
    SSRC are two halves of 16 bits each, since 32 are no small int on a 32-bit port.

    `peer` is the socket address that it sends to.
    `sent` packets and `skipped` frames are counted, `octets` of payload modulo 2^29 (18 hours);
    `sent_before` and `octets_before` are what they were when it got the SSRC that it has now.
    """

    def __init__(self, sock):
        self.sent = self.skipped = self.octets = 0
        self.events = EventSender()
        self._sock = sock
        self._packet = bytearray(_HEADER + g711.SAMPLES)
        self._packet[0] = 0x80
        self._event = bytearray(_HEADER + 4)
        self.peer = None
        self._payload = self._event_payload = self._law = 0
        self.seq, self.stamp_high, self.stamp_low = struct.unpack(">HHH", os.urandom(6))
        self._start_high = self._start_low = 0  # the timestamp of the event that is sent
        self._mark = True
        self.anew()

    def anew(self):
        """Another SSRC: for another call, or because the peer has ours (RFC 3550 8.2)."""
        self.ssrc_high, self.ssrc_low = struct.unpack(">HH", os.urandom(4))
        struct.pack_into(">HH", self._packet, 8, self.ssrc_high, self.ssrc_low)
        self.sent_before = self.sent
        self.octets_before = self.octets

    def code(self, payload, law, event):
        """What is sent from now on: payload type and law, and that of events or None."""
        self._payload = payload
        self._event_payload = event
        self._law = law
        if event is None:
            self.events.clear()

    def retarget(self, peer):
        """Sends to the socket address `peer` from now on."""
        self.peer = peer
        self._mark = True

    def frame(self, pcm):
        """Sends the 20 ms that are due: samples, or silence for None; or what an event needs."""
        kind = self.events.next()
        if kind:
            self._send_event(kind)
        else:
            self._send_sound(pcm)
        self._advance()

    def skip(self):
        """The time of 20 ms has passed, and nothing is sent: a gap in time, not in sequence
        numbers, as after silence."""
        self._mark = True
        self._advance()

    def _send_sound(self, pcm):
        packet = self._packet
        if pcm is None:
            struct.pack_into("160s", packet, _HEADER, g711.SILENCE[self._law])
        else:
            g711.encode(self._law, pcm, packet, _HEADER)
        packet[1] = self._payload | (_MARKER if self._mark else 0)
        struct.pack_into(">HHH", packet, 2, self.seq, self.stamp_high, self.stamp_low)
        self._count(self._put(packet), g711.SAMPLES)

    def _send_event(self, kind):
        packet = self._event
        if kind == 1:
            self._start_high = self.stamp_high
            self._start_low = self.stamp_low
        packet[0] = 0x80
        packet[1] = self._event_payload | (_MARKER if kind == 1 else 0)
        struct.pack_into(">HHH", packet, 2, self.seq, self._start_high, self._start_low)
        struct.pack_into(">HH", packet, 8, self.ssrc_high, self.ssrc_low)
        struct.pack_into("4s", packet, _HEADER, self.events.body)
        self._count(self._put(packet), 4)

    def _count(self, went, octets):
        self.seq = self.seq + 1 & 0xFFFF
        if went:
            self.sent += 1
            self.octets = self.octets + octets & 0x1FFFFFFF
            self._mark = False

    def _put(self, packet):
        # By itself: a function with a `try` and more than this takes its frame from the heap.
        try:
            return self._sock.sendto(packet, self.peer)
        except OSError:  # as lost as on the way
            return 0

    def stamp_into(self, buf, at):
        """Writes the timestamp of the frame that is sent next to buf[at:]."""
        struct.pack_into(">HH", buf, at, self.stamp_high, self.stamp_low)

    def _advance(self):
        self.stamp_low += g711.SAMPLES
        if self.stamp_low > 0xFFFF:
            self.stamp_low &= 0xFFFF
            self.stamp_high = self.stamp_high + 1 & 0xFFFF
