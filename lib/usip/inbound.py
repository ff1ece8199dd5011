"""What a user agent does with the requests that come (RFC 3261 8.2, 12.2.2)."""

from micropython import const

from usip import header

_IN_DIALOG = const(("BYE", "INFO", "PRACK", "REFER", "UPDATE"))
_KNOWN = const(("timer",))  # the option tags that Require may ask for


class Inbound:
    """The part of a UserAgent that its Transactions give requests to."""

    allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY"

    def on_request(self, server):
        """A new request, in a call or outside of one."""
        request = server.request
        unknown = [each for each in request.tokens("require") if each.lower() not in _KNOWN]
        if unknown and request.method != "CANCEL":
            refusal = server.response(420)
            refusal.add("unsupported", ", ".join(unknown))
            server.send(refusal)
        elif header.param(request.get("to"), "tag") is not None:
            owner = self._owner(request)
            if owner:
                owner.on_request(server)
            elif request.method == "NOTIFY":
                self._notify(server)
            else:
                server.reply(481)
        elif request.uri[:4].lower() != "sip:":
            server.reply(416)
        elif request.method == "INVITE":
            self._ring(server)
        elif request.method == "NOTIFY":
            self._notify(server)
        elif request.method in _IN_DIALOG:
            server.reply(481)
        else:
            self.reply_common(server)

    def _ring(self, server):
        from usip.incoming import Incoming, refuses

        if refuses(self, server):
            return
        media = None if self.busy else self.free_line()
        if not media:
            server.reply(486)
            return
        incoming = Incoming(self, media, server)
        server.reply(100)
        self.calls.append(incoming)
        incoming.start()

    def _notify(self, server):
        from usip.notify import notified

        notified(self, server)

    def reply_common(self, server):
        """OPTIONS, or a method that we do not have; the same within a dialog and outside."""
        known = server.request.method == "OPTIONS"
        response = server.response(200 if known else 405)
        response.add("allow", self.allow)
        if known:
            response.add("accept", "application/sdp")
            response.add("supported", "timer")
        server.send(response)

    def on_ack(self, ack):
        owner = self._owner(ack)
        if owner:
            owner.on_ack(ack)

    def on_cancel(self, server):
        for ringing in self.calls:
            if ringing.invite is server:
                ringing.on_cancel()
                return

    def on_no_ack(self, server):
        for answered in self.calls:
            if server in (answered.invite, answered.reinvited):
                answered.on_no_ack()
                return

    def _owner(self, request):
        for each in self.calls:
            if each.dialog.owns(request):
                return each
        return None
