"""How a line's calls sound: reports to the capture agent's collector, and PUBLISH (RFC 6035)."""

import time

from uhep.jsontext import Json
from uhep.voice import Voice

_OVER = ("hanging up", "ended")
_ALERT_MS = 5000  # MOS is looked at so often


class Told:
    """What the other end says of us, from usip's RTCP, as uhep's Voice asks for it.

    The Rtcp and the Peer of `uhep.rtcp` in one, for a phone that reads its RTCP itself. Of a
    `stream` without RTCP nothing is heard.
    """

    r_factor = mos_lq = mos_cq = -1

    def __init__(self, stream):
        self.peer = self
        self.cid = b""
        self.json = Json(1600)
        self._rtcp = stream.rtcp
        self._sender = stream.sender

    @property
    def heard(self):
        return self._rtcp is not None and self._rtcp.remote_fraction >= 0

    @property
    def lost(self):
        return self._rtcp.remote_lost

    @property
    def jitter(self):
        return self._rtcp.remote_jitter

    @property
    def rtt_ms(self):
        return self._rtcp.rtt_ms if self._rtcp else -1

    @property
    def ssrc_hi(self):
        return self._sender.ssrc_high

    @property
    def ssrc_lo(self):
        return self._sender.ssrc_low


class Quality:
    """One channel's. Hears of its line's calls by on_state(call), and is polled in a call.

    `settings` of device.json: `quality_collector`, the SIP URI that reports are published to,
    `quality_interval_s` between two of them in a call, `quality_alert_mos` x100, below which
    it is told at once and once. HEP reports are a matter of hep.json. `voice` is the Voice of
    the call that is, or that was last.
    """

    def __init__(self, channel, line, settings):
        self.voice = None
        self.published = {}  # status of the answers, and how many
        self._channel = channel
        self._stream = channel.stream
        self._line = line
        self._settings = settings
        self._told = Told(self._stream)
        self._new = self._call = self._of = None
        self._before = self._began = self._since = self._looked = self._lasted_ms = 0
        self._alerted = False

    def on_state(self, call):
        if call.state == "talking" and call is not self._call:
            if call.media is self._channel.media:
                if self._call:  # which has been transferred
                    self._end()
                self._new, self.voice = call, None  # its stream starts after we have heard
        elif call.state in _OVER and call is self._call:
            self._end()

    def _begin(self):
        call, self._new = self._new, None
        stream = self._stream
        agreed = call.media.agreed
        remote = (agreed.host, agreed.port)
        local = (call.media.host, self._channel.port)
        self._told.cid = call.dialog.call_id.encode()
        if stream.rtcp:
            stream.rtcp.extended = self._extended
        self.voice = Voice(
            self._line.agent, stream.stats, self._told, local, remote, stream.codec, agreed.payload
        )
        self.voice.local_ms = 20 + 20 * self._settings["jitter_least"]
        self.voice.buffer_ms = 20 * self._settings["jitter_least"]
        self.voice.buffer_max_ms = 20 * self._settings["jitter_most"]
        self._before = stream.sender.sent
        self._call = call
        self._alerted = False
        self._began = self._since = self._looked = time.ticks_ms()
        if self.voice.text or self._settings["quality_collector"]:
            self._describe(call)

    def _describe(self, call):
        from uhep.vqtext import Session

        dialog = call.dialog
        ours, theirs = dialog.local, dialog.remote
        self._of = Session(_plain(ours), _plain(theirs), _plain(ours if call.outgoing else theirs))
        self._of.local_tag, self._of.remote_tag = _tag(ours), _tag(theirs)
        clock = self._line.agent.clock
        if clock.is_set:
            clock.tick()
            self._of.started = clock.now()[0]
        if self.voice.text:
            self.voice.text.of = self._of

    def _extended(self, buf, at):
        # An XR for usip's compound packet.
        return self.voice.voip(buf, at)

    def poll(self):
        if self._new and self._new.state == "talking":
            self._begin()
        if not self._call:
            return
        self._count()
        self.voice.poll()
        now = time.ticks_ms()
        if self._settings["quality_collector"]:
            if time.ticks_diff(now, self._looked) >= _ALERT_MS:
                self._looked = now
                self._look()
            every = self._settings["quality_interval_s"] * 1000
            if every and time.ticks_diff(now, self._since) >= every:
                self._since = now
                from uhep.vqtext import interval

                self._publish(interval(self.voice, self._of))

    def _look(self):
        least = self._settings["quality_alert_mos"]
        self.voice.update()
        if self._alerted or not 0 < self.voice.mos < least:
            return
        self._alerted = True
        from uhep.vqtext import alert

        self._publish(alert(self.voice, self._of, "MOSCQ", "Critical"))

    def _count(self):
        if self._call.media is not self._channel.media:  # lent: what it has counted stands
            return
        self.voice.stats = self._stream.stats  # another's, when it was suspended and goes on
        self._lasted_ms = time.ticks_diff(time.ticks_ms(), self._began)
        self.voice.sent = self._stream.sender.sent - self._before

    def _end(self):
        self._count()
        self._call = None
        if self._stream.rtcp:
            self._stream.rtcp.extended = None
        self.voice.final()
        if self.voice.cut:
            self._line.say("%d reports do not fit max_packet of hep.json" % self.voice.cut)
        if self._settings["quality_collector"]:
            from uhep.vqtext import session

            self._publish(session(self.voice, self._of))

    def _publish(self, body):
        from uhep.vqtext import EVENT, TYPE

        try:
            uri = self._settings["quality_collector"]
            self._line.ua.publish(uri, EVENT, TYPE, body.encode(), self._done)
        except (ValueError, RuntimeError, OSError) as error:
            self._line.say("no report to %s: %s" % (uri, error))

    def _done(self, status):
        self.published[status] = self.published.get(status, 0) + 1

    def rtp_stat(self):
        """X-RTP-Stat of the call that ends, or has ended; None: there was none."""
        if not self.voice:
            return None
        from uhep.vqtext import xrtpstat

        if self._call:
            self._count()
        return xrtpstat(self.voice, self._lasted_ms // 1000)


def _plain(uri):
    # A name-addr without its parameters.
    at = uri.find(">")
    return uri[uri.find("<") : at + 1] if at > 0 else "<%s>" % uri.split(";")[0]


def _tag(uri):
    at = uri.find(";tag=")
    return uri[at + 5 :].split(";")[0] if at > 0 else ""
