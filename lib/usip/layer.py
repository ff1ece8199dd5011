"""The transactions of a user agent: which one a message belongs to (RFC 3261 17.1.3, 17.2.3)."""

from micropython import const

from usip import header, net
from usip.client import Client
from usip.transaction import Server

_MAX = const(16)
_COOKIE = const("z9hG4bK")
_RETRY_AFTER_S = const("5")
_SAME = const(("call-id", "from", "cseq"))  # of an INVITE that has come on two ways


class Transactions:
    """At most 16 transactions, and the way in for what arrives.

    `user` hears on_request(server), on_ack(message), on_cancel(server), on_no_ack(server),
    on_challenge(client, response), which says whether it has sent the request again, and
    on_fault(error) of what a message, or a transaction that this ends, has raised. `clock`
    has ticks_ms, ticks_add and ticks_diff, as `time` does. `refused` counts the requests that
    there was no room for, each answered with 503.
    """

    def __init__(self, transport, user, clock):
        self.transport = transport
        self.user = user
        self.clock = clock
        self.refused = 0
        self._at = 0
        self._table = []
        self._acks = []  # to 2xx, whose next hop is being looked up

    def __len__(self):
        return len(self._table)

    @property
    def idle(self):
        """No transaction is left, not even to recognise repetitions."""
        return not self._table

    def forget(self):
        """Makes room in the heap: what is only kept to know repetitions goes."""
        self._table = [each for each in self._table if not each.settled]

    def request(self, request, user):
        """Sends a request; `user` hears on_sent(client) now, on_response(client, message) of
        what comes of it, and on_sent again where it had to be sent anew with credentials."""
        client = Client(self, request, user, _COOKIE + net.token(6))
        user.on_sent(client)
        self.add(client)
        return client

    def add(self, client):
        self._room(True)
        self._table.append(client)
        client.start()

    def challenged(self, client, response):
        return response.status in (401, 407) and self.user.on_challenge(client, response)

    def ack(self, request):
        """Sends the ACK to a 2xx, which is no transaction; an Ack to send again."""
        ack = Ack(self, request)
        if not ack.send():
            self._acks.append(ack)
        return ack

    def next_hop(self, request):
        """Where a request goes; None: not known yet, False: there is no way."""
        try:
            return self.transport.locate(request.hop or request.uri)
        except (ValueError, OSError):
            return False

    def poll(self):
        """Takes in at most one message, then sends what is due. True if there was one."""
        received = self.transport.receive()
        if received:
            self._take(received)
        if self._acks:
            self._send_ack()
        if self._table:
            self._at = self.clock.ticks_ms()
            self._tick()
        return received is not None

    def _send_ack(self):
        if self._acks[0].send():
            self._acks.pop(0)

    def _tick(self):
        at = 0
        while at < len(self._table):
            transaction = self._table[at]
            if self._go_on(transaction):
                at += 1
            elif transaction in self._table:  # what it ended may have made room of it already
                self._table.remove(transaction)

    def _go_on(self, transaction):
        # One name more here takes its frame from the heap each time.
        try:
            return transaction.poll(self._at)
        except Exception:  # would come again in each poll
            return self.user.on_fault("a timer")

    def _take(self, received):
        try:
            if received.status:
                self._take_response(received)
            else:
                self._take_request(received)
        except Exception as error:
            self.user.on_fault(error)

    def _take_response(self, response):
        branch = header.param(response.get("via"), "branch") or ""
        client = self._find(branch, response.method)
        if client:
            client.on_message(response)

    def _take_request(self, request):
        key = _key(request)
        if request.method == "ACK":
            server = self._find(key, "INVITE")
            if server:
                server.acked()
            self.user.on_ack(request)
            return
        server = self._find(key, request.method)
        if server:
            server.on_message(request)
            return
        server = Server(self, key, request, net.token(4))
        if not self._room(header.param(request.get("to"), "tag") is not None):
            self.refused += 1
            refusal = server.response(503)
            refusal.add("retry-after", _RETRY_AFTER_S)
            self.transport.send(refusal.encode(), request.source)
            return
        merged = self._merged(request)
        self._table.append(server)
        if request.method == "CANCEL":
            self._cancel(server, key)
            return
        if merged:
            server.reply(482)
            return
        try:
            self.user.on_request(server)
        except ValueError:  # a field that was needed holds nonsense
            if not server.answered:
                server.reply(400)
        except Exception:  # a fault of ours: as if it had been lost on the way
            if server in self._table:
                self._table.remove(server)
            raise

    def _merged(self, request):
        """Whether this INVITE has come on another way already (8.2.2.2)."""
        if request.method != "INVITE" or header.param(request.get("to"), "tag") is not None:
            return False
        for each in self._table:
            other = each.request
            if isinstance(each, Server) and other.method == "INVITE":
                if all([request.get(name) == other.get(name) for name in _SAME]):
                    return True
        return False

    def _cancel(self, server, key):
        # 9.2: the CANCEL is answered by itself; the INVITE gets its own answer.
        invite = self._find(key, "INVITE")
        if not invite:
            server.reply(481)
            return
        server.tag = invite.tag
        server.reply(200)
        if not invite.answered:
            self.user.on_cancel(invite)

    def _find(self, key, method):
        for transaction in self._table:
            if transaction.key == key and transaction.request.method == method:
                return transaction
        return None

    def _room(self, urgent):
        """Lets go of a settled transaction if the table is full. False if none can go.

        Else of an INVITE that all is done for; for what is `urgent`, as all within a call is,
        before that of a refusal that has no ACK yet.
        """
        if len(self._table) < _MAX:
            return True
        done = None
        for transaction in self._table:
            if transaction.settled or urgent and transaction.refused:
                done = transaction
                break
            if not done and transaction.agreed:
                done = transaction
        if done:
            self._table.remove(done)
        return done is not None


class Ack:
    """The ACK to a 2xx, and to each one that comes again."""

    def __init__(self, layer, request):
        self.request = request
        self._layer = layer
        self._branch = _COOKIE + net.token(6)
        self._data = self._address = None
        self.lost = False

    def send(self):
        """False: the way there is not known yet. With none at all it is as if lost."""
        if self._data is None:
            address = self._layer.next_hop(self.request)
            if not address:
                self.lost = address is False
                return self.lost
            self.request.push("via", self._layer.transport.via(self._branch, address))
            self._data = self.request.encode()
            self._address = address
            self.request = None
        self._layer.transport.send(self._data, self._address)
        return True


def _key(request):
    """What all requests of one transaction have in common, without the method (17.2.3)."""
    via = request.get("via")
    branch = header.param(via, "branch") or ""
    if branch.startswith(_COOKIE) and branch != _COOKIE:
        parts = (branch, via.split(";", 1)[0])
    else:  # a sender of RFC 2543 times
        parts = (request.get("call-id"), request.get("from"), "%d" % request.seq, via)
    return "|".join(parts)
