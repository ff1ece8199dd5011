"""A SIP user agent that places and answers calls (RFC 3261)."""

import time

from usip import call, dialog, header, net
from usip.layer import Transactions

_ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS"
_IN_DIALOG = ("BYE", "INFO", "NOTIFY", "PRACK", "REFER", "UPDATE")


class UserAgent:
    """The SIP end of a device: one socket, and a line for each call it can hold.

    `transport` is a Transport, `lines` a list of Media, `user` the user part of its
    address. `on_state(call)` hears of every change of a call's state; a call that comes in
    is first heard of as `ringing`, and the device calls its answer() or hang_up(). `clock`
    has ticks_ms, ticks_add and ticks_diff, as `time` does.

    Nothing here waits, and there is no thread: the device calls poll() from its own loop,
    every few milliseconds for the sake of RTP.
    """

    def __init__(self, transport, lines, user, on_state, clock=time):
        self.transport = transport
        self.transactions = Transactions(transport, self, clock)
        self.calls = []
        self._lines = lines
        self._user = user
        self._on_state = on_state

    def call(self, uri):
        """Calls a `sip:` URI; the Call.

        ValueError if it is no such URI, RuntimeError if every line is taken.
        """
        header.uri_host_port(uri)
        media = self._free_line()
        if not media:
            raise RuntimeError("every line is taken")
        leg = dialog.Dialog(
            "%s@%s" % (net.token(8), self.transport.host),
            self.transport.contact(self._user) + ";tag=" + net.token(4),
            "<%s>" % uri,
            uri,
        )
        placed = call.Outgoing(self, media, uri, leg)
        self.calls.append(placed)
        placed.start()
        return placed

    def poll(self):
        """One slice of work: the RTP that is due, one SIP message, timers. True if one came."""
        for media in self._lines:
            media.stream.poll()
        return self.transactions.poll()

    def describe(self, message):
        """Adds what a message that makes a dialog says of us; returns it."""
        message.add("contact", self.transport.contact(self._user))
        message.add("allow", _ALLOW)
        return message

    def changed(self, changed):
        """A call has come to another state."""
        if changed.state == call.ENDED and changed in self.calls:
            self.calls.remove(changed)
        self._on_state(changed)

    def on_request(self, server):
        """A new request (RFC 3261 8.2, 12.2.2)."""
        request = server.request
        if request.get("require"):
            refusal = server.response(420)
            refusal.add("unsupported", request.get("require"))
            server.send(refusal)
        elif header.param(request.get("to"), "tag") is not None:
            owner = self._owner(request)
            if owner:
                owner.on_request(server)
            else:
                server.reply(481)
        elif request.method == "INVITE":
            self._ring(server)
        elif request.method in _IN_DIALOG:
            server.reply(481)
        else:
            self.reply_common(server)

    def _ring(self, server):
        media = self._free_line()
        if not media:
            server.reply(486)
            return
        incoming = call.Incoming(self, media, server)
        server.reply(100)
        self.calls.append(incoming)
        incoming.start()

    def reply_common(self, server):
        """OPTIONS, or a method that we do not have; the same within a dialog and outside."""
        known = server.request.method == "OPTIONS"
        response = server.response(200 if known else 405)
        response.add("allow", _ALLOW)
        if known:
            response.add("accept", "application/sdp")
        server.send(response)

    def on_ack(self, ack):
        owner = self._owner(ack)
        if owner and not owner.outgoing:
            owner.on_ack(ack)

    def on_cancel(self, server):
        for ringing in self.calls:
            if ringing.invite is server:
                ringing.on_cancel()
                return

    def on_no_ack(self, server):
        for answered in self.calls:
            if answered.invite is server:
                answered.on_no_ack()
                return

    def _owner(self, request):
        for each in self.calls:
            if each.dialog.owns(request):
                return each
        return None

    def _free_line(self):
        taken = [each.media for each in self.calls]
        for media in self._lines:
            if media not in taken:
                return media
        return None
