"""DTMF as telephone-events in RTP (RFC 4733)."""

import struct

from micropython import const

_SAMPLES = const(160)
_END = const(0x80)
_VOLUME = const(10)  # -10 dBm0
_ENDS = const(3)  # packets that end an event (2.5.1.4)
_PAUSE = const(3)  # frames between two digits
_QUEUE = const(32)
DIGITS = "0123456789*#ABCD"  # by their event codes


class EventSender:
    """Digits to be sent, one frame of 20 ms after the other.

    `body` is the payload, 4 octets, of the packet that is due. Calls that a frame makes
    allocate nothing.
    """

    def __init__(self, tone_ms=100):
        self.body = bytearray(4)
        self._frames = tone_ms // 20
        self._digits = b""  # their codes
        self._at = 0
        self._left = 0  # frames of sound
        self._ends = 0
        self._pause = 0
        self._duration = 0

    def put(self, digits):
        """Queues digits; ValueError if there is another character, or no room."""
        for digit in digits:
            if digit not in DIGITS:
                raise ValueError("%r is no DTMF digit" % digit)
        waiting = self._digits[self._at :] + bytes([DIGITS.find(digit) for digit in digits])
        if len(waiting) > _QUEUE:
            raise ValueError("too many digits at once")
        self._digits = waiting
        self._at = 0

    def clear(self):
        self._digits = b""  # their codes
        self._at = self._left = self._ends = self._pause = 0

    @property
    def busy(self):
        """Something is being sent, or waits."""
        return bool(self._left or self._ends or self._at < len(self._digits))

    def next(self):
        """What the frame that is due is: 0 no event, 1 an event's first packet, 2 another."""
        if self._left:
            return self._go_on()
        if self._ends:
            self._ends -= 1
            if not self._ends:
                self._pause = _PAUSE
            return 2
        if self._pause:
            self._pause -= 1
        elif self._at < len(self._digits):
            return self._begin()
        return 0

    def _begin(self):
        self._duration = 0
        self._left = self._frames
        self.body[0] = self._digits[self._at]
        self.body[1] = _VOLUME
        self._at += 1
        self._go_on()
        return 1

    def _go_on(self):
        self._left -= 1
        self._duration += _SAMPLES
        if not self._left:
            self._ends = _ENDS - 1  # this packet is the first that ends it
            self.body[1] = _END | _VOLUME
        struct.pack_into(">H", self.body, 2, self._duration)
        return 2


class EventReceiver:
    """Takes the packets of each event as one digit, whichever of them arrive.

    All packets of an event have its timestamp: another that is newer is another event.
    """

    def __init__(self):
        self._high = -1
        self._low = 0

    def clear(self):
        self._high = -1

    def take(self, data, at, n):
        """The digit that a packet of n octets begins, or "". The payload is at data[at:]."""
        if n < at + 4 or data[at] >= 16:
            return ""
        high = data[4] << 8 | data[5]
        low = data[6] << 8 | data[7]
        if self._high >= 0:
            ahead = high - self._high & 0xFFFF
            if ahead >= 0x8000 or not ahead and low <= self._low:
                return ""
        self._high = high
        self._low = low
        return DIGITS[data[at]]
