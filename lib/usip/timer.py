"""Session timers (RFC 4028): a call whose other end has vanished does not stand for ever.

Imported when a session has one.
"""

from micropython import const

from usip import header

_MOST_S = const(86400)


class Timer:
    """The session timer of `call`: `interval_s`, and whether refreshing is up to us."""

    def __init__(self, call):
        self.call = call
        self.interval_s = 0
        self.least_s = 0  # what a 422 has taught us
        self.ours = False
        self._due = None

    def set(self, interval_s, ours):
        """The session has been refreshed."""
        self.interval_s = interval_s
        self.ours = ours
        plan = self.call.agent.plan
        plan.drop(self._due)
        if ours:
            self._due = plan.after(interval_s * 500, self._refresh)
        else:  # 10: a little before it ends, the peer having missed its time by far
            self._due = plan.after(interval_s * 1000 - min(32000, interval_s * 333), self._expire)

    def _refresh(self):
        # Should nothing come of it, the session ends where the peer would end it as well.
        plan = self.call.agent.plan
        self._due = plan.after(self.interval_s * 500, self._expire)
        self.call.refresh()

    def _expire(self):
        self._due = None
        self.call.give_up("the session timer ran out", 408)

    def ask(self, request):
        """Asks for the timer in a request that is to refresh it."""
        seconds = max(self.interval_s or self.call.agent.session_s, self.least_s)
        if seconds:
            who = ";refresher=%s" % ("uac" if self.ours else "uas") if self.interval_s else ""
            request.add("session-expires", "%d%s" % (seconds, who))
            if self.least_s:
                request.add("min-se", "%d" % self.least_s)

    def refused(self, request, response):
        """Takes a 422 to our refresh; True if it is tried again with what the peer wants."""
        if not self.learn(response):
            return False
        self.call.refresh()
        return True

    def learn(self, response):
        """Takes the Min-SE of a 422. False if it is none, or tells nothing new."""
        least_s = response.number("min-se") if response.status == 422 else None
        if not least_s or not self.least_s < least_s <= _MOST_S:
            return False
        self.least_s = least_s
        self.interval_s = max(self.interval_s, least_s) if self.interval_s else 0
        return True

    def stop(self):
        self.interval_s = 0
        self.call.agent.plan.drop(self._due)


def too_small(agent, server):
    """Refuses a request whose Session-Expires is less than we take (9); True if it did."""
    request = server.request
    asked_s = request.number("session-expires")
    if asked_s is None or asked_s >= agent.min_session_s or not request.has("supported", "timer"):
        return False
    response = server.response(422)
    response.add("min-se", "%d" % agent.min_session_s)
    server.send(response)
    return True


def answer(call, request, response):
    """Agrees, in our 2xx, on the timer that the caller asks for, or we want (9)."""
    asked_s = request.number("session-expires")
    known = request.has("supported", "timer") or request.has("require", "timer")
    interval_s = asked_s or call.agent.session_s
    interval_s = min(max(interval_s, request.number("min-se") or 0), _MOST_S)
    who = header.param(request.get("session-expires"), "refresher") if asked_s else None
    # Who does not know the timer can not refresh it.
    who = (who or "uac") if known and asked_s else "uas"
    response.add("session-expires", "%d;refresher=%s" % (interval_s, who))
    if known and who == "uac":
        response.add("require", "timer")
    if not call.timer:
        call.timer = Timer(call)
    call.timer.set(interval_s, who == "uas")


def agreed(call, response):
    """Takes the timer of a 2xx to our INVITE or UPDATE (7.2)."""
    interval_s = response.number("session-expires")
    if not interval_s:
        if call.timer and call.timer.interval_s:
            if call.timer.ours:  # the peer does not know it; we go on by ourselves
                call.timer.set(call.timer.interval_s, True)
            else:
                call.timer.stop()
        return
    if not call.timer:
        call.timer = Timer(call)
    who = header.param(response.get("session-expires"), "refresher") or "uac"
    call.timer.set(min(interval_s, _MOST_S), who == "uac")
