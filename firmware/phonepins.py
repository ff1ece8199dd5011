"""The phone's lamps and switches, where the board has them."""

import port


class Pins:
    """`status` shines while talking, blinks while it rings and, shortly, while it is not
    registered; `ring` rings. `call` takes a call, ends it, or calls the first speed dial;
    `hook` is a hook switch, closed while the handset lies.
    """

    def __init__(self, phone):
        self._phone = phone
        self._line = phone.line
        self._status = port.lamp("status")
        self._ring = port.lamp("ring")
        button = port.switch("call", self._on_button)
        hook = port.switch("hook", self._on_hook)
        self._polled = [each for each in (self._status, self._ring, button, hook) if each]
        self.show()

    def poll(self):
        for each in self._polled:
            each.poll()

    def show(self):
        """A call or the registration is in another state."""
        calls = self._line.ua.calls
        state = calls[-1].state if calls else None
        rings = state == "ringing" and not calls[-1].outgoing
        if self._ring:
            if rings:
                self._ring.blink(1000, 4000)
            else:
                self._ring.off()
        if self._status:
            self._show_status(state, rings)

    def _show_status(self, state, rings):
        registration = self._line.ua.registration
        if rings:
            self._status.blink(200, 200)
        elif state in ("talking", "answered"):
            self._status.on()
        elif state:
            self._status.blink(500, 500)
        elif registration and registration.state != "registered":
            self._status.blink(50, 1950)
        else:
            self._status.off()

    def _on_button(self, pressed, _):
        dials = self._phone.settings["speed_dials"]
        if not pressed or self._line.answer():
            return
        if not self._line.ua.free_line():
            self._line.hang_up()
        elif dials:
            self._line.call(dials[0])

    def _on_hook(self, lies, _):
        if lies:
            self._line.hang_up()
        else:
            self._line.answer()
