"""The table of SIP transactions: which one a message belongs to (RFC 3261 17.1.3, 17.2.3)."""

from micropython import const

from usip import header, net
from usip.transaction import Client, Server

_MAX = const(16)
_COOKIE = "z9hG4bK"


class Transactions:
    """At most 16 transactions, and the way in for what arrives.

    `user` hears on_request(server), on_ack(message), on_cancel(server) and on_no_ack(server).
    `clock` has ticks_ms, ticks_add and ticks_diff, as `time` does.
    """

    def __init__(self, transport, user, clock):
        self.transport = transport
        self.user = user
        self.clock = clock
        self._table = []

    @property
    def idle(self):
        """No transaction is left, not even to recognise repetitions."""
        return not self._table

    def request(self, request, user):
        """Sends a request; `user.on_response(client, message)` hears what comes of it."""
        branch = _COOKIE + net.token(6)
        request.push("via", self.transport.via(branch))
        client = Client(self, request, user, branch)
        self.add(client)
        return client

    def add(self, client):
        self._room()
        self._table.append(client)
        client.start()

    def ack(self, request):
        """Sends the ACK to a 2xx, which is no transaction: (bytes, address) to send again.

        OSError or ValueError when there is no way to the peer.
        """
        request.push("via", self.transport.via(_COOKIE + net.token(6)))
        data, address = request.encode(), self.next_hop(request)
        self.transport.send(data, address)
        return data, address

    def next_hop(self, request):
        """The socket address that a request goes to: its first Route, else its URI."""
        route = request.get("route")
        hop = header.uri(route) if route else request.uri
        return self.transport.resolve(*header.uri_host_port(hop))

    def poll(self):
        """Takes in at most one message, then sends what is due. True if there was one."""
        received = self.transport.receive()
        if received and received.status:
            self._take_response(received)
        elif received:
            self._take_request(received)
        now = self.clock.ticks_ms()
        at = 0
        while at < len(self._table):
            transaction = self._table[at]
            if transaction.poll(now):
                at += 1
            elif transaction in self._table:  # what it ended may have made room of it already
                self._table.remove(transaction)
        return received is not None

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
        if not self._room():
            refusal = server.response(503)
            refusal.add("retry-after", "5")
            self.transport.send(refusal.encode(), request.source)
            return
        self._table.append(server)
        if request.method == "CANCEL":
            self._cancel(server, key)
            return
        try:
            self.user.on_request(server)
        except ValueError:  # a field that was needed holds nonsense
            if not server.answered:
                server.reply(400)

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

    def _room(self):
        """Lets go of a settled transaction if the table is full. False if none can go."""
        if len(self._table) < _MAX:
            return True
        for transaction in self._table:
            if transaction.settled:
                self._table.remove(transaction)
                return True
        return False


def _key(request):
    """What all requests of one transaction have in common, without the method (17.2.3)."""
    via = request.get("via")
    branch = header.param(via, "branch") or ""
    if branch.startswith(_COOKIE) and branch != _COOKIE:
        parts = (branch, via.split(";", 1)[0])
    else:  # a sender of RFC 2543 times
        parts = (request.get("call-id"), request.get("from"), "%d" % request.seq, via)
    return "|".join(parts)
