"""A dialog: what makes the requests of one call belong together (RFC 3261 section 12)."""

from usip import header
from usip.message import Message


class Dialog:
    """One end of a call leg.

    `local` and `remote` are From and To values, as our own requests carry them. `target` is
    the URI that requests go to, `routes` the route set in the order of our requests. `seq` is
    the last CSeq number sent, `remote_seq` the last one taken.
    """

    def __init__(self, call_id, local, remote, target, routes=(), remote_seq=-1):
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.target = target
        self.routes = routes
        self.seq = 0
        self.remote_seq = remote_seq

    def confirm(self, response):
        """Takes the tag, target and route set of a 2xx to our INVITE (12.1.2)."""
        self.remote = response.get("to")
        self.target = header.uri(response.get("contact")) or self.target
        self.routes = response.all("record-route")[::-1]

    def request(self, method):
        """A request within the dialog, with the next CSeq number."""
        self.seq += 1
        return self._request(method, self.seq)

    def ack(self):
        """The ACK to a 2xx of the last INVITE."""
        return self._request("ACK", self.seq)

    def _request(self, method, seq):
        request = Message(method, self.target)
        request.add("max-forwards", "70")
        request.add("from", self.local)
        request.add("to", self.remote)
        request.add("call-id", self.call_id)
        request.add("cseq", "%d %s" % (seq, method))
        for route in self.routes:
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


def answered(request, tag):
    """The Dialog that our answer with To tag `tag` to an INVITE makes (12.1.1).

    ValueError if its Contact has no sip: URI.
    """
    target = header.uri(request.get("contact"))
    header.uri_host_port(target)
    return Dialog(
        request.get("call-id"),
        request.get("to") + ";tag=" + tag,
        request.get("from"),
        target,
        request.all("record-route"),
        request.seq,
    )
