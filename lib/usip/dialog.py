"""A dialog: what makes the requests of one call belong together (RFC 3261 section 12)."""

from usip import header
from usip.message import Message


class Dialog:
    """One end of a call leg.

    `local` and `remote` are From and To values with their tags, as our own requests carry
    them. `target` is the peer's Contact URI, `routes` the route set in the order of our
    requests. `seq` is the last CSeq number sent, `remote_seq` the last one taken.
    """

    def __init__(self, call_id, local, remote, target, routes, seq, remote_seq):
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.target = target
        self.routes = routes
        self.seq = seq
        self.remote_seq = remote_seq

    def request(self, method):
        """A request within the dialog, with the next CSeq number."""
        self.seq += 1
        return self._request(method, self.seq)

    def ack(self, seq):
        """The ACK to a 2xx of the INVITE with CSeq number `seq`."""
        return self._request(b"ACK", seq)

    def _request(self, method, seq):
        request = Message(method, self.target)
        request.add(b"max-forwards", b"70")
        request.add(b"from", self.local)
        request.add(b"to", self.remote)
        request.add(b"call-id", self.call_id)
        request.add(b"cseq", b"%d %s" % (seq, method))
        for route in self.routes:
            request.add(b"route", route)
        return request

    def owns(self, request):
        """Whether a request of the peer's is one of this dialog."""
        return (
            request.get(b"call-id") == self.call_id
            and header.param(request.get(b"to"), b"tag") == header.param(self.local, b"tag")
            and header.param(request.get(b"from"), b"tag") == header.param(self.remote, b"tag")
        )

    def in_order(self, request):
        """Takes the CSeq number of a request; False if it is older than the last (12.2.2)."""
        if request.seq <= self.remote_seq:
            return False
        self.remote_seq = request.seq
        return True


def placed(request, response):
    """The Dialog that a 2xx to our INVITE makes (12.1.2)."""
    return Dialog(
        request.get(b"call-id"),
        request.get(b"from"),
        response.get(b"to"),
        header.uri(response.get(b"contact")) or request.uri,
        response.all(b"record-route")[::-1],
        request.seq,
        -1,
    )


def answered(request, tag):
    """The Dialog that our answer with To tag `tag` to an INVITE makes (12.1.1).

    ValueError if its Contact has no sip: URI.
    """
    header.uri_host_port(header.uri(request.get(b"contact")))
    return Dialog(
        request.get(b"call-id"),
        request.get(b"to") + b";tag=" + tag,
        request.get(b"from"),
        header.uri(request.get(b"contact")),
        request.all(b"record-route"),
        0,
        request.seq,
    )
