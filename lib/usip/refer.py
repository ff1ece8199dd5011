"""Blind transfer: REFER, and the NOTIFY that tells how it goes on (RFC 3515).

Imported when a call is transferred.
"""

from micropython import const

from usip import header

_SIPFRAG = const("message/sipfrag;version=2.0")
_PATIENCE_MS = const(32000)  # timer N of RFC 6665


class Transfer:
    """A transfer that we ask the peer of `call` for: "transfer" events, then BYE.

    While it is `busy` we offer nothing: a peer may have lent its line to the new call.
    """

    busy = True

    def __init__(self, call, uri):
        header.uri_host_port(uri)
        self.call = call
        request = call.agent.describe(call.dialog.request("REFER"))
        request.add("refer-to", "<%s>" % uri)
        request.add("referred-by", "<%s>" % header.uri(call.dialog.local))
        call.agent.send(request, call)
        call.agent.plan.after(_PATIENCE_MS, self._go_on)

    def _go_on(self):
        # Whether a NOTIFY comes or not.
        self.busy = False
        self.call.catch_up()

    def on_response(self, response):
        """The peer will, or will not."""
        if response.status >= 300:
            self._end(response.status)

    def on_notify(self, server):
        """The peer says how far it is, or that it says no more."""
        status = _status(server.request.body)
        state = server.request.get("subscription-state").split(";", 1)[0].strip().lower()
        if status < 200 and state == "terminated":
            status = 408  # what became of it is not known
        if not status:
            server.reply(400)
            return
        server.reply(200)
        if status >= 300:
            self._end(status)
            return
        self.call.agent.event("transfer", self.call, status)
        if status >= 200 and self.call.state == "talking":
            self.call.transfer_of = None
            self.call.give_up("transferred")

    def on_state(self, call):
        """The call may end by itself: the peer hangs up, as its part is done."""

    def _end(self, status):
        self.call.transfer_of = None
        self.call.agent.event("transfer", self.call, status)
        self.call.catch_up()


class Transferred:
    """A transfer that the peer of `call` wants of us: another call, on the same line.

    The peer hears by NOTIFY how that goes on. Should it fail, the first call has its line back.
    """

    busy = True

    def __init__(self, call, uri, fields):
        self.call = call
        self.media = call.media
        self._agreed = call.media.agreed
        self._told = 0
        call.media = Lent()
        self.media.suspend()
        placed = self.placed = call.agent.place(uri, self.media, fields)
        placed.holding = self.media.hold = call.holding
        placed.transfer_of = self
        call.transfer_of = self
        self._notify(100, "Trying")
        placed.start()
        call.agent.event("transferring", call, placed)

    def on_notify(self, server):
        server.reply(481)  # it is us who tell

    def on_state(self, call):
        """Either call has come to another state."""
        placed = self.placed
        if call is not placed:
            return
        if placed.state == "talking":
            self._notify(200, "OK")
            self._done()
        elif placed.state == "ended":
            self._notify(placed.status if placed.status >= 300 else 487, placed.reason or "Ended")
            self._done()
            if self.call.state == "talking":  # nothing came of it: as before
                self.call.media = self.media
                self.media.restore(self._agreed)
                self.call.catch_up()
        elif placed.state == "ringing":
            self._notify(placed.status, placed.reason)

    def _done(self):
        self.placed.transfer_of = self.call.transfer_of = None

    def _notify(self, status, reason):
        if self.call.state != "talking" or status == self._told:
            return
        self._told = status
        request = self.call.agent.describe(self.call.dialog.request("NOTIFY"))
        request.add("event", "refer")
        over = "terminated;reason=noresource" if status >= 200 else "active;expires=60"
        request.add("subscription-state", over)
        request.put(_SIPFRAG, ("SIP/2.0 %d %s\r\n" % (status, reason)).encode())
        self.call.agent.send(request, self.call)


class Lent:
    """What a call has in place of the Media that it has lent to the one that replaces it."""

    agreed = running = None
    hold = False

    def offer(self):
        raise ValueError("the line is in use")

    answer = accept = lambda self, body: self.offer()

    def start(self):
        pass

    stop = start


def received(call, server):
    """A REFER, or a NOTIFY, within a call."""
    request = server.request
    if request.method == "NOTIFY":
        package = request.get("event").split(";", 1)[0].strip().lower()
        if package != "refer":
            server.reply(489)
        elif call.transfer_of:
            call.transfer_of.on_notify(server)
        else:
            server.reply(481)
        return
    if len(request.all("refer-to")) != 1:
        server.reply(400)
        return
    uri, fields = _target(header.uri(request.get("refer-to")))
    try:
        header.uri_host_port(uri)
    except ValueError:
        server.reply(416)
        return
    willing = call.agent.transfers and call.state == "talking" and not call.transfer_of
    if not willing or not call.media.agreed:  # the line is lent to the one that it led to
        server.reply(603)
        return
    if request.get("referred-by"):
        fields.append(("referred-by", request.get("referred-by")))
    server.send(call.agent.describe(server.response(202)))
    Transferred(call, uri, fields)


def _target(uri):
    """(URI, [fields of the INVITE]) of a Refer-To: `?Replaces=...` asks for an attended one."""
    uri, _, tail = uri.partition("?")
    fields = []
    for part in tail.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "replaces":
            fields.append(("replaces", _plain(value)))
    return uri, fields


def _plain(text):
    parts = text.split("%")
    plain = parts[0]
    for part in parts[1:]:
        code = int(part[:2], 16)
        if code < 32:
            raise ValueError("a control character in a URI")
        plain += chr(code) + part[2:]
    return plain


def _status(body):
    """The status in a sipfrag; 0 if there is none."""
    words = header.text(body).split(None, 2)
    if len(words) < 2 or words[0].upper() != "SIP/2.0" or not words[1].isdigit():
        return 0
    return int(words[1][:3])
