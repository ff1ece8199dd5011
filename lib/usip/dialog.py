"""A dialog: what makes the requests of one call belong together (RFC 3261 section 12)."""

from usip import header, net
from usip.message import Message


class Dialog:
    """One end of a call leg, or of another sequence of requests with one Call-ID.

    `local` and `remote` are From and To values, as our own requests carry them. `target` is
    the URI that requests go to, `routes` the route set in the order of our requests. `seq` is
    the last CSeq number sent, `remote_seq` the last one taken. `challenges` holds what the
    peer wants credentials for (usip.auth).
    """

    def __init__(self, call_id, local, remote, target, routes=(), remote_seq=-1):
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.target = target
        self.routes = routes
        self.seq = 0
        self.remote_seq = remote_seq
        self.challenges = []

    def confirm(self, response):
        """Takes the tag, target and route set of a response to our INVITE (12.1.2)."""
        self.remote = response.get("to")
        self.routes = response.all("record-route")[::-1]
        self.refresh(response)

    def refresh(self, message):
        """Takes the Contact of a message as the peer's new address (12.2.1.2, 12.2.2)."""
        target = header.uri(message.get("contact"))
        if target:
            self.target = target

    def request(self, method):
        """A request within the dialog, with the next CSeq number."""
        self.seq += 1
        return self._request(method, self.seq)

    def ack(self, invite):
        """The ACK to a 2xx of `invite`, with the credentials of that (22.1)."""
        request = self._request("ACK", invite.seq)
        for name, value in invite.fields:
            if name in ("authorization", "proxy-authorization"):
                request.add(name, value)
        return request

    def _request(self, method, seq):
        request = Message(method, self.target)
        request.dialog = self
        routes = self.routes
        if routes:
            request.hop = header.uri(routes[0])
            if header.param(request.hop, "lr") is None:  # a strict router (12.2.1.1)
                request.uri = request.hop
                routes = list(routes[1:]) + ["<%s>" % self.target]
        request.add("max-forwards", "70")
        request.add("from", self.local)
        request.add("to", self.remote)
        request.add("call-id", self.call_id)
        request.add("cseq", "%d %s" % (seq, method))
        for route in routes:
            request.add("route", route)
        return request

    def owns(self, request):
        """Whether a request of the peer's is one of this dialog."""
        return (
            request.get("call-id") == self.call_id
            and header.param(request.get("to"), "tag") == header.param(self.local, "tag")
            and header.param(request.get("from"), "tag") == header.param(self.remote, "tag")
        )

    def in_order(self, request):
        """Takes the CSeq number of a request; False if it is older than the last (12.2.2)."""
        if request.seq <= self.remote_seq:
            return False
        self.remote_seq = request.seq
        return True


def begun(host, local, uri, routes=()):
    """The Dialog that a first request to `uri` may make; `local` is a From value without tag."""
    call_id = "%s@%s" % (net.token(8), host)
    return Dialog(call_id, "%s;tag=%s" % (local, net.token(4)), "<%s>" % uri, uri, routes)


def answered(request, tag):
    """The Dialog that our answer with To tag `tag` to an INVITE makes (12.1.1).

    ValueError if its Contact has no sip: URI. Without one, as in RFC 2543, From is it.
    """
    target = header.uri(request.get("contact", request.get("from")))
    header.uri_host_port(target)
    return Dialog(
        request.get("call-id"),
        request.get("to") + ";tag=" + tag,
        request.get("from"),
        target,
        request.all("record-route"),
        request.seq,
    )
