"""An ATA: two telephones, each with a line, by one SIP account or one each."""

import sys

import port
from dialplan import DialPlan
from handset import Handset
from line import Line
from telephone import Telephone
from unit import Unit
from unit import run as run_unit

_LINES = 2
_PEAK = 6000  # of each frequency of a tone
# What lwIP has for all: CONFIG_LWIP_MAX_SOCKETS of ESP-IDF, which MicroPython leaves as it is.
_SOCKETS = 10


def run(settings, agent):
    """Runs the ATA until its settings say that it is done, then prints its counts as JSON.

    `agent` is the capture agent, or None.
    """
    run_unit(Ata(settings, agent, port.online(settings)))


class Ata(Unit):
    """Two telephones, their console, their pins, and a plan of what the first one does when.

    OSError when its ports are taken, ValueError when its settings can not be.
    """

    def __init__(self, settings, agent, address):
        super().__init__(settings, agent)
        if port.ON_BOARD:
            _enough(settings)
        import signals
        from usip.tones import sine

        tones, table = signals.table(settings["tones"]), sine(_PEAK)
        plan = DialPlan(settings["dial_plan"], settings["internal"])
        for name in "signals", "dialtext":  # they are asked once
            sys.modules.pop(name, None)
        self.telephones = []
        for index in range(_LINES):
            user = settings["user2"] if index else ""
            line = Line(settings, agent, address, self, index, user, settings["calls"])
            line.prefix = "line %d: " % (index + 1)
            self.lines.append(line)
            handset = Handset(line.audio, [each.stream for each in line.channels], tones, table)
            self.telephones.append(Telephone(index + 1, line, handset, plan, self))
            self.say("%s is at sip:%s:%d" % (self.telephones[-1], address, line.sip_port))
        self.lines[1].transport.resolver = self.lines[0].transport.resolver
        if self.planned() or settings["answer_after_ms"]:
            from ataplans import Plans

            self._plans = Plans(self)
        if port.has_pins():
            from atapins import Pins

            self._pins = Pins(self)
        self._register()

    def _register(self):
        first, second = self.lines
        settings = self.settings
        password, auth_user = settings["sip_password"], settings["sip_auth_user"]
        first.register(first.user, password, auth_user)
        if settings["user2"]:
            password = settings["sip_password2"] or password
            auth_user = settings["sip_auth_user2"]
        second.register(second.user, password, auth_user)

    def poll(self):
        for each in self.telephones:
            each.poll()
        return super().poll()

    def call(self, telephone, number):
        """Calls what was dialled: the other telephone, or what the server has for it.

        ValueError for what can not be called, RuntimeError where the line has no more calls.
        """
        ua = telephone.line.ua
        for each, internal in zip(self.lines, self.settings["internal"]):
            if number == internal:
                here = each.transport
                ua.call("sip:%s@%s:%d" % (each.user, here.host, here.port), direct=True)
                return
        ua.call(telephone.line.uri(number))

    def on_state(self, line, call):
        self.telephones[line.index].on_state(call)
        super().on_state(line, call)

    def _commands(self):
        from atacommands import Commands

        return Commands(self).table


def _enough(settings):
    """ValueError if a board has not the sockets for these settings and for the capture."""
    tcp = settings["sip_transport"] == "tcp" or "transport=tcp" in settings["sip_proxy"].lower()
    each = 1 + settings["calls"] + int(settings["rtcp"]) + (2 if tcp else 0)
    if _LINES * each + 1 > _SOCKETS:
        raise ValueError(
            "device.json: SIP over TCP leaves too few of the board's %d sockets; "
            "calls must be 1 and rtcp false" % _SOCKETS
        )
