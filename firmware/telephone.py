"""A telephone at a port of the ATA: what its hook and its digits do, and what it hears."""

from dialplan import MAYBE, MORE, WHOLE
from micropython import const

ON_HOOK = "on the hook"
DIALLING = "dialling"
CALLING = "calling"
TALKING = "talking"
OVER = "over"  # off the hook, and nothing goes on: a tone says so

_BUSY = (486, 600, 603)
_HOWL_MS = const(60000)


class Telephone:
    """`line` is its Line, `handset` its Handset, `plan` the DialPlan of what it dials.

    lift(), lay(), flash() and digit() are what happens at it. `state` is one of the above, `rings`
    whether it rings, `call` the one that is talked on or placed, `held` one that is on hold.
    `owner` gives plan, settings, say(text), call(telephone, number) for what was dialled, and
    hears show() when a ringer or lamp may have to change.

    A flash takes the call that waits, or else changes to the one that is held, or else holds the
    one there is and dials. In a call that does not stand yet, or with a tone, it goes back to the
    one that is held. A handset that is laid down while there is one has the telephone ring.
    """

    def __init__(self, number, line, handset, plan, owner):
        self.number = number
        self.line = line
        self.handset = handset
        self.state = ON_HOOK
        self.rings = False
        self.call = self.held = None
        self.digits = ""
        self._plan = plan
        self._owner = owner
        self._due = None
        self._tone = ""  # in OVER

    def __str__(self):
        return "telephone %d" % self.number

    def poll(self):
        self.handset.poll()

    # What happens at the telephone.

    def lift(self):
        """The handset is lifted: to take the call that rings, or to dial."""
        if self.state != ON_HOOK:
            return
        self.handset.lift()
        self._turn(self._waits() or self.held)

    def lay(self):
        """The handset is laid down: the call is over. One that waits, or is held, rings."""
        if self.state == ON_HOOK:
            return
        call, self.call = self.call, None
        self._enter(ON_HOOK)
        self.handset.lay()
        if call:
            origin = self._origin(call)
            if origin:  # it would come back, to nobody
                origin.hang_up()
            call.hang_up()
        self.settle()

    def flash(self):
        """The hook was pressed for a moment."""
        if self.state == ON_HOOK:
            return
        other = self._waits() or self.held
        if self.state != TALKING:
            call = self.call
            if call and self._origin(call):
                call.hang_up()  # and with its end the other comes back
                return
            self.call = None
            if call:
                call.hang_up()
            self._turn(other)
        elif other or self.line.ua.free_line():
            self.call.hold()
            self.held = self.call
            self._turn(other)

    def digit(self, digit):
        """A digit is dialled, or sent in a call."""
        if self.state == DIALLING:
            self.digits += digit
            self._judge()
        elif self.state == TALKING:
            self._try(self.line.send_digits, digit, self.call)

    def place(self, target):
        """Calls a URI, or a number past the dial plan, with the handset lifted."""
        if self.state != DIALLING:
            raise RuntimeError("%s is %s" % (self, self.state))
        self._place(target)

    # What comes of it.

    def _turn(self, other):
        if other:
            self._take(other)
        else:
            self._dial()

    def _take(self, call):
        self.call = call
        self._attach(call)
        # One that takes the place of the one on hold may not stand yet.
        self._enter(CALLING if call.outgoing and call.state != "talking" else TALKING)
        if call.state == "ringing" and not call.outgoing:
            call.answer()
        else:
            call.resume()
            if call is self.held:
                self.held = None
        self.settle()

    def _dial(self):
        self.call = None
        self.digits = ""
        self.handset.attach(None)
        self._enter(DIALLING)
        self._in("dial_ms", self._too_late)
        self.settle()

    def _judge(self):
        verdict, number = self._plan.match(self.digits)
        if verdict == WHOLE:
            self._place(number)
        elif verdict == MAYBE:
            self._in("digit_short_ms", lambda: self._place(number))
        elif verdict == MORE:
            self._in("digit_long_ms", self._too_late)
        else:
            self._over("congestion", "no number begins with %s" % self.digits)
        self.settle()

    def _place(self, number):
        self._enter(CALLING)
        try:
            self._owner.call(self, number)
        except (ValueError, RuntimeError) as error:
            self._over("congestion", str(error))
        self.settle()

    def _too_late(self):
        self._over("congestion", "dialled %s and no more" % (self.digits or "nothing"))

    def _over(self, tone, why):
        if why:
            self._owner.say("%s: %s" % (self, why))
        self.call = None
        self.handset.attach(None)
        self._tone = tone
        self._enter(OVER)
        if self._owner.settings["howler_after_ms"]:
            self._in("howler_after_ms", self._howl)
        self.settle()

    def _howl(self):
        self._tone = "howler"
        self._due = self._owner.plan.after(_HOWL_MS, self._give_up)
        self.settle()

    def _give_up(self):
        self._tone = ""
        self.settle()

    def on_state(self, call):
        """A call of its line is in another state."""
        state = call.state
        if state == "calling":
            self._placed(call, self._origin(call))
        elif state == "ended":
            self._ended(call, self._origin(call))
        elif state == "talking" and call is self.call:
            self._enter(TALKING)
        self.settle()

    def _origin(self, call):
        """The call that `call` is to take the place of, as its peer wants (usip.refer), while
        that one stands."""
        origin = call.transfer_of and call.transfer_of.call
        return origin if origin and origin is not call and origin.state == "talking" else None

    def _placed(self, call, origin):
        if origin and origin is self.held:
            self.held = call
        else:
            self.call = call
            self._attach(call)
            self._enter(CALLING)

    def _ended(self, call, origin):
        if call is self.held:
            self.held = origin
        elif call is not self.call:
            return
        elif origin:  # nothing came of it: as before
            self.call = origin
            origin.resume()  # it may have been on hold
            self._enter(TALKING)
        elif call.status in _BUSY or call.status < 300:
            self._over("busy", "")
        else:
            self._over("congestion", "")

    def settle(self):
        """Tone, ringer and lamps are as calls and handset are."""
        waits = self._waits()
        rings = self.state == ON_HOOK and (waits or self.held) is not None
        if rings != self.rings:
            self.rings = rings
            self._owner.say("%s %s" % (self, "rings" if rings else "rings no more"))
        # A call to a telephone that is in use, but not in a call, finds it busy.
        self.line.ua.busy = self.state not in (ON_HOOK, TALKING)
        self.handset.signal(self._signal(waits))
        self._owner.show()

    def _signal(self, waits):
        if self.state == DIALLING:
            return "" if self.digits else "dial"
        if self.state == CALLING:
            return "ringback" if self.call and self.call.state == "ringing" else ""
        if self.state == TALKING:
            return "waiting" if waits else ""
        return self._tone if self.state == OVER else ""

    def _enter(self, state):
        self._owner.plan.drop(self._due)
        self._due = None
        if state != self.state:
            self.state = state
            self._owner.say("%s: %s" % (self, state))

    def _in(self, key, what):
        plan = self._owner.plan
        plan.drop(self._due)
        self._due = plan.after(self._owner.settings[key], what)

    def _attach(self, call):
        channel = self.line.channel(call)
        if channel:
            self.handset.attach(channel.stream)

    def _waits(self):
        """The call that comes in and is not answered yet, or None."""
        for call in self.line.ua.calls:
            if call.state == "ringing" and not call.outgoing:
                return call
        return None

    def _try(self, what, *args):
        try:
            what(*args)
        except (ValueError, RuntimeError) as error:
            self._owner.say("%s: %s" % (self, error))
