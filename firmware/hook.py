"""A telephone's loop: open while the handset lies, and for a moment in each pulse of a dial."""

import time

from micropython import const

_MOST = const(10)  # pulses of a digit, which is then 0
_SPOILT = const(100)


class Hook:
    """Tells pulses, a flash and hanging up apart by how long the loop was open.

    `telephone` hears lift(), lay(), flash() and digit(digit). `settings` are those of device.json:
    a loop that is open for pulse_least_ms to pulse_most_ms is a pulse; a digit is over when it
    then is closed for pulse_pause_ms; open for flash_least_ms to flash_most_ms it is a flash,
    and for longer the handset lies. What is shorter than a pulse is a contact that bounces;
    what is between pulse and flash spoils its digit. `bad` counts the digits that came to
    nothing: spoilt, or of more than 10 pulses.
    """

    def __init__(self, telephone, settings, clock=time):
        self.bad = 0
        self._telephone = telephone
        self._settings = settings
        self._clock = clock
        self._lies = self._laid = True
        self._pulses = 0
        self._since = 0

    def change(self, lies, lasted_ms):
        """The handset lies, or seems to, or does no longer; it did not for `lasted_ms`, or did:
        what a lamps.Switch tells."""
        self._since = self._clock.ticks_ms()
        self._lies = lies
        if lies:  # for how long, is what matters
            return
        if self._laid:
            self._laid = False
            self._telephone.lift()
            return
        settings = self._settings
        if lasted_ms < settings["pulse_least_ms"]:
            return
        if lasted_ms <= settings["pulse_most_ms"]:
            self._pulses += 1
        elif lasted_ms < settings["flash_least_ms"]:
            self._pulses += _SPOILT
        else:
            self._drop()
            if lasted_ms <= settings["flash_most_ms"]:
                self._telephone.flash()
            else:  # nobody has looked in the meantime
                self._telephone.lay()
                self._telephone.lift()

    def poll(self):
        if self._pulses or self._lies and not self._laid:
            self._look(self._clock.ticks_diff(self._clock.ticks_ms(), self._since))

    def _look(self, lasted_ms):
        if self._lies:
            if not self._laid and lasted_ms > self._settings["flash_most_ms"]:
                self._laid = True
                self._drop()
                self._telephone.lay()
        elif lasted_ms >= self._settings["pulse_pause_ms"]:
            pulses, self._pulses = self._pulses, 0
            if pulses <= _MOST:
                self._telephone.digit("%d" % (pulses % 10))
            else:
                self.bad += 1

    def _drop(self):
        # What was dialled of a digit.
        if self._pulses:
            self._pulses = 0
            self.bad += 1
