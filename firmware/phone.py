"""A phone with one line: by commands, by its pins, and by a plan that device.json may have."""

import json
import time

import port
from console import Console
from line import Line
from usip.plan import Plan

_PLANNED = ("call", "talk_ms", "dtmf_digits", "hold_after_ms", "quit_after_calls", "quit_after_ms")


def run(settings, agent):
    """Runs the phone until its settings say that it is done, then prints its counts as JSON.

    `agent` is the capture agent, or None.
    """
    phone = Phone(settings, agent, port.online(settings))
    while phone.poll():
        port.poll(bool(phone.line.ua.calls))
        time.sleep_ms(1)  # exact on an ESP32, where waiting in poll goes by ticks of 10 ms
    from counts import counts

    print(json.dumps(counts(settings["name"], [phone.line], agent)))


class Phone:
    """The line, its console, its pins, and a plan of what to do when.

    What is not wanted is not loaded: memory is what a phone has least of. OSError when its
    ports are taken, ValueError when its settings can not be.
    """

    def __init__(self, settings, agent, address):
        self.settings = settings
        self.agent = agent
        self._born = time.ticks_ms()
        self._done = False
        self.plan = Plan(time)
        self._plans = self._pins = None
        self.line = Line(settings, agent, address, self)
        self._console = Console(self._commands)
        self.say("%s is at sip:%s:%d" % (settings["name"], address, settings["sip_port"]))
        if any([settings[key] for key in _PLANNED]):
            from plans import Plans

            self._plans = Plans(self)
        if port.has_pins():
            from phonepins import Pins

            self._pins = Pins(self)
        self.line.register(settings["name"], settings["sip_password"])

    def poll(self):
        """One pass of the device's loop. False when it has done what it was to do."""
        self.line.poll()
        if self.agent:
            self.agent.poll()
        self.plan.poll()
        self._console.poll()
        if self._pins:
            self._pins.poll()
        return not self._done

    def say(self, text):
        print("%6d ms  %s" % (time.ticks_diff(time.ticks_ms(), self._born), text))

    def stop(self):
        """Hangs up, takes the registration back, and ends soon."""
        self.line.stop()
        self.finish()

    def finish(self):
        """Ends in a second: a lost answer may come again, and the capture has to leave."""
        self.plan.after(1000, self._finish)

    def _finish(self):
        self._done = True

    def on_state(self, line, call):
        if call.state == "ringing" and not call.outgoing and self.settings["answer_after_ms"]:
            self.plan.after(self.settings["answer_after_ms"], call.answer)
        elif call.state == "ended":
            line.stream.muted = False
        if self._plans:
            self._plans.on_state(line, call)
        if self._pins:
            self._pins.show()

    def on_digit(self, line, digit):
        """A phone does nothing with digits, but its line has said them."""

    def on_event(self, line, name, subject, value):
        if name == "message-waiting":
            self.say("messages: %d new, %d old" % tuple(value[1:]))
        elif self._pins:
            self._pins.show()

    def _commands(self):
        from commands import Commands

        return Commands(self).table
