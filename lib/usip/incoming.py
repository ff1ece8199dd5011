"""A call that the other end places (RFC 3261 section 13.3)."""

from micropython import const

from usip import dialog, header
from usip.call import ANSWERED, ENDED, LEAVING, RINGING, TALKING, Call
from usip.session import acceptable

_SDP = "application/sdp"
_AGAIN_MS = const(60000)


def refuses(agent, server):
    """Whether an INVITE was refused for what it is, whoever it is for: no SDP, no time."""
    request = server.request
    kind = request.get("content-type", _SDP).split(";", 1)[0].strip().lower()
    if request.body and (kind != _SDP or request.get("content-encoding")):
        response = server.response(415)
        response.add("accept", _SDP)
        response.add("accept-encoding", "identity")
        server.send(response)
    elif not acceptable(",".join(request.all("accept"))):
        server.reply(406)
    elif request.get("session-expires"):
        from usip.timer import too_small

        return too_small(agent, server)
    else:
        return False
    return True


class Incoming(Call):
    """The Call of an INVITE, `server`.

    Making it raises ValueError where the INVITE cannot lead to a dialog.
    """

    def __init__(self, agent, media, server):
        peer = header.uri(server.request.get("from"))
        super().__init__(agent, media, peer, dialog.answered(server.request, server.tag))
        self.invite = server
        self.learn(server.request)
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
                self._enter(ENDED, "nothing to talk in", 488)
                return
        self.invite.send(self.agent.describe(self.invite.response(180)))
        self._enter(RINGING, "Ringing", 180)
        self._again = self.agent.plan.after(_AGAIN_MS, self._ring)

    def _ring(self):
        # 13.3.1.1: what was said last, each minute, or a proxy takes us for gone.
        self.invite.on_message(None)
        self._again = self.agent.plan.after(_AGAIN_MS, self._ring)

    def progress(self):
        """Lets the caller hear us while it still rings, if it has made an offer (183)."""
        if self.state != RINGING or not self._answer:
            return
        response = self.agent.describe(self.invite.response(183))
        response.put(_SDP, self._answer)
        self.invite.send(response)
        self.media.start()

    def answer(self):
        """Takes the call, if it still rings."""
        if self.state != RINGING:
            return
        self.agent.plan.drop(self._again)
        response = self.agent.describe(self.invite.response(200))
        self.arrange(self.invite.request, response)
        response.put(_SDP, self._answer or self.media.offer())
        self.invite.send(response)
        if self._answer:
            self.media.start()
        self._enter(ANSWERED, "OK", 200)

    def hang_up(self, status=603):
        """Ends the call, or declines it with `status`."""
        if self.state == RINGING:
            self.invite.reply(status)
            self._enter(ENDED, "declined here", status)
        elif self.state == ANSWERED:  # 15: no BYE before the ACK
            self._hang_up = True
            self.media.stop()
            self._enter(LEAVING, "hung up here")
        elif self.state == TALKING:
            self.give_up("hung up here")

    def on_ack(self, ack):
        """The caller has our 200."""
        if ack.seq != self.invite.request.seq:
            super().on_ack(ack)
            return
        if self._hang_up:
            self.invite.acked()
            self._bye()
        if self.state != ANSWERED:
            return
        self.invite.acked()
        if not self._answer:
            try:
                self.media.accept(ack.body)
            except ValueError:
                self.give_up("nothing to talk in", 488)
                return
        self._enter(TALKING, "")
        self.settle()

    def on_no_ack(self):
        if self._hang_up:
            self._bye()
        else:
            super().on_no_ack()

    def _bye(self):
        self._hang_up = False
        self.give_up(self.reason)

    def on_cancel(self):
        """The caller has hung up before we answered."""
        self.invite.reply(487)
        self._enter(ENDED, "cancelled there", 487)

    def _on_bye(self):
        if not self.invite.answered:
            self.invite.reply(487)
        super()._on_bye()
