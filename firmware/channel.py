"""The sound of one call of a line: its RTP and RTCP ports, and what is told of them."""

import time

from uhep import RTCP
from uhep.tap import tap
from usip import net
from usip.media import Media
from usip.playout import Playout
from usip.rtp import Stream


class Channel:
    """RTP at `port`, RTCP after it; `media` is what the line's user agent has of it.

    A Line has one for each call that it can hold. OSError when a port is taken.
    """

    def __init__(self, line, address, port):
        settings = line.settings
        self.port = port
        self._captured_rtcp = None
        self._line = line
        sock = net.udp(address, port)
        least = settings["jitter_least"]
        self.stream = Stream(
            sock,
            net.ready(sock),
            line.audio,
            time,
            self._rtcp(sock, address, port + 1) if settings["rtcp"] else None,
            self._on_digit,
            Playout(least, max(least, settings["jitter_most"])),
        )
        self.media = Media(address, port, self.stream)
        self.quality = None
        if line.agent and settings["hep_quality"]:
            from quality import Quality

            self.quality = Quality(self, line, settings)

    def _rtcp(self, rtp_sock, address, port):
        from usip.rtcp import Rtcp
        from usip.sender import Sender

        line = self._line
        sock = net.udp(address, port)
        ready = net.ready(sock)
        if line.agent and line.settings["hep_rtcp"]:
            from uhep.rtcp import Rtcp as Captured

            self._captured_rtcp = Captured(line.agent)
            sock = tap(sock, self._captured_rtcp, (address, port), kind=RTCP)
        return Rtcp(sock, ready, time, "%s@%s" % (line.user, address), Sender(rtp_sock))

    def on_state(self, call):
        """A call of the line, perhaps not this channel's, has come to another state."""
        if self._captured_rtcp and call.media is self.media:
            self._captured_rtcp.cid = call.dialog.call_id.encode()
        if self.quality:
            self.quality.on_state(call)

    def rtp_stat(self):
        """X-RTP-Stat: packets and octets sent, packets received, lost here and there, jitter.

        None if there never was a call with sound."""
        if self.quality:
            return self.quality.rtp_stat()
        stream = self.stream
        if not stream.stats:
            return None
        return "CS=0;PS=%d;OS=%d;PR=%d;PL=%d,%d;JI=%d;EN=%s;DE=%s" % (
            stream.sender.sent,
            stream.sender.octets,
            stream.stats.total_received(),
            stream.stats.missing(),
            max(stream.rtcp.remote_lost, 0) if stream.rtcp else 0,
            stream.stats.jitter_us // 1000,
            stream.codec,
            stream.codec,
        )

    def _on_digit(self, digit):
        for call in self._line.ua.calls:
            if call.media is self.media:
                self._line.digit_came(call, digit)
