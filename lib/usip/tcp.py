"""SIP over TCP: connections that come and go under one Transport (RFC 3261 18, RFC 5626 3.5.1).

Imported by devices that have it.
"""

from micropython import const

from usip import header, net

_MOST = const(4)  # sockets are few on a device
_PIECE = const(1024)
_HEADER = const(8192)
_TOTAL = const(16384)
_CONNECT_MS = const(20000)
_AGAIN = (11, 35, 106, 107, 114, 115, 118, 119, 120, 127, 128)  # EAGAIN, and not connected yet


class Tcp:
    """At most 4 connections, and the socket that takes new ones.

    `listener` is a listening socket that does not block, or None. `open(host, port)` begins
    to connect and gives a socket; `wrap(sock, (host, port))` may put something before one, a
    tap say, once it is connected. `on_lost(connection)` hears of each that breaks.
    """

    def __init__(self, clock, listener=None, open=net.tcp, wrap=None):
        self.clock = clock
        self.wrap = wrap
        self.on_lost = None
        self.opened = 0
        self.unsent = 0
        self._open = open
        self._listener = listener
        self._comes = net.ready(listener) if listener else None
        self._connections = []
        self._turn = 0

    def connection(self, host, port):
        """The Connection to an address: one that stands, or a new one that is being made.

        OSError if it can not even begin.
        """
        remote = (host, port)
        for each in self._connections:
            if each.remote == remote and not each.broken:
                return each
        return self._add(Connection(self, self._open(host, port), remote))

    def _add(self, connection):
        if len(self._connections) >= _MOST:
            self._connections[0].lose()
        self._connections.append(connection)
        self.opened += 1
        return connection

    def lost(self, connection):
        if connection in self._connections:
            self._connections.remove(connection)
        if self.on_lost:
            self.on_lost(connection)

    def receive(self, transport):
        """One Message of any connection, or None; by the way all goes on that is under way."""
        if self._listener and self._comes():
            self._accept()
        if not self._connections:
            return None
        self._turn = (self._turn + 1) % len(self._connections)
        connection = self._connections[self._turn]
        data = connection.poll()
        return transport.read(data, connection) if data else None

    def _accept(self):
        try:
            sock, address = self._listener.accept()
            sock.setblocking(False)
        except OSError:
            return
        self._add(Connection(self, sock, net.unpack(address)))


class Connection:
    """A connection to `remote`, (host, port); `broken` once it is of no more use.

    `back` is where a peer says that it can be reached should it break (18.2.2), or None.
    """

    def __init__(self, tcp, sock, remote):
        self.remote = remote
        self.broken = False
        self.back = None
        self._tcp = tcp
        self._sock = sock
        self._readable = net.ready(sock)
        self._writable = net.writable(sock)
        self._connected = False
        self._since = tcp.clock.ticks_ms()
        self._out = b""
        self._waiting = 0  # messages in there
        self._in = b""
        self._doomed = False

    def send(self, data):
        """Sends, or keeps until it can be sent. OSError if the connection is broken."""
        if self.broken:
            raise OSError(32)
        if len(self._out) + len(data) > _TOTAL:
            self.lose()
            raise OSError(105)
        self._out += data
        self._waiting += 1
        self._flush()

    def poll(self):
        """Goes on sending and receiving; the bytes of one message, or None."""
        if not self._connected or self._out:
            self._flush()
        if self._doomed and not self._out:  # what was to be said about that has been said
            self.lose()
        if self.broken or self._doomed:
            return None
        found = self._cut() if self._in else None
        if found is None and self._connected and self._readable():
            self._take()
            found = self._cut() if self._in else None
        return found

    def lose(self):
        """The connection is over."""
        if not self.broken:
            self.broken = True
            self._sock.close()
            # A transaction may keep us for a while: not what a tap has in memory.
            self._sock = self._readable = self._writable = None
            self._in = self._out = b""
            self._tcp.unsent += self._waiting
            self._tcp.lost(self)

    def _flush(self):
        if not self._connected:
            if not self._writable():
                clock = self._tcp.clock
                if clock.ticks_diff(clock.ticks_ms(), self._since) > _CONNECT_MS:
                    self.lose()
                return
            self._connected = True
            if self._tcp.wrap:
                self._wrap()
        if self._out:
            self._write()

    def _wrap(self):
        try:
            self._sock = self._tcp.wrap(self._sock, self.remote)
        except MemoryError:  # one connection too many
            self.lose()

    def _write(self):
        try:
            sent = self._sock.send(self._out)
        except OSError as error:
            if error.args[0] not in _AGAIN:
                self.lose()
            return
        self._out = self._out[sent or 0 :]
        if not self._out:
            self._waiting = 0

    def _take(self):
        try:
            data = self._sock.recv(_PIECE)
        except MemoryError:  # later, perhaps
            return
        except OSError as error:
            if error.args[0] not in _AGAIN:
                self.lose()
            return
        if data:
            self._in += data
        elif data is not None:
            self.lose()

    def _cut(self):
        """The first message of what has come, if it is whole (18.3)."""
        data = self._in
        if data[:4] == b"\r\n\r\n" and not self.broken:
            self._out += b"\r\n"  # RFC 5626 4.4.1: a ping; this is the pong
        at = 0
        while data[at : at + 1] in (b"\r", b"\n", b"\0"):
            at += 1
        if at:
            data = self._in = data[at:]
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            self._doomed = len(data) > _HEADER
            return None
        length = _length(data[:end])
        if length is None or end + length > _TOTAL:
            # Where the next one begins can not be known: 400, and the connection goes.
            self._doomed = True
            self._in = b""
            return data[:end]
        if len(data) < end + length:
            return None
        self._in = data[end + length :]
        return data[: end + length]


def _length(head):
    """The Content-Length in the bytes of a header, 0 without one, None if it is no number."""
    for line in header.text(head).split("\n"):
        name, colon, value = line.partition(":")
        if colon and name.strip().lower() in ("content-length", "l"):
            value = value.strip()
            return int(value) if value.isdigit() and len(value) < 7 else None
    return 0
