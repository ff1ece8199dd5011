"""The telephones' pins, where the board has them: hooks, ringers and keypads."""

import port
from hook import Hook

_HALF_MS = 20  # of a ringing voltage of 25 Hz
_SETTLE_MS = 10  # a dial of 20 pulses a second closes the loop for 16 ms


class Pins:
    """`hook1` and `hook2` are the loops: closed, as a switch is, while the handset lies.
    `ring1` and `ring2` ring in the cadence of device.json; while they do, `reverse1` and
    `reverse2` change at 25 Hz, as an SLIC wants it. Of `keypads` the first is that of the first
    telephone. `status` shines while one is lifted, and blinks shortly while a line is not
    registered.
    """

    def __init__(self, ata):
        self._ata = ata
        self._polled = []
        self._ringers = []
        self._status = self._add(port.lamp("status"))
        for telephone in ata.telephones:
            self._telephone(telephone, ata.settings)
        self.show()

    def _telephone(self, telephone, settings):
        number = telephone.number
        hook = Hook(telephone, settings)
        switch = port.switch("hook%d" % number, hook.change, _SETTLE_MS)
        if switch:
            self._add(switch)
            self._add(hook)
            if not switch.closed:
                hook.change(False, 0)
        keypads = port.board().get("keypads", ())
        if len(keypads) >= number:
            from keypad import Keypad

            self._add(Keypad.of(port.machine, keypads[number - 1], telephone.digit))
        ring = self._add(port.lamp("ring%d" % number))
        if ring:
            reverse = port.lamp("reverse%d" % number)
            pattern = number == 2 and settings["ring_ms2"] or settings["ring_ms"]
            self._ringers.append((telephone, ring, pattern))
            if reverse:
                self._add(_Reverse(ring, reverse))

    def _add(self, each):
        if each:
            self._polled.append(each)
        return each

    def poll(self):
        for each in self._polled:
            each.poll()

    def show(self):
        """A telephone or a registration is in another state."""
        for telephone, ring, pattern in self._ringers:
            if telephone.rings:
                ring.blink(*pattern)
            else:
                ring.off()
        if self._status:
            self._show_status()

    def _show_status(self):
        if [each for each in self._ata.telephones if each.state != "on the hook"]:
            self._status.on()
        elif [each for each in self._ata.lines if _astray(each.ua.registration)]:
            self._status.blink(50, 1950)
        else:
            self._status.off()


class _Reverse:
    """Changes the polarity of a line for as long as its ringer sounds."""

    def __init__(self, ring, reverse):
        self._ring = ring
        self._reverse = reverse
        self._lit = False

    def poll(self):
        if self._ring.lit != self._lit:
            self._change()
        self._reverse.poll()

    def _change(self):
        self._lit = self._ring.lit
        if self._lit:
            self._reverse.blink(_HALF_MS, _HALF_MS)
        else:
            self._reverse.off()


def _astray(registration):
    return registration and registration.state != "registered"
