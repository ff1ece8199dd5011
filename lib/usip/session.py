"""What changes within a call that stands: hold, re-INVITE and UPDATE (RFC 3261 14, RFC 3311)."""

from micropython import const

from usip import header, net

_STATES_OVER = const(("hanging up", "ended"))
_FATAL = const((408, 481))  # 12.2.1.2: the dialog is gone


class Session:
    """The offers and answers of a Call, which this is a part of.

    `holding`: we hold the peer, or are about to; `held`: it holds us. At most one of the two
    ends may have an offer open: 491 says so, and after a moment we try again (14.1).
    """

    def __init__(self, agent, media, dialog):
        self.agent = agent
        self.media = media
        self.dialog = dialog
        self.holding = False
        self.held = False
        self.timer = None  # the usip.timer.Timer of the session, if it has one
        self.peer_allows = ()  # methods, in upper case
        self.reinvited = None  # the Server of the last re-INVITE
        self._offered_late = False  # our 200 to it has an offer, which the ACK answers
        self._offering = None  # the Client of our re-INVITE or UPDATE
        self._reack = None
        self._again = None  # when to try once more
        self._wanted = False  # something is to be offered as soon as that is possible

    def hold(self):
        """Puts the peer on hold: it hears nothing, and is asked to send nothing."""
        self._want(True)

    def resume(self):
        """Takes it off hold."""
        self._want(False)

    def _want(self, holding):
        if self.state in _STATES_OVER or self.holding == holding:
            return
        self.holding = holding
        self.offer()

    def offer(self):
        """Sends a re-INVITE with what we want now, or will when that is possible."""
        waits = self.transfer_of and self.transfer_of.busy
        if self.state != "talking" or self._offering or self._offered_late or waits:
            self._wanted = True
            return
        self._wanted = False
        self.agent.plan.drop(self._again)
        self.media.hold = self.holding
        request = self.agent.describe(self.dialog.request("INVITE"))
        request.put("application/sdp", self.media.offer())
        self._begin(request)

    def refresh(self):
        """Tells the peer that the session stands: by UPDATE if it knows it, or by re-INVITE."""
        if self._offering:
            return  # that one does it as well
        if "UPDATE" in self.peer_allows:
            self._begin(self.agent.describe(self.dialog.request("UPDATE")))
        else:
            self.offer()

    def _begin(self, request):
        if self.timer:
            self.timer.ask(request)
        self._reack = None
        self._offering = self.agent.send(request, self)

    def on_sent(self, client):
        if client.request.method in ("INVITE", "UPDATE"):
            self._offering = client

    def on_change(self, client, response):
        """What came of our re-INVITE or UPDATE."""
        status = response.status
        if status < 200:
            return
        invite = client.request.method == "INVITE"
        if status < 300 and invite:
            if self._reack and client is not self._offering:
                self._reack.send()
                return
            self.dialog.refresh(response)
            self._reack = self.agent.transactions.ack(self.dialog.ack(client.request))
        if client is not self._offering:
            return
        self._offering = None
        if self.state in _STATES_OVER:
            return
        if status < 300:
            self._changed(client.request, response)
        elif status == 491:
            self._glare()
            return
        elif status in _FATAL:
            self.give_up("the call is gone there", status)
            return
        elif not (self.timer and self.timer.refused(client.request, response)):
            self._refused(status)
        self.catch_up()

    def catch_up(self):
        """Offers what had to wait."""
        if self._wanted and self.state == "talking":
            self.offer()

    def _changed(self, request, response):
        if self.timer or response.get("session-expires"):
            from usip.timer import agreed

            agreed(self, response)
        if request.body:
            try:
                self.media.accept(response.body)
            except ValueError:
                self.give_up("nothing to talk in", 488)
                return
            self.settle()

    def _refused(self, status):
        # 14.1: the session stays as it was.
        if self.holding != self._held_by_us():
            self.holding = not self.holding
            self.media.hold = self.holding
        self.agent.event("modified", self, status)

    def _held_by_us(self):
        return self.media.running is not None and self.media.running.holding

    def _glare(self):
        # 14.1: who made the Call-ID waits longer.
        base = 2100 if self.outgoing else 0
        wait_ms = base + int(net.token(1), 16) * 1900 // 255 // 10 * 10
        self.media.hold = self._held_by_us()
        self._again = self.agent.plan.after(wait_ms, self.offer)

    def settle(self):
        """The media runs as agreed, and the device hears who holds whom."""
        before = self.media.running
        self.media.start()
        agreed = self.media.agreed
        if agreed.holding != (before is not None and before.holding):
            self.agent.event("holding", self, agreed.holding)
        if agreed.held != self.held:
            self.held = agreed.held
            self.agent.event("held", self, agreed.held)
        self.catch_up()

    def on_reinvite(self, server):
        """The peer changes the session, or refreshes it, by INVITE or UPDATE."""
        request = server.request
        invite = request.method == "INVITE"
        if self.state in _STATES_OVER:
            server.reply(481)
            return
        if self._offering and (invite or request.body):
            server.reply(491)
            return
        if (self.state != "talking" or self._offered_late) and (invite or request.body):
            response = server.response(500)  # 14.2
            response.add("retry-after", "%d" % (1 + int(net.token(1), 16) % 10))
            server.send(response)
            return
        if request.get("session-expires"):
            from usip.timer import too_small

            if too_small(self.agent, server):
                return
        body = b""
        if request.body:
            try:
                body = self.media.answer(request.body)
            except ValueError:
                server.reply(488)
                return
        elif invite:
            body = self.media.offer()
            self._offered_late = True
        self.learn(request)
        self.dialog.refresh(request)
        response = self.agent.describe(server.response(200))
        self.arrange(request, response)
        if body:
            response.put("application/sdp", body)
        if invite:
            self.reinvited = server
        server.send(response)
        if request.body:
            self.settle()

    def on_reack(self, ack):
        """The peer has our 200 to its re-INVITE."""
        self.reinvited.acked()
        if not self._offered_late:
            return
        self._offered_late = False
        try:
            self.media.accept(ack.body)
        except ValueError:
            self.give_up("nothing to talk in", 488)
            return
        self.settle()

    def learn(self, message):
        """Takes what a message says of the methods that the peer has."""
        if message.get("allow"):
            self.peer_allows = [each.upper() for each in message.tokens("allow")]

    def arrange(self, request, response):
        """Puts the session timer that `request` asks for, or we want, into a 200."""
        if request.get("session-expires") or self.agent.session_s:
            from usip.timer import answer

            answer(self, request, response)
        elif self.timer:  # RFC 4028 7.2: without one in the 2xx there is none from now on
            self.timer.stop()

    def moved(self):
        """We have another address: tells the peer, in signalling and media."""
        if self.state == "talking":
            self.offer()

    def drop_timers(self):
        self.agent.plan.drop(self._again)
        if self.timer:
            self.timer.stop()


def acceptable(accept):
    """Whether an Accept field, if there is one, takes a session description."""
    kinds = [part.split(";", 1)[0].strip().lower() for part in header.split(accept)]
    return not accept or any(
        [kind in ("application/sdp", "application/*", "*/*") for kind in kinds]
    )
