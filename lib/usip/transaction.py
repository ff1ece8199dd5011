"""One SIP transaction over UDP (RFC 3261 section 17, with the Accepted state of RFC 6026).

A lost datagram, a lost answer, a request that comes twice: this layer deals with them, so
that what is above hears of every request and response once. The one exception is a 2xx to
INVITE, which goes up each time, because each asks for an ACK (13.2.2.4).
"""

from micropython import const

from usip import message

_T1_MS = const(500)
_T2_MS = const(4000)
_T4_MS = const(5000)
_GIVE_UP_MS = const(32000)  # 64 * T1: timers B, D, F, H, J, L and M

_TRYING = const(0)  # no answer yet
_PROCEEDING = const(1)  # a 1xx was sent or received
_ACCEPTED = const(2)  # a 2xx to INVITE
_COMPLETED = const(3)  # any other final response
_OVER = const(4)


class _Transaction:
    """What both sides share: the bytes to send again, when, and when it all ends."""

    def __init__(self, layer, key, request, address):
        self.key = key
        self.request = request
        self._layer = layer
        self._invite = request.method == "INVITE"
        self._state = _TRYING
        self._address = address
        self._data = None
        self._interval = 0  # 0: nothing is sent again
        self._again = 0
        self._ends = None

    @property
    def answered(self):
        """A final response has been sent or received."""
        return self._state > _PROCEEDING

    @property
    def settled(self):
        """Nothing is waited for; it is kept to recognise what comes twice."""
        return self._state == _COMPLETED and not self._interval

    def poll(self, now):
        """Does what is due at `now`. False when the transaction is over."""
        clock = self._layer.clock
        if self._ends is not None and clock.ticks_diff(now, self._ends) >= 0:
            self._state = _OVER
            self._end()
        elif self._interval and clock.ticks_diff(now, self._again) >= 0:
            self._repeat_in(self._longer())
            self._send()
        return self._state != _OVER

    def _send(self):
        self._layer.transport.send(self._data, self._address)

    def _repeat_in(self, interval):
        self._interval = interval
        self._again = self._layer.clock.ticks_add(self._layer.clock.ticks_ms(), interval)

    def _end_in(self, after_ms):
        self._ends = self._layer.clock.ticks_add(self._layer.clock.ticks_ms(), after_ms)


class Client(_Transaction):
    """A request of ours. `user.on_response(client, message)` hears the responses.

    No answer in time comes as a 408 made here, no way to the next hop as a 503 (8.1.3.1).
    """

    def __init__(self, layer, request, user, branch):
        super().__init__(layer, branch, request, None)
        self._user = user
        self._failure = 408  # what the user is told if it ends without a final response
        self._cancel = False

    def start(self):
        """Sends the request for the first time."""
        self._data = self.request.encode()
        try:
            self._address = self._layer.next_hop(self.request)
        except (ValueError, OSError):
            self._failure = 503
            self._end_in(0)
            return
        self._send()
        self._repeat_in(_T1_MS)
        self._end_in(_GIVE_UP_MS)

    def cancel(self):
        """Gives an INVITE up: CANCEL goes out, if need be after the first 1xx (9.1)."""
        self._cancel = True
        if self._state == _PROCEEDING:
            self._send_cancel()

    def _send_cancel(self):
        self._cancel = False
        self._layer.add(Client(self._layer, self._like("CANCEL"), self, self.key))
        self._failure = 487
        self._end_in(_GIVE_UP_MS)

    def on_response(self, client, response):
        """The answer to the CANCEL does not matter: the INVITE's final response does."""

    def on_message(self, response):
        """Takes a response to this request from the layer."""
        if response.status < 200:
            if not self.answered:
                self._proceed()
                self._user.on_response(self, response)
        elif self._state == _COMPLETED:
            if self._invite:
                self._send()  # the ACK, for an answer that came again
        elif self._invite and response.status < 300:
            if self._state != _ACCEPTED:
                self._finish(_ACCEPTED, _GIVE_UP_MS)
            self._user.on_response(self, response)
        elif self._state != _ACCEPTED:
            self._finish(_COMPLETED, _GIVE_UP_MS if self._invite else _T4_MS)
            if self._invite:
                ack = self._like("ACK")  # 17.1.1.3: same branch, To of the response
                ack.replace("to", response.get("to"))
                self._data = ack.encode()
                self._send()
            self._user.on_response(self, response)

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
        self._end_in(linger_ms)

    def _longer(self):
        if self._invite:
            return self._interval * 2
        return _T2_MS if self._state == _PROCEEDING else min(self._interval * 2, _T2_MS)

    def _like(self, method):
        request = message.Message(method, self.request.uri)
        for name, value in self.request.fields:
            if name in ("via", "max-forwards", "from", "to", "call-id", "route"):
                request.add(name, value)
        request.add("cseq", "%d %s" % (self.request.seq, method))
        return request

    def _end(self):
        if self._failure:
            self._user.on_response(self, message.reply(self.request, self._failure))


class Server(_Transaction):
    """A request of the peer's, to be answered once by `reply()` or `send()`.

    The final response to an INVITE is sent again until `acked()`; when that never comes, the
    layer's user hears `on_no_ack(server)`. `tag` is the To tag of every response.
    """

    def __init__(self, layer, key, request, tag):
        super().__init__(layer, key, request, request.source)
        self.tag = tag

    def reply(self, status):
        """Sends a response without more."""
        self.send(self.response(status))

    def response(self, status):
        """A response to add fields to and `send()`. A 100 has no tag (8.2.6.2)."""
        return message.reply(self.request, status, self.tag if status > 100 else None)

    def send(self, response):
        self._data = response.encode()
        self._send()
        if response.status < 200:
            self._state = _PROCEEDING
            return
        self._state = _ACCEPTED if self._invite and response.status < 300 else _COMPLETED
        self._end_in(_GIVE_UP_MS)
        if self._invite:
            self._repeat_in(_T1_MS)

    def on_message(self, _):
        """The request came again: so does the answer."""
        if self._data:
            self._send()

    def acked(self):
        """The peer has the final response; what is left absorbs late repetitions."""
        if self._interval:
            self._interval = 0
            self._end_in(_T4_MS if self._state == _COMPLETED else _GIVE_UP_MS)

    def _longer(self):
        return min(self._interval * 2, _T2_MS)

    def _end(self):
        if self._interval:
            self._interval = 0
            self._layer.user.on_no_ack(self)
