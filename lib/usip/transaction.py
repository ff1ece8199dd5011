"""One SIP transaction (RFC 3261 section 17, with the Accepted state of RFC 6026).

A lost datagram, a lost answer, a request that comes twice: this layer deals with them, so
that what is above hears of every request and response once. The one exception is a 2xx to
INVITE, which goes up each time, because each asks for an ACK (13.2.2.4).
"""

from micropython import const

from usip import message
from usip.transport import is_tcp

_T1_MS = const(500)
_T2_MS = const(4000)
_T4_MS = const(5000)
_GIVE_UP_MS = const(32000)  # 64 * T1: timers B, D, F, H, J, L and M

_TRYING = const(0)  # no answer yet
_PROCEEDING = const(1)  # a 1xx was sent or received
_ACCEPTED = const(2)  # a 2xx to INVITE
_COMPLETED = const(3)  # any other final response
_OVER = const(4)

# What is asked of an INVITE after its end, to send an ACK or to know it again.
_KEPT = const(("call-id", "from", "cseq", "authorization", "proxy-authorization"))


class Transaction:
    """What both sides share: the bytes to send again, when, and when it all ends."""

    def __init__(self, layer, key, request, address):
        self.key = key
        self.request = request
        self.address = address  # a socket address or a connection; None: not known yet
        self._layer = layer
        self._invite = request.method == "INVITE"
        self._state = _TRYING
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

    @property
    def refused(self):
        """A final response but a 2xx has been sent or received."""
        return self._state == _COMPLETED

    @property
    def agreed(self):
        """A 2xx to INVITE, whose ACK has been sent or received: kept in case that was lost."""
        return self._state == _ACCEPTED and not self._interval

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

    def _slim(self):
        """Lets go of most of the request: a transaction that is settled stays for 32 s."""
        request = message.Message(self.request.method, self.request.uri)
        if self._invite:
            request.fields = [field for field in self.request.fields if field[0] in _KEPT]
        self.request = request

    def _send(self):
        self._layer.transport.send(self._data, self.address)

    def _repeat_in(self, interval):
        self._interval = interval
        self._again = self._layer.clock.ticks_add(self._layer.clock.ticks_ms(), interval)

    def _end_in(self, after_ms):
        self._ends = self._layer.clock.ticks_add(self._layer.clock.ticks_ms(), after_ms)

    def _linger(self, after_ms):
        # Over TCP nothing comes twice (timers D, I, J and K are 0), but for a 2xx to INVITE.
        self._end_in(0 if is_tcp(self.address) and self._state == _COMPLETED else after_ms)


class Server(Transaction):
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
        if self._invite:
            self._end_in(_GIVE_UP_MS)
            # 17.2.1: over TCP only a 2xx is sent again, by the user agent (13.3.1.4).
            if self._state == _ACCEPTED or not is_tcp(self.address):
                self._repeat_in(_T1_MS)
        else:
            self._linger(_GIVE_UP_MS)
        self._slim()

    def on_message(self, _):
        """The request came again: so does the answer."""
        if self._data:
            self._send()

    def acked(self):
        """The peer has the final response; what is left absorbs late repetitions."""
        if self._interval or is_tcp(self.address):
            self._interval = 0
            self._data = None
            self._linger(_T4_MS if self._state == _COMPLETED else _GIVE_UP_MS)

    def _longer(self):
        return min(self._interval * 2, _T2_MS)

    def _end(self):
        if self._interval:
            self._interval = 0
            self._layer.user.on_no_ack(self)
