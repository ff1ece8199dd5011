"""One telephone line: a user agent on its SIP port, its sound, and the taps on its sockets."""

import sys

from channel import Channel
from uhep import LOG, OUT
from uhep.tap import tap
from usip import net
from usip.agent import UserAgent
from usip.transport import Transport


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
        rtp_port = settings["rtp_port"] + 2 * calls * index
        self.channels = [Channel(self, address, rtp_port + 2 * at) for at in range(calls)]
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
            self.ua.register(settings["sip_expires_s"])

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
        if target[:4].lower() == "sip:":
            return target
        if "@" in target:
            return "sip:" + target
        if not self.settings["sip_server"]:
            raise ValueError("%s is only a number, and there is no sip_server to ask" % target)
        return "sip:%s@%s" % (target, self.settings["sip_server"])

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
        """Sends DTMF in `call`, or the one that stands: as events in RTP if the peer takes
        these, else by INFO. ValueError for what is no digit, RuntimeError if there is no call."""
        for each in self.ua.calls:
            if each.state == "talking" and call in (None, each):
                self._send_digits(each, digits.upper())
                return
        raise RuntimeError("there is no call")

    def _send_digits(self, call, digits):
        by = self.settings["dtmf"]
        channel = self.channel(call)
        if by != "info" and channel and channel.stream.dial(digits):
            return
        if by == "rtp":
            raise RuntimeError("the other end takes no digits in RTP")
        from usip.events import DIGITS

        for digit in digits:
            if digit not in DIGITS:
                raise ValueError("%r is no DTMF digit" % digit)
            call.send_dtmf(digit)

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
