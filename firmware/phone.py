"""A phone with one line that calls, answers and hangs up by the clock, as device.json says."""

import json
import time

import port
from uhep.tap import tap
from usip import call, net
from usip.agent import UserAgent
from usip.audio import Tone
from usip.media import Media
from usip.rtp import Stream
from usip.transport import Transport

_LINGER_MS = 1000  # after the last call: for a lost answer to come again, and the capture to leave


def run(settings, agent):
    """Runs the phone until its settings say that it is done, then prints its counts as JSON.

    `agent` is the capture agent, or None.
    """
    phone = Phone(settings, agent, port.online(settings))
    while phone.poll():
        port.poll()
        time.sleep_ms(1)  # exact on an ESP32, where waiting in poll goes by ticks of 10 ms
    print(json.dumps(phone.counts()))


class Phone:
    """The user agent, the capture agent on its SIP socket, and a plan of what to do when.

    OSError when its ports are taken.
    """

    def __init__(self, settings, agent, address):
        self.settings = settings
        self.agent = agent
        self._born = time.ticks_ms()
        sock = net.udp(address, settings["sip_port"])
        rtp = net.udp(address, settings["rtp_port"])
        ready = net.ready(sock)
        if agent:
            sock = tap(sock, agent, (address, settings["sip_port"]))
        self.transport = Transport(sock, address, settings["sip_port"], ready)
        self.stream = Stream(rtp, net.ready(rtp), Tone(settings["tone_hz"]), time)
        self.ua = UserAgent(
            self.transport,
            [Media(address, settings["rtp_port"], self.stream)],
            settings["name"],
            self._on_state,
        )
        self.ended = 0
        self.talked = 0
        self._plan = []  # (when in ticks, what to call)
        self._done = False
        if settings["call"]:
            self._later(settings["call_after_ms"], self._dial)
        if settings["quit_after_ms"]:
            self._later(settings["quit_after_ms"], self._stop)
        self._log("%s is at sip:%s:%d" % (settings["name"], address, settings["sip_port"]))

    def poll(self):
        """One pass of the device's loop. False when it has done what it was to do."""
        self.ua.poll()
        if self.agent:
            self.agent.poll()
        for at in range(len(self._plan)):
            when, what = self._plan[at]
            if time.ticks_diff(time.ticks_ms(), when) >= 0:
                self._plan.pop(at)
                what()
                break
        return not self._done

    def counts(self):
        """What the device has to tell of itself, as a dict (its keys: firmware/README.md)."""
        captured = self.agent.stats() if self.agent else None
        asked = getattr(self.agent, "asked", None)
        per_packet = (
            asked / captured["captured"] if asked is not None and captured["captured"] else None
        )
        return {
            "device": self.settings["name"],
            "sip_port": self.settings["sip_port"],
            "sip": {
                "sent": self.transport.sent,
                "received": self.transport.received,
                "dropped": self.transport.dropped,
                "failed": self.transport.failed,
            },
            "rtp": {
                "sent": self.stream.sender.sent,
                "skipped": self.stream.sender.skipped,
                "received": self.stream.stats.total_received(),
                "lost": self.stream.stats.missing(),
            },
            "calls": {"ended": self.ended, "talked": self.talked},
            "capture": captured,
            "bytes_per_packet": per_packet,
        }

    def _later(self, after_ms, what):
        self._plan.append((time.ticks_add(time.ticks_ms(), after_ms), what))

    def _dial(self):
        try:
            self.ua.call(self.settings["call"])
        except (ValueError, RuntimeError) as error:
            self._log("cannot call %s: %s" % (self.settings["call"], error))

    def _stop(self):
        for each in list(self.ua.calls):
            each.hang_up()
        self._later(_LINGER_MS, self._finish)

    def _finish(self):
        self._done = True

    def _on_state(self, changed):
        self._log(_told(changed))
        if changed.state == call.RINGING and not changed.outgoing:
            self._later(self.settings["answer_after_ms"], changed.answer)
        elif changed.state == call.TALKING:
            self.talked += 1
            if self.settings["talk_ms"]:
                self._later(self.settings["talk_ms"], changed.hang_up)
        elif changed.state == call.ENDED:
            self.ended += 1
            if self.ended == self.settings["quit_after_calls"]:
                self._later(_LINGER_MS, self._finish)

    def _log(self, text):
        print("%6d ms  %s" % (time.ticks_diff(time.ticks_ms(), self._born), text))


def _told(changed):
    why = "%d %s" % (changed.status, changed.reason) if changed.status else changed.reason
    return "call %s %s: %s%s" % (
        "to" if changed.outgoing else "from",
        changed.peer,
        changed.state,
        " (%s)" % why if why else "",
    )
