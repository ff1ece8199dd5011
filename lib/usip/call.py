"""One call: its states, and what both ways round have in common (RFC 3261 sections 13 and 15)."""

from usip.session import Session

CALLING = "calling"  # INVITE sent
RINGING = "ringing"  # 180 sent or received
ANSWERED = "answered"  # 200 sent, the ACK has not come
TALKING = "talking"
CANCELLING = "cancelling"  # hung up here before it was answered
LEAVING = "hanging up"  # BYE sent
ENDED = "ended"


class Call(Session):
    """A call of `agent`, the UserAgent, which hears of each change by changed(call).

    `state` is one of the above, `peer` the URI at the other end. `status` and `reason` tell
    what brought it there: a response, or 0 and words where there was none. `media` is the
    line it has.
    """

    outgoing = False

    def __init__(self, agent, media, peer, dialog):
        super().__init__(agent, media, dialog)
        self.peer = peer
        self.state = None
        self.status = 0
        self.reason = ""
        self.invite = None  # the Client or Server of the first INVITE
        self.transfer_of = None  # a usip.refer.Transfer, either way
        self._entries = []  # INFO to send, of which the first has been

    def __str__(self):
        return "call %s %s" % ("to" if self.outgoing else "from", self.peer)

    @property
    def left(self):
        """It is over for us, its sound too: another call may have the line, however long the
        peer takes to answer. But one that a transfer has made may have to give it back."""
        return self.state in (CANCELLING, LEAVING) and not self.transfer_of

    def told(self):
        """The state and what brought it, in a line."""
        why = "%d %s" % (self.status, self.reason) if self.status else self.reason
        return "%s: %s%s" % (self, self.state, " (%s)" % why if why else "")

    def transfer(self, uri):
        """Asks the peer to call `uri` instead (RFC 3515): a blind transfer.

        "transfer" events tell how that goes on; once the new call stands this one is hung up.
        RuntimeError if there is no call to transfer, ValueError if that is no sip: URI.
        """
        if self.state != TALKING:
            raise RuntimeError("there is no call to transfer")
        from usip.refer import Transfer

        self.transfer_of = Transfer(self, uri)

    def send_info(self, content_type, body):
        """Sends INFO with a body (RFC 6086) in a call that stands.

        One after another: what is lost and comes again behind a later one is out of order.
        """
        if self.state != TALKING:
            raise RuntimeError("there is no call to send INFO in")
        self._entries.append((content_type, body))
        if len(self._entries) == 1:
            self._go_on()

    def _go_on(self):
        if self._entries and self.state == TALKING:
            request = self.dialog.request("INFO")
            request.put(*self._entries[0])
            self.agent.send(request, self)

    def send_dtmf(self, digit, ms=160):
        """Sends a digit by INFO, for peers that do not take it in RTP."""
        body = "Signal=%s\r\nDuration=%d\r\n" % (digit, ms)
        self.send_info("application/dtmf-relay", body.encode())

    def on_request(self, server):
        """A request within the dialog."""
        request = server.request
        method = request.method
        if not self.dialog.in_order(request):
            server.reply(500)
        elif method == "BYE":
            self._reply_bye(server)
            self._on_bye()
        elif method in ("INVITE", "UPDATE"):
            self.on_reinvite(server)
        elif method == "INFO":
            from usip.info import received

            received(self, server)
        elif method == "REFER" or method == "NOTIFY":
            from usip import refer

            refer.received(self, server)
        else:
            self.agent.reply_common(server)

    def on_sent(self, client):
        # Again with credentials, perhaps after a 1xx: from another hop, or another phone.
        if client.request.method == "INVITE" and self.state in (None, CALLING, RINGING):
            self.invite = client
        else:
            super().on_sent(client)

    def on_response(self, client, response):
        """What came of a request within the call."""
        method = client.request.method
        if method in ("INVITE", "UPDATE"):
            self.on_change(client, response)
        elif response.status < 200:
            return
        elif method == "BYE":  # whatever it is, the call is over
            self._enter(ENDED, self.reason, self.status)
        elif method == "REFER" and self.transfer_of:
            self.transfer_of.on_response(response)
        elif method == "NOTIFY":
            return  # that nobody wants it is no matter of the call (RFC 5057 5.2)
        elif response.status in (408, 481) and self.state == TALKING:
            self.give_up("the call is gone there", response.status)
        elif method == "INFO":
            self._entries = self._entries[1:]
            self._go_on()

    def on_ack(self, ack):
        if self.reinvited and ack.seq == self.reinvited.request.seq:
            self.on_reack(ack)

    def on_no_ack(self):
        """The caller never had our 200 (13.3.1.4)."""
        if self.state in (ANSWERED, TALKING):
            self.give_up("no ACK came", 408)

    def give_up(self, reason, status=0):
        """Ends a call that stands, by BYE."""
        had_media = self.state not in (CANCELLING, LEAVING)  # else another call may have it
        if had_media:
            self.media.stop()
        self.drop_timers()
        self._enter(LEAVING, reason, status)
        request = self.dialog.request("BYE")
        if had_media:
            self._stat(request)
        self.agent.send(request, self)

    def _on_bye(self):
        self._enter(ENDED, "hung up there")

    def _reply_bye(self, server):
        response = server.response(200)
        if not self.left:
            self._stat(response)
        server.send(response)

    def _stat(self, message):
        stat = self.agent.rtp_stat and self.agent.rtp_stat(self)
        if stat:
            message.add("x-rtp-stat", stat)

    def _enter(self, state, reason, status=0):
        if self.state in (ENDED, state):
            return
        if state == ENDED:
            if self.state not in (CANCELLING, LEAVING):
                self.media.stop()
            self.drop_timers()
        self.state = state
        self.status = status
        self.reason = reason
        self.agent.changed(self)
        if self.transfer_of:
            self.transfer_of.on_state(self)
