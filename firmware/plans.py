"""What a device does by itself, as device.json plans it: for demonstrations and tests."""


class Plans:
    """`owner` is the device, a unit.Unit; its first line calls."""

    def __init__(self, owner):
        self._owner = owner
        settings = owner.settings
        if settings["call"]:
            owner.plan.after(settings["call_after_ms"], self._call)
        if settings["quit_after_ms"]:
            owner.plan.after(settings["quit_after_ms"], owner.stop)

    def on_state(self, line, call):
        settings, after = self._owner.settings, self._owner.plan.after
        if call.state == "ended":
            if sum([each.ended for each in self._owner.lines]) == settings["quit_after_calls"]:
                self._owner.finish()
        elif call.state == "talking":
            if settings["talk_ms"]:
                after(settings["talk_ms"], lambda: self._end(line, call))
            if call.outgoing and settings.get("dtmf_digits"):
                after(settings["dtmf_after_ms"], self._dial)
            if call.outgoing and settings.get("hold_after_ms"):
                after(settings["hold_after_ms"], call.hold)
                after(settings["hold_after_ms"] + settings["hold_ms"], call.resume)

    def _call(self):
        self._try("call", self._begin, self._owner.settings["call"])

    def _begin(self, target):
        self._owner.lines[0].call(target)

    def _end(self, line, call):
        call.hang_up()

    def _dial(self):
        self._try("dial", self._owner.lines[0].send_digits, self._owner.settings["dtmf_digits"])

    def _try(self, name, what, text):
        try:
            what(text)
        except (ValueError, RuntimeError) as error:
            self._owner.say("cannot %s %s: %s" % (name, text, error))
