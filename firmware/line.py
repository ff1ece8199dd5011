"""One telephone line: a user agent on its SIP port, its sound, and the taps on its sockets."""

import sys
import time

import port
from micropython import const
from uhep import LOG, OUT
from uhep.tap import tap
from usip import net
from usip.agent import UserAgent
from usip.media import Media
from usip.playout import Playout
from usip.rtp import Stream
from usip.transport import Transport

_WRITTEN = const(" -./()")  # in numbers, for people
_BEGUN = const(("calling", "ringing"))


class Line:
    """`settings` are those of device.json, `agent` is the capture agent or None. `index` counts
    the lines of a device from 0: each has SIP and RTP ports of its own. `calls` is how many it
    can hold at the same time. `prefix` stands before what it says.

    `owner` hears on_state(line, call), on_digit(line, digit), on_event(line, name, subject,
    value) and say(text) for each transition. OSError when a port is taken, ValueError when a
    setting can not be.
    """

    def __init__(self, settings, agent, address, owner, index=0, user="", calls=1):
        self.settings = settings
        self.agent = agent
        self.index = index
        self.user = user or settings["name"]
        self.sip_port = settings["sip_port"] + index
        self.prefix = ""
        self.ended = 0
        self.talked = 0
        self._owner = owner
        self._log_flow = None
        import sound

        self.audio = sound.make(settings, index)
        sys.modules.pop("sound", None)  # it is asked once
        sock = net.udp(address, self.sip_port)
        ready = net.ready(sock)
        if agent:
            here = (address, self.sip_port)
            sock = tap(sock, agent, here)
            if settings["hep_log"]:
                self._log_flow = agent.flow(here, here, kind=LOG)
        self.transport = Transport(sock, address, self.sip_port, ready)
        self._reach(settings, address)
        rtp_port = settings["rtp_port"] + 2 * calls * index
        reports = settings["rtcp"]
        # Only the first has RTCP: a board has few sockets.
        self.channels = [
            Channel(self, address, rtp_port + 2 * at, reports and not at) for at in range(calls)
        ]
        self.stream = self.channels[0].stream
        self.ua = UserAgent(
            self.transport,
            [each.media for each in self.channels],
            self.user,
            self._on_state,
            on_event=self._on_event,
            log=self._log,
        )
        self.ua.rtp_stat = self._rtp_stat

    def _reach(self, settings, address):
        server = port.dns(settings)
        if server:
            from reach import Names

            self.transport.resolver = Names(server)
        self.transport.prefer = settings["sip_transport"]
        if settings["sip_transport"] == "tcp" or "transport=tcp" in settings["sip_proxy"].lower():
            from reach import over_tcp

            over_tcp(self, address)

    def channel(self, call):
        """The Channel of a call; None while it has lent it to another (usip.refer)."""
        for each in self.channels:
            if each.media is call.media:
                return each
        return None

    def register(self, user, password, auth_user=""):
        """Registers at the server of the settings, if there is one."""
        settings = self.settings
        if settings["sip_server"]:
            from usip.account import Account

            self.ua.account = Account(
                user, settings["sip_server"], password, auth_user, settings["sip_proxy"]
            )
            registration = self.ua.register(settings["sip_expires_s"])
            registration.keep_alive_ms = settings["sip_keep_alive_s"] * 1000

    def poll(self):
        self.audio.poll()
        self.ua.poll()
        if self.settings["hep_quality"]:
            self._poll_quality()

    def _poll_quality(self):
        for each in self.channels:
            if each.quality:
                each.quality.poll()

    def call(self, target):
        """Calls what a person means: a URI, user@host, or a number at our server; the Call.

        ValueError for what is none of these, RuntimeError while there is a call.
        """
        return self.ua.call(self.uri(target))

    def uri(self, target):
        """The URI of what a person means. ValueError as call() raises it."""
        if not target.strip("+*#%0123456789" + _WRITTEN):
            for sign in _WRITTEN:
                target = target.replace(sign, "")
        if not target or " " in target:
            raise ValueError("%s is no number and no address" % (target or "this"))
        if target[:4].lower() == "sip:":
            return target
        if "@" in target:
            return "sip:" + target
        if not self.settings["sip_server"]:
            raise ValueError("%s is only a number, and there is no sip_server to ask" % target)
        return "sip:%s@%s" % (target.replace("#", "%23"), self.settings["sip_server"])

    def answer(self):
        """Takes the call that rings; False if none does."""
        for call in self.ua.calls:
            if call.state == "ringing" and not call.outgoing:
                call.answer()
                return True
        return False

    def hang_up(self):
        """Ends, gives up or declines what there is."""
        for call in list(self.ua.calls):
            call.hang_up()

    def stop(self):
        """Hangs up, and takes the registration back."""
        self.hang_up()
        if self.ua.registration:
            self.ua.registration.stop()

    def send_digits(self, digits, call=None):
        """Sends DTMF, see digits.send()."""
        from digits import send

        send(self, digits, call)

    def digit_came(self, call, digit):
        """A digit has come by RTP."""
        self._log(call.dialog.call_id, "%s: digit %s in RTP" % (call, digit))
        self._owner.on_digit(self, digit)

    def say(self, text):
        self._owner.say(self.prefix + text)

    def _rtp_stat(self, call):
        channel = self.channel(call)
        return channel.rtp_stat() if channel else None

    def _on_state(self, call):
        for each in self.channels:
            each.on_state(call)
        if call.state == "talking":
            self.talked += 1
        elif call.state == "ended":
            self.ended += 1
        self._owner.on_state(self, call)

    def _on_event(self, name, subject, value):
        if name == "dtmf":
            self._owner.on_digit(self, value[0])
        else:
            self._owner.on_event(self, name, subject, value)

    def _log(self, call_id, text):
        self.say(text)
        if self._log_flow:
            data = text.encode()
            self.agent.capture(self._log_flow, OUT, data, len(data), call_id.encode())


class Channel:
    """RTP at `port`, and RTCP after it if it `reports`. `media` is what the line's user agent
    has of it.

    A Line has one for each call that it can hold. OSError when a port is taken.
    """

    def __init__(self, line, address, port, reports):
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
            self._rtcp(sock, address, port + 1) if reports else None,
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
            from rtcptap import captured

            self._captured_rtcp, sock = captured(line, sock, (address, port))
        return Rtcp(sock, ready, time, "%s@%s" % (line.user, address), Sender(rtp_sock))

    def on_state(self, call):
        """A call of the line, perhaps not this channel's, has come to another state."""
        # One that is hung up may end late, and another have the channel.
        if self._captured_rtcp and call.media is self.media:
            if call.state in _BEGUN:
                self._captured_rtcp.cid = call.dialog.call_id.encode()
            elif call.state == "ended" and call.transfer_of:  # who has lent it has it again
                self._captured_rtcp.cid = call.transfer_of.call.dialog.call_id.encode()
        if self.quality:
            self.quality.on_state(call)

    def rtp_stat(self):
        """The value of X-RTP-Stat; None if there never was a call with sound."""
        if self.quality:
            return self.quality.rtp_stat()
        if not self.stream.stats:
            return None
        from rtpstat import text

        return text(self.stream)

    def _on_digit(self, digit):
        for call in self._line.ua.calls:
            if call.media is self.media and not call.left:
                self._line.digit_came(call, digit)
