"""A call that this end places (RFC 3261 sections 9 and 13.2)."""

from micropython import const

from usip import header
from usip.call import CALLING, CANCELLING, ENDED, RINGING, TALKING, Call
from usip.dialog import Dialog

_TARGETS = const(5)  # that a call tries, following 3xx
_FORKS = const(4)


class Outgoing(Call):
    """A Call of ours, from INVITE on. A 3xx is followed to its Contacts, best first."""

    outgoing = True

    def __init__(self, agent, media, peer, dialog):
        super().__init__(agent, media, peer, dialog)
        self.fields = ()  # more fields of the INVITE
        self._acks = {}  # by To tag: what answers each 2xx
        self._targets = [peer]
        self._to = dialog.remote
        self._routes = dialog.routes
        self._early = None  # the To tag whose description the media runs by

    def start(self):
        """Sends the INVITE with our offer."""
        self._enter(CALLING, "")
        self._invite()

    def _invite(self):
        request = self.agent.describe(self.dialog.request("INVITE"))
        if self.timer or self.agent.session_s:
            self._timer().ask(request)
        for name, value in self.fields:
            request.add(name, value)
        request.put("application/sdp", self.media.offer())
        self.agent.send(request, self)

    def _timer(self):
        if not self.timer:
            from usip.timer import Timer

            self.timer = Timer(self)
        return self.timer

    def hang_up(self):
        """Ends the call in the way that its state asks for."""
        if self.state in (CALLING, RINGING):
            self.media.stop()
            self._enter(CANCELLING, "hung up here")
            self.invite.cancel()
        elif self.state == TALKING:
            self.give_up("hung up here")

    def on_response(self, client, response):
        status = response.status
        if client is not self.invite:
            super().on_response(client, response)
        elif status < 200:
            if status > 100:
                self._on_progress(response)
        elif status < 300:
            self._on_answer(client, response)
        elif self.state == CANCELLING:
            self._enter(ENDED, response.reason, status)
        elif status < 400 and self._redirect(response):
            self._invite()
        elif status == 422 and self._timer().learn(response):
            self._again_to(self._targets.pop())
            self._invite()
        else:
            self._enter(ENDED, response.reason, status)

    def _on_progress(self, response):
        if self.state not in (CALLING, RINGING):
            return
        tag = header.param(response.get("to"), "tag")
        if tag:
            self.dialog.confirm(response)
            self.learn(response)
            kind = response.get("content-type").split(";", 1)[0].strip().lower()
            if response.body and kind == "application/sdp":
                try:
                    self.media.accept(response.body)
                except ValueError:
                    tag = None
                if tag:
                    self._early = tag
                    self.media.start()
        if self.state == CALLING:
            self._enter(RINGING, response.reason, response.status)

    def _redirect(self, response):
        """Sets out for the best Contact of a 3xx that was not tried yet (8.1.3.4)."""
        found = []
        for contact in response.all("contact"):
            uri = header.uri(contact)
            try:
                header.uri_host_port(uri)
                weight = -float(header.param(contact, "q") or 1)
            except ValueError:
                continue
            if uri not in self._targets:
                found.append((weight, len(found), uri))
        if not found or len(self._targets) >= _TARGETS:
            return False
        self._again_to(min(found)[2])
        return True

    def _again_to(self, uri):
        # What a 1xx has made of the dialog, and its sound, is no more.
        self.media.suspend()
        self._targets.append(uri)
        dialog = self.dialog
        dialog.remote, dialog.target, dialog.routes = self._to, uri, self._routes
        if self.state == RINGING:
            self._enter(CALLING, "redirected" if len(self._targets) > 1 else "")

    def _on_answer(self, client, response):
        tag = header.param(response.get("to"), "tag")
        if tag in self._acks:
            self._acks[tag].send()
            return
        if self._acks:
            self._on_fork(client, response, tag)
            return
        if self.state == ENDED:  # there was no way to send the ACK
            return
        self.dialog.confirm(response)
        self.learn(response)
        ack = self.agent.transactions.ack(self.dialog.ack(client.request))
        if ack.lost:
            self._enter(ENDED, "no way to the peer's Contact")
            return
        self._acks[tag] = ack
        if self.state == CANCELLING:  # the answer crossed our CANCEL
            self.give_up(self.reason)
            return
        try:
            if response.body or tag != self._early:
                self.media.accept(response.body)
        except ValueError:
            self.give_up("nothing to talk in", 488)
            return
        if self.timer or response.get("session-expires"):
            from usip.timer import agreed

            agreed(self, response)
        self._enter(TALKING, "")
        self.settle()

    def _on_fork(self, client, response, tag):
        """Another phone has answered as well (13.2.2.4): hangs up there."""
        if len(self._acks) >= _FORKS:
            return
        dialog = self.dialog
        other = Dialog(dialog.call_id, dialog.local, "", self._targets[-1])
        other.confirm(response)
        other.seq = client.request.seq
        self._acks[tag] = self.agent.transactions.ack(other.ack(client.request))
        self.agent.send(other.request("BYE"), _Nobody())


class _Nobody:
    """Who sends a request and does not care."""

    def on_sent(self, client):
        pass

    def on_response(self, client, response):
        pass
