"""A request of ours, until its answer is final (RFC 3261 17.1)."""

from micropython import const

from usip import message
from usip.transaction import Transaction
from usip.transport import is_tcp

_T1_MS = const(500)
_T2_MS = const(4000)
_T4_MS = const(5000)
_GIVE_UP_MS = const(32000)  # 64 * T1: timers B, D and F

# The states of usip.transaction; const() is for one module only.
_TRYING = const(0)
_PROCEEDING = const(1)
_ACCEPTED = const(2)
_COMPLETED = const(3)


class Client(Transaction):
    """A request of ours. `user.on_response(client, message)` hears the responses.

    No answer in time comes as a 408 made here, no way to the next hop as a 503 (8.1.3.1).
    """

    def __init__(self, layer, request, user, branch, address=None):
        super().__init__(layer, branch, request, address)
        self.user = user
        self._failure = 408  # what the user is told if it ends without a final response
        self._cancel = False
        self.given_up = False  # nobody waits for more than its end
        self._datagram = None  # the way that a request too large for it may still go

    def start(self):
        """Sends the request for the first time, or finds out where to."""
        self._end_in(_GIVE_UP_MS)
        if self.address is None:
            self._locate()
        else:
            self._set_out(self.address)

    def poll(self, now):
        if self.address is None:
            self._locate()
        elif is_tcp(self.address) and self.address.broken and not self.answered:
            if self._datagram is not None:  # 18.1.1: then over UDP after all
                self._set_out(self._datagram)
            else:
                self._fail()
        return super().poll(now)

    def _locate(self):
        if self._failure != 408:
            return
        address = self._layer.next_hop(self.request)
        if address is False:
            self._fail()
        elif address is not None:
            wide = None
            if self._layer.transport.tcp:
                size = len(self.request.encode()) + 80  # with its Via
                wide = self._layer.transport.widen(address, size)
            if wide:
                self._datagram = address
            self._set_out(wide or address)

    def _set_out(self, address):
        self.address = address
        if address is self._datagram:
            self._datagram = None
        # CANCEL has the Via of its INVITE, which a change of the transport can not reach.
        if self.request.method != "CANCEL":
            self.request.remove("via")
            self.request.push("via", self._layer.transport.via(self.key, address))
        self._data = self.request.encode()
        self._send()
        if not is_tcp(address):
            self._repeat_in(_T1_MS)

    def _fail(self):
        self._failure = 503
        self._interval = 0
        self._end_in(0)

    def cancel(self):
        """Gives an INVITE up: CANCEL goes out, if need be after the first 1xx (9.1)."""
        self._cancel = self.given_up = True
        if self.address is None:  # nor did the INVITE
            self._failure = 487
            self._end_in(0)
        elif self._state == _PROCEEDING:
            self._send_cancel()

    def _send_cancel(self):
        self._cancel = False
        self._layer.add(Client(self._layer, self._like("CANCEL"), self, self.key, self.address))
        self._failure = 487
        self._end_in(_GIVE_UP_MS)

    def on_response(self, client, response):
        """The answer to the CANCEL does not matter: the INVITE's final response does."""

    def on_message(self, response):
        """Takes a response to this request from the layer."""
        if response.status < 200:
            if not self.answered:
                self._proceed()
                self.user.on_response(self, response)
        elif self._state == _COMPLETED:
            if self._invite:
                self._send()  # the ACK, for an answer that came again
        elif self._invite and response.status < 300:
            first = self._state != _ACCEPTED
            if first:
                self._finish(_ACCEPTED, _GIVE_UP_MS)
            self.user.on_response(self, response)
            if first:
                self._data = None
                self._slim()
        elif self._state != _ACCEPTED:
            self._finish(_COMPLETED, _GIVE_UP_MS if self._invite else _T4_MS)
            if self._invite:
                ack = self._like("ACK")  # 17.1.1.3: same branch, To of the response
                ack.replace("to", response.get("to"))
                self._data = ack.encode()
                self._send()
            else:
                self._data = None
            if not self._layer.challenged(self, response):
                self.user.on_response(self, response)
            self._slim()

    def _proceed(self):
        # Ringing may take as long as it likes, unless a CANCEL has set a limit.
        if self._invite and self._state == _TRYING:
            self._interval = 0
            self._ends = None
        self._state = _PROCEEDING
        if self._cancel:
            self._send_cancel()

    def _finish(self, state, linger_ms):
        self._state = state
        self._failure = 0
        self._interval = 0
        self._linger(linger_ms)

    def _longer(self):
        if self._invite:
            return self._interval * 2
        return _T2_MS if self._state == _PROCEEDING else min(self._interval * 2, _T2_MS)

    def _like(self, method):
        request = message.Message(method, self.request.uri)
        request.hop = self.request.hop
        for name, value in self.request.fields:
            if name in ("via", "max-forwards", "from", "to", "call-id", "route"):
                request.add(name, value)
        request.add("cseq", "%d %s" % (self.request.seq, method))
        return request

    def _end(self):
        if self._failure:
            if self._failure != 487:
                self._layer.transport.unreachable(self.address)
            self.user.on_response(self, message.reply(self.request, self._failure))
