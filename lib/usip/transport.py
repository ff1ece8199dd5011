"""SIP over one UDP socket (RFC 3261 section 18, symmetric responses of RFC 3581)."""

from micropython import const

from usip import header, message, net

_DATAGRAM = const(2048)


class Transport:
    """One socket for all that is sent and received.

    `sock` is bound to `host`:`port` and does not block; these two go into Via and Contact.
    `ready()` says whether a datagram waits, `resolve(host, port)` gives a socket address.
    `sent` and `received` count SIP messages that crossed the socket, `dropped` datagrams that
    held none, `failed` those that the socket refused: to UDP they are lost on the way.
    """

    def __init__(self, sock, host, port, ready, resolve=net.resolve):
        self.host = host
        self.resolve = resolve
        self.sent = 0
        self.received = 0
        self.dropped = 0
        self.failed = 0
        self._here = ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)
        self._sock = sock
        self._ready = ready

    def via(self, branch):
        return "SIP/2.0/UDP %s;rport;branch=%s" % (self._here, branch)

    def contact(self, user):
        return "<sip:%s@%s>" % (user, self._here)

    def send(self, data, address):
        try:
            self._sock.sendto(data, address)
        except OSError:
            self.failed += 1
        else:
            self.sent += 1

    def receive(self):
        """One Message, or None: nothing there, or nothing that makes sense.

        The `source` of a request is where its responses go.
        """
        # Two functions, since one with a `try` and some locals takes its frame from the heap.
        return self._take() if self._ready() else None

    def _take(self):
        try:
            data, source = self._sock.recvfrom(_DATAGRAM)
        except (OSError, MemoryError):  # nothing after all, ICMP about an earlier one, no room
            return None
        try:
            received = message.parse(data)
            received.source = source if received.status else self._stamp(received, source)
        except (ValueError, IndexError):
            self.dropped += 1
            return None
        self.received += 1
        return received

    def _stamp(self, request, source):
        """Writes into the top Via where the request came from, and returns where replies go.

        RFC 3261 18.2.1 and 18.2.2, RFC 3581 4.
        """
        via = request.get("via")
        parts = header.split(via, ";")
        host, port = net.unpack(source)
        stamped = [part for part in parts if part.lower() != "rport"]
        stamped.append("received=" + host)
        if len(stamped) == len(parts):  # one more than without rport
            stamped.append("rport=%d" % port)
        else:
            sent_by = parts[0].split("/")[-1].split(None, 1)[1]
            source = self.resolve(host, header.host_port(sent_by)[1])
        request.replace("via", ";".join(stamped))
        return source
