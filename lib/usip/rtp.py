"""One RTP stream each way on one UDP socket: PCMU or PCMA, 20 ms a packet (RFC 3550, 3551)."""

from micropython import const
from uhep.rtpstats import RtpStats

from usip import g711, net
from usip.events import EventReceiver
from usip.playout import Playout, plain
from usip.sender import Sender

_PACKET_MS = const(20)
_CATCH_UP = const(3)
_DATAGRAM = const(512)  # more than 60 ms of G.711; what is longer is cut, its header is not
_STALE = const(64)
_COMFORT = const(13)


class Stream:
    """Sends what a source gives on an absolute schedule, plays what arrives.

    `audio` is both ends of the sound (audio.py). If it is `clocked`, as a microphone is, None
    of its frame() says that the time has not come: the schedule follows it.

    Frames that are late are sent at once, three at the most; what is older than that is left
    out, as a gap in the timestamps. So the stream never falls behind, and never drifts.

    `on_digit(digit)` hears of each telephone-event. `rtcp` is an Rtcp or None, `playout` the
    jitter buffer. `stats` (uhep's RtpStats) counts what arrives and is made anew for each call;
    None before the first. `sender` counts what is sent. `muted` sends silence.

    A packet allocates nothing but what recv() does. The first of a stream comes by recvfrom(),
    since RTP is sent to where it comes from, whatever SDP said (RFC 4961).
    """

    codecs = (g711.ULAW, g711.ALAW)
    events = True

    def __init__(
        self,
        sock,
        ready,
        audio,
        clock,
        rtcp=None,
        on_digit=None,
        playout=None,
        resolve=net.resolve,
    ):
        self.audio = audio
        self.playout = playout or Playout()
        self.sender = rtcp.sender if rtcp else Sender(sock)
        self.stats = None
        self.rtcp = rtcp
        self.muted = False
        self.on_digit = on_digit
        self.latched = False  # it is known where the peer's RTP comes from
        self.foreign = 0  # packets of a payload type that is none of ours
        self._sock = sock
        self._ready = ready
        self._clock = clock
        self._digits = EventReceiver()
        self._resolve = resolve
        self._peer = None  # where SDP says that it is
        self._sends = self._receives = False
        self._payload = self._law = 0
        self._event = -1
        self._changes = 0
        self._due = 0

    @property
    def running(self):
        return self._peer is not None

    @property
    def codec(self):
        return "PCMA" if self._law else "PCMU"

    def start(self, peer, agreed):
        """Runs to the socket address `peer`, as `agreed` (sdp.Agreed) says.

        Called again during a call it changes what has changed, and the stream goes on.
        """
        if self._peer is None:
            self._fresh(agreed.event)
        if peer != self._peer:
            self._peer = peer
            self.latched = False
            self.sender.retarget(peer)
        self.sender.code(agreed.payload, agreed.codec, agreed.event)
        self._payload = agreed.payload
        self._law = agreed.codec
        self._event = -1 if agreed.event is None else agreed.event
        self._sends = agreed.sends
        self._receives = agreed.receives
        self.stats.expect(agreed.sends and agreed.receives, self._clock.ticks_us())
        if self.rtcp:
            self.rtcp.start(self._resolve(agreed.host, agreed.rtcp_port), self.stats)

    def _fresh(self, event):
        self.audio.start()
        self.sender.anew()
        self.sender.events.clear()  # what the call before did not come to
        self.stats = None  # the new one may have its room
        self.stats = RtpStats(8000, -1 if event is None else event)
        self.playout.reset()
        self._digits.clear()
        self._changes = 0
        self._due = self._clock.ticks_ms()
        for _ in range(_STALE):  # what is left of an earlier call
            if not self._ready() or self._take() is None:
                break

    def stop(self):
        """Ends; RTCP says BYE."""
        if self._peer is None:
            return
        if self.rtcp:
            self.rtcp.stop()
        self._peer = None
        self.audio.stop()

    def dial(self, digits):
        """Sends digits as telephone-events. False if the peer does not take these.

        ValueError for what is no digit.
        """
        if self._peer is None or self._event < 0:
            return False
        self.sender.events.put(digits)
        return True

    def poll(self):
        """Sends and plays what is due, and takes in one packet."""
        if self._peer is None:
            if self.rtcp:
                self.rtcp.poll()  # what comes late is of the call that was, not of the next
            return
        self._run_due()
        if self._ready():
            if self.latched:
                self._receive(self._take())
            else:
                self._latch(self._take_from())
        if self.rtcp:
            self.rtcp.poll()

    # The schedule.

    def _run_due(self):
        budget = _CATCH_UP
        while self._late() >= 0 or self._ahead():
            if not budget:
                self._skip()
            elif self._tick():
                budget -= 1
            else:
                break
            self._due = self._clock.ticks_add(self._due, _PACKET_MS)

    def _late(self):
        return self._clock.ticks_diff(self._clock.ticks_ms(), self._due)

    def _ahead(self):
        # A microphone that is faster than our ticks.
        return self.audio.clocked and self.audio.waiting >= _CATCH_UP

    def _skip(self):
        self.sender.skipped += 1
        self.sender.skip()
        self.playout.frame(self._law)

    def _tick(self):
        self.stats.look(self._clock.ticks_us())  # whether anything comes or not
        pcm = self.audio.frame()
        if self.audio.clocked:
            if pcm is None:
                return False
            self._follow()
        if self._sends:
            self.sender.frame(None if self.muted else pcm)
        else:
            self.sender.skip()
        if self._receives:
            self.audio.play(self.playout.pcm if self.playout.frame(self._law) else None)
        return True

    def _follow(self):
        # The microphone's frame is late or early: from here on the schedule is its own. What
        # it has lost meanwhile is a gap.
        late = self._late()
        while late >= _CATCH_UP * _PACKET_MS:
            self._skip()
            late -= _PACKET_MS
        self._due = self._clock.ticks_ms()

    # What arrives.

    def _take(self):
        try:
            return self._sock.recv(_DATAGRAM)
        except (OSError, MemoryError):  # nothing there, ICMP about a packet of ours, no room
            return None

    def _take_from(self):
        try:
            return self._sock.recvfrom(_DATAGRAM)
        except (OSError, MemoryError):
            return None

    def _latch(self, came):
        if came and self._receive(came[0]):
            self.latched = True
            if came[1] != self.sender.peer:
                self.sender.retarget(came[1])

    def _receive(self, data):
        # True if it is of the stream.
        if data is None or not self.stats.feed(data, len(data), self._clock.ticks_us()):
            return False
        if self.stats.ssrc_changes + self.stats.restarts != self._changes:
            self._changes = self.stats.ssrc_changes + self.stats.restarts
            self.playout.reset()
            self._digits.clear()
            self.latched = False  # perhaps it comes from elsewhere, too
        seq = data[2] << 8 | data[3]
        kind = data[1] & 0x7F
        if data[0] != 0x80:  # extensions, padding and CSRC are rare, and cut off
            data = plain(data)
        if kind == self._event:
            self._event_came(data)
            self.playout.put_quiet(seq)
        elif kind == self._payload or kind == g711.ULAW or kind == g711.ALAW:
            self._sound_came(data, seq)
        elif kind == _COMFORT:
            self.playout.put_quiet(seq)
        else:
            self.foreign += 1
        return True

    def _sound_came(self, data, seq):
        late = self.playout.late
        self.playout.put(data, seq)
        if self.playout.late != late:
            self.stats.discarded()

    def _event_came(self, data):
        digit = self._digits.take(data, 12, len(data))
        if digit and self.on_digit:
            self.on_digit(digit)
