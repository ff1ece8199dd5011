"""SIP over one UDP socket (RFC 3261 section 18, symmetric responses of RFC 3581), and the way
to SIP over TCP and to DNS where a device has them."""

import gc

from micropython import const

from usip import header, message, net, parse

_DATAGRAM = const(4096)
_SMALL = const(1536)
_LARGE = const(1300)  # 18.1.1: what is larger goes over TCP


class Transport:
    """One socket for all that is sent and received.

    `sock` is bound to `host`:`port` and does not block; these two go into Via and Contact.
    `ready()` says whether a datagram waits, `resolve(host, port)` gives a socket address.
    `sent` and `received` count SIP messages that crossed the socket, `dropped` datagrams that
    held none that could be used, `failed` those that the socket refused: to UDP they are lost
    on the way.

    `tcp`, where a device has it, is a usip.tcp.Tcp; `resolver` a usip.resolver.Resolver, which
    finds names without waiting. `prefer` is "udp" or "tcp": for URIs that do not say.
    `public` is None or the (host, port) that the registrar sees us at: it goes into Contact.
    """

    def __init__(self, sock, host, port, ready, resolve=net.resolve):
        self.host = host
        self.port = port
        self.resolve = resolve
        self.sent = 0
        self.received = 0
        self.dropped = 0
        self.failed = 0
        self.tcp = None
        self.resolver = None
        self.prefer = "udp"
        self.public = None
        self._sock = sock
        self._ready = ready

    def via(self, branch, address):
        """The Via of a request that goes to `address`."""
        kind = "TCP" if is_tcp(address) else "UDP"
        return "SIP/2.0/%s %s;rport;branch=%s" % (kind, _at(self.host, self.port), branch)

    def contact(self, user):
        host, port = self.public or (self.host, self.port)
        tcp = ";transport=tcp" if self.prefer == "tcp" else ""
        return "<sip:%s@%s%s>" % (user, _at(host, port), tcp)

    def locate(self, uri):
        """Where a request to `uri` goes: a socket address, or a connection of `tcp`.

        None: it is being looked up, ask again in the next poll. OSError or ValueError when
        there is no way.
        """
        host, port = header.uri_host_port(uri, None)
        kind = (header.param(uri, "transport") or self.prefer).lower()
        if self.resolver and not net.numeric(host):
            found = self.resolver.find(host, port, kind)
            if found is None:
                return None
            host, port = found
        if kind == "tcp" and self.tcp:
            return self.tcp.connection(host, port or 5060)
        if kind != "udp":
            raise ValueError("no " + kind)
        return self.resolve(host, port or 5060)

    def widen(self, address, size):
        """A connection for a request of `size` bytes that is too large for the datagram to
        `address`; None if it is not, or there is no TCP."""
        if size <= _LARGE or not self.tcp or is_tcp(address):
            return None
        try:
            return self.tcp.connection(*net.unpack(address))
        except OSError:
            return None

    def unreachable(self, address):
        """A request got no answer there: the next one goes elsewhere, if DNS names more."""
        if self.resolver and address is not None:
            self.resolver.failed(address.remote if is_tcp(address) else net.unpack(address))

    def send(self, data, address):
        try:
            if not is_tcp(address):
                self._sock.sendto(data, address)
            elif address.broken and address.back:
                self.tcp.connection(*address.back).send(data)
            else:
                address.send(data)
        except OSError:
            self.failed += 1
        else:
            self.sent += 1

    def keep_alive(self, address):
        """Keeps what NAT has opened on the way there (RFC 5626 3.5.1)."""
        try:
            if is_tcp(address):
                address.send(b"\r\n\r\n")
            else:
                self._sock.sendto(b"\r\n\r\n", address)
        except OSError:
            self.failed += 1

    def receive(self):
        """One Message, or None: nothing there, or nothing that makes sense.

        The `source` of a request is where its responses go.
        """
        # Two functions, since one with a `try` and some locals takes its frame from the heap.
        if self._ready():
            return self._take()
        try:
            return self.tcp.receive(self) if self.tcp else None
        except MemoryError:
            return None

    def _take(self):
        try:
            data, source = self._sock.recvfrom(_DATAGRAM)
        except OSError:  # nothing after all, ICMP about an earlier one
            return None
        except MemoryError:
            return self._take_small()
        return self.read(data, source, len(data) == _DATAGRAM)

    def _take_small(self):
        # The heap has no hole that large. What is longer than this is cut, and dropped: when it
        # comes again there may be room. What stays in the socket would stop all that follow.
        gc.collect()
        try:
            data, source = self._sock.recvfrom(_SMALL)
        except (OSError, MemoryError):
            return None
        if len(data) == _SMALL:
            self.dropped += 1
            return None
        return self.read(data, source)

    def read(self, data, source, cut=False):
        """The Message in `data`, as receive() gives it. If it was `cut` it is refused with 513."""
        try:
            received = parse.parse(data)
            if cut:
                raise parse.Bad("", None if received.status else received)
            received.source = source if received.status else self._stamp(received, source)
        except parse.Bad as bad:
            self.dropped += 1
            if cut:
                bad.status = 513
            self._refuse(bad, source)
            return None
        except Exception:
            self.dropped += 1
            return None
        self.received += 1
        return received

    def _refuse(self, bad, source):
        """Answers a request that could not be read but for its Via, without a transaction."""
        request = bad.request
        if request is None or request.method == "ACK":
            return
        try:
            source = self._stamp(request, source)
        except (ValueError, IndexError, OSError):
            return
        response = message.reply(request, bad.status, net.token(4))
        response.reason = str(bad).replace("\r", " ") if bad.status == 400 else response.reason
        self.send(response.encode(), source)

    def _stamp(self, request, source):
        """Writes into the top Via where the request came from, and returns where replies go.

        RFC 3261 18.2.1 and 18.2.2, RFC 3581 4.
        """
        via = request.get("via")
        parts = header.split(via, ";")
        host, port = source.remote if is_tcp(source) else net.unpack(source)
        stamped = [part for part in parts if part.lower() != "rport"]
        stamped.append("received=" + host)
        sent_by = parts[0].split("/")[-1].split(None, 1)[1]
        back = header.host_port(sent_by)[1]
        if len(stamped) == len(parts):  # one more than without rport
            stamped.append("rport=%d" % port)
        elif not is_tcp(source):
            source = self.resolve(host, back)
        if is_tcp(source):
            source.back = (host, back)
        request.replace("via", ";".join(stamped))
        return source


def is_tcp(address):
    """Whether this is a connection, not a socket address."""
    return hasattr(address, "remote")


def _at(host, port):
    return ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)
