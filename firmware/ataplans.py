"""What an ATA does by itself, as device.json plans it."""

from plans import Plans as _Plans
from telephone import OVER

_LAY_MS = 1000


class Plans(_Plans):
    """`owner` is the Ata: its first telephone calls, and each takes the calls that come."""

    def on_state(self, line, call):
        super().on_state(line, call)
        after_ms = self._owner.settings["answer_after_ms"]
        if not after_ms:
            return
        telephone = self._owner.telephones[line.index]
        after = self._owner.plan.after
        if call.state == "ringing" and not call.outgoing:
            after(after_ms, lambda: call.state == "ringing" and telephone.lift())
        elif telephone.state == OVER:
            after(_LAY_MS, lambda: telephone.state == OVER and telephone.lay())

    def _begin(self, target):
        # The digits of a number, or past the dial plan what is a URI.
        telephone = self._owner.telephones[0]
        telephone.lift()
        if target.strip("0123456789*#"):
            telephone.place(target)
        else:
            for digit in target:
                telephone.digit(digit)

    def _end(self, line, call):
        telephone = self._owner.telephones[line.index]
        if telephone.call is call:
            telephone.lay()
