"""What a phone and an ATA have in common: lines, a loop, a console, and a plan of what to do."""

import json
import time

import port
from console import Console
from usip.plan import Plan

_PLANNED = ("call", "talk_ms", "dtmf_digits", "hold_after_ms", "quit_after_calls", "quit_after_ms")


def run(unit):
    """Runs a Unit until it is done, then prints its counts as JSON."""
    while unit.poll():
        port.poll(unit.busy())
        time.sleep_ms(1)  # exact on an ESP32, where waiting in poll goes by ticks of 10 ms
    from counts import counts

    print(json.dumps(counts(unit.settings["name"], unit.lines, unit.agent)))


class Unit:
    """A device with `lines`, each a line.Line that has it as its owner.

    What is not wanted is not loaded: memory is what a device has least of. A personality adds
    _commands() for its console.
    """

    def __init__(self, settings, agent):
        self.settings = settings
        self.agent = agent
        self.lines = []
        self.plan = Plan(time, self.on_fault)
        self._born = time.ticks_ms()
        self._done = False
        self._plans = self._pins = None
        self._console = Console(self._commands)

    def planned(self):
        """Whether its settings have it do something by itself."""
        return any([self.settings.get(key) for key in _PLANNED])

    def poll(self):
        """One pass of the device's loop. False when it has done what it was to do."""
        for line in self.lines:
            line.poll()
        if self.agent:
            self.agent.poll()
        self.plan.poll()
        self._console.poll()
        if self._pins:
            self._pins.poll()
        return not self._done

    def on_fault(self, error):
        self.lines[0].ua.on_fault(error)

    def busy(self):
        """Whether there is a call."""
        for line in self.lines:
            if line.ua.calls:
                return True
        return False

    def say(self, text):
        print("%6d ms  %s" % (time.ticks_diff(time.ticks_ms(), self._born), text))

    def stop(self):
        """Hangs up, takes the registrations back, and ends soon."""
        for line in self.lines:
            line.stop()
        self.finish()

    def finish(self):
        """Ends in a second: a lost answer may come again, and the capture has to leave."""
        self.plan.after(1000, self._finish)

    def _finish(self):
        self._done = True

    def on_state(self, line, call):
        if self._plans:
            self._plans.on_state(line, call)
        self.show()

    def on_digit(self, line, digit):
        """A device does nothing with digits of the other end, but its line has said them."""

    def on_event(self, line, name, subject, value):
        if name == "message-waiting":
            self.say("messages: %d new, %d old" % tuple(value[1:]))
        else:
            self.show()

    def show(self):
        """Lamps and ringers are to show how things are."""
        if self._pins:
            self._pins.show()
