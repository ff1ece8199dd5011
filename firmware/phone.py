"""A phone with one line: by commands, by its pins, and by a plan that device.json may have."""

import port
from line import Line
from unit import Unit
from unit import run as run_unit


def run(settings, agent):
    """Runs the phone until its settings say that it is done, then prints its counts as JSON.

    `agent` is the capture agent, or None.
    """
    run_unit(Phone(settings, agent, port.online(settings)))


class Phone(Unit):
    """The line, its console, its pins, and a plan of what to do when.

    OSError when its ports are taken, ValueError when its settings can not be.
    """

    def __init__(self, settings, agent, address):
        super().__init__(settings, agent)
        self.line = Line(settings, agent, address, self)
        self.lines.append(self.line)
        self.say("%s is at sip:%s:%d" % (settings["name"], address, settings["sip_port"]))
        if self.planned():
            from plans import Plans

            self._plans = Plans(self)
        if port.has_pins():
            from phonepins import Pins

            self._pins = Pins(self)
        self.line.register(settings["name"], settings["sip_password"], settings["sip_auth_user"])

    def on_state(self, line, call):
        if call.state == "ringing" and not call.outgoing and self.settings["answer_after_ms"]:
            self.plan.after(self.settings["answer_after_ms"], call.answer)
        elif line.ua.free_line():
            line.stream.muted = False
        super().on_state(line, call)

    def _commands(self):
        from commands import Commands

        return Commands(self).table
