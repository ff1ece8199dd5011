"""One call: INVITE to BYE, either way round (RFC 3261 sections 9, 13 and 15)."""

from usip import dialog, header

CALLING = "calling"  # INVITE sent
RINGING = "ringing"  # 180 sent or received
ANSWERED = "answered"  # 200 sent, the ACK has not come
TALKING = "talking"
CANCELLING = "cancelling"  # hung up here before it was answered
LEAVING = "hanging up"  # BYE sent
ENDED = "ended"


class Call:
    """A call of `agent`, the UserAgent, which hears of each change by changed(call).

    `state` is one of the above, `peer` the URI at the other end. `status` and `reason` tell
    what brought it there: a response, or 0 and words where there was none.
    """

    outgoing = False

    def __init__(self, agent, media, peer, dialog):
        self.agent = agent
        self.media = media
        self.peer = peer
        self.state = None
        self.status = 0
        self.reason = ""
        self.dialog = dialog
        self.invite = None  # the Client or Server of the INVITE

    def on_request(self, server):
        """A request within the dialog."""
        request = server.request
        if not self.dialog.in_order(request):
            server.reply(500)
        elif request.method == "BYE":
            server.reply(200)
            self._on_bye()
        elif request.method == "INVITE":
            server.reply(488)  # the session stays as it is (14.2)
        else:
            self.agent.reply_common(server)

    def on_response(self, client, response):
        """What came of our BYE: whatever it is, the call is over."""
        if response.status >= 200 and self.state == LEAVING:
            self._enter(ENDED, self.reason, self.status)

    def _on_bye(self):
        self._enter(ENDED, "hung up there")

    def _bye(self, reason, status=0):
        self.media.stop()
        self._enter(LEAVING, reason, status)
        self.agent.transactions.request(self.dialog.request("BYE"), self)

    def _enter(self, state, reason, status=0):
        self.state = state
        self.status = status
        self.reason = reason
        if state == ENDED:
            self.media.stop()
        self.agent.changed(self)


class Outgoing(Call):
    """A call that this end places."""

    outgoing = True

    def __init__(self, agent, media, peer, dialog):
        super().__init__(agent, media, peer, dialog)
        self._ack = None  # what answers each 2xx: (bytes, address)

    def start(self):
        """Sends the INVITE with our offer."""
        request = self.agent.describe(self.dialog.request("INVITE"))
        request.add("content-type", "application/sdp")
        request.body = self.media.offer()
        self._enter(CALLING, "")
        self.invite = self.agent.transactions.request(request, self)

    def hang_up(self):
        """Ends the call in the way that its state asks for."""
        if self.state in (CALLING, RINGING):
            self._enter(CANCELLING, "hung up here")
            self.invite.cancel()
        elif self.state == TALKING:
            self._bye("hung up here")

    def on_response(self, client, response):
        if client.request.method != "INVITE":
            super().on_response(client, response)
        elif response.status < 200:
            if response.status > 100 and self.state == CALLING:
                self._enter(RINGING, response.reason, response.status)
        elif response.status < 300:
            self._on_answer(response)
        else:
            self._enter(ENDED, response.reason, response.status)

    def _on_answer(self, response):
        if self._ack:
            self.agent.transport.send(*self._ack)
            return
        if self.state == ENDED:  # there was no way to send the ACK
            return
        self.dialog.confirm(response)
        try:
            self._ack = self.agent.transactions.ack(self.dialog.ack())
        except (ValueError, OSError):
            self._enter(ENDED, "no way to the peer's Contact")
            return
        if self.state == CANCELLING:  # the answer crossed our CANCEL
            self._bye(self.reason)
            return
        try:
            self.media.accept(response.body)
        except ValueError:
            self._bye("no PCMU in the answer", 488)
            return
        self.media.start()
        self._enter(TALKING, "")


class Incoming(Call):
    """A call that the other end places, by the INVITE of `server`.

    Making it raises ValueError where the INVITE cannot lead to a dialog.
    """

    def __init__(self, agent, media, server):
        peer = header.uri(server.request.get("from"))
        super().__init__(agent, media, peer, dialog.answered(server.request, server.tag))
        self.invite = server
        self._answer = None  # None: the INVITE had no offer, so our 200 has it
        self._hang_up = False

    def start(self):
        """Rings, or refuses with 488 what it cannot play."""
        offered = self.invite.request.body
        if offered:
            try:
                self._answer = self.media.answer(offered)
            except ValueError:
                self.invite.reply(488)
                self._enter(ENDED, "no PCMU in the offer", 488)
                return
        self.invite.send(self.agent.describe(self.invite.response(180)))
        self._enter(RINGING, "Ringing", 180)

    def answer(self):
        """Takes the call, if it still rings."""
        if self.state != RINGING:
            return
        response = self.agent.describe(self.invite.response(200))
        response.add("content-type", "application/sdp")
        response.body = self._answer or self.media.offer()
        self.invite.send(response)
        if self._answer:
            self.media.start()
        self._enter(ANSWERED, "OK", 200)

    def hang_up(self, status=603):
        """Ends the call, or declines it with `status`."""
        if self.state == RINGING:
            self.invite.reply(status)
            self._enter(ENDED, "declined here", status)
        elif self.state == ANSWERED:
            self._hang_up = True  # 15: not before the ACK
        elif self.state == TALKING:
            self._bye("hung up here")

    def on_ack(self, ack):
        """The caller has our 200."""
        if self.state != ANSWERED:
            return
        self.invite.acked()
        if not self._answer:
            try:
                self.media.accept(ack.body)
            except ValueError:
                self._bye("no PCMU in the answer", 488)
                return
            self.media.start()
        self._enter(TALKING, "")
        if self._hang_up:
            self._bye("hung up here")

    def on_no_ack(self):
        """The caller never had our 200 (13.3.1.4)."""
        if self.state == ANSWERED:
            self._bye("no ACK came", 408)

    def on_cancel(self):
        """The caller has hung up before we answered."""
        self.invite.reply(487)
        self._enter(ENDED, "cancelled there", 487)

    def _on_bye(self):
        if not self.invite.answered:
            self.invite.reply(487)
        super()._on_bye()
