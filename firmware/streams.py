"""The TCP connections of a proxy: to its phones and to its server, both bounded.

What comes is cut into SIP messages, what goes waits until the other end takes it, and both
are captured.
"""

import errno
import time

import ownport
from micropython import const
from uhep import IN, OUT, TCP
from uhep.framer import Framer
from usip import net

_READ = const(2048)
_WAITING = const(16384)  # octets that a peer may leave unread before it is given up
_CONNECT_MS = const(10000)
_MUTE_MS = const(10000)  # a connection that has brought no message by then is none of SIP
_LOOK_MS = const(1000)


class Streams:
    """At most `most` connections, of which each takes `octets` and 1.5 KB.

    `user` hears on_message(octets, hop) and on_unsent(octets): what found no way. A full
    table closes the connection that has been silent for longest, of those that never brought
    a message if there are any. Raises nothing from poll and send.
    """

    def __init__(self, user, address, ports, agent, most, octets, idle_s, clock=time):
        """address, ports: where to listen for PHONE and for SERVER. OSError if taken.

        octets: the longest message; idle_s: after so many silent seconds a connection ends.
        """
        self.user = user
        self.agent = agent
        self.octets = octets
        self.address = address
        self.clock = clock
        self.accepted = self.connected = self.closed = 0
        self._idle_ms = idle_s * 1000
        self._most = most
        self._table = []
        self._listeners = []
        self._looked = clock.ticks_ms()
        for side in range(len(ports)):
            sock = net.listen(address, ports[side])
            self._listeners.append((sock, net.ready(sock), (address, ports[side]), side))

    def __len__(self):
        return len(self._table)

    def send(self, data, hop, spare=None):
        """Sends octets over the connection to a hop, or to one to `spare` (host, port)."""
        one = self._find(hop) or spare and self._find(hop[:2] + spare)
        if not one:
            one = self._connect(hop[:2] + spare if spare else hop)
        if one:
            one.send(data)
        else:
            self.user.on_unsent(data)

    def poll(self):
        """Takes in what there is, and lets go of who is silent."""
        for sock, ready, here, side in self._listeners:
            if ready():
                self._accept(sock, here, side)
        for one in list(self._table):
            if not one.poll():
                self._close(one)
        now = self.clock.ticks_ms()
        if self.clock.ticks_diff(now, self._looked) >= _LOOK_MS:
            self._looked = now
            for one in list(self._table):
                if one.silent_ms(now) > (self._idle_ms if one.spoke else _MUTE_MS):
                    self._close(one)

    def close(self):
        for one in list(self._table):
            self._close(one)
        for each in self._listeners:
            each[0].close()

    def _find(self, hop):
        for one in self._table:
            if one.hop == hop:
                return one
        return None

    def _accept(self, sock, here, side):
        try:
            sock, source = sock.accept()
            sock.setblocking(False)
            self._add(sock, here, (side, True) + net.unpack(source), True)
            self.accepted += 1
        except (OSError, MemoryError):  # gone again, or no room for one more
            pass

    def _connect(self, hop):
        if not hop[3]:
            return None
        sock = None
        try:
            sock, here = ownport.connect(hop[2], hop[3], self.address)
            one = self._add(sock, here, hop, False)
        except (OSError, MemoryError):
            if sock:
                sock.close()
            return None
        self.connected += 1
        one.spoke = True  # we have something to say to it
        return one

    def _add(self, sock, here, hop, up):
        if len(self._table) >= self._most:
            now = self.clock.ticks_ms()
            self._close(max(self._table, key=lambda one: (not one.spoke, one.silent_ms(now))))
        one = Connection(self, sock, here, hop, up)
        self._table.append(one)
        return one

    def _close(self, one):
        if one in self._table:
            self._table.remove(one)
            self.closed += 1
            for data in one.close():
                self.user.on_unsent(data)


class Connection:
    """One connection; see Streams."""

    def __init__(self, streams, sock, here, hop, up):
        self.hop = hop
        self.spoke = False
        self._up = up
        self._sock = sock
        self._streams = streams
        self._ready = net.ready(sock)
        self._waiting = []
        self._size = 0  # octets in there
        self._at = 0  # how many of the first have gone
        most = streams.octets
        self._framer = Framer(self._took, headers=most, total=most)
        agent = streams.agent
        self._flow = agent.flow(here, hop[2:], TCP) if agent else None
        self._since = streams.clock.ticks_ms()
        self._connected = net.writable(sock)

    def silent_ms(self, now):
        return self._streams.clock.ticks_diff(now, self._since)

    def send(self, data):
        self._waiting.append(data)
        self._size += len(data)

    def poll(self):
        """False if the connection is over."""
        if not self._up:
            if not self._connected():
                return self.silent_ms(self._streams.clock.ticks_ms()) < _CONNECT_MS
            self._up = True
        self._framer.poll()
        return (not self._ready() or self._read()) and self._write() and self._size < _WAITING

    def close(self):
        """Ends it; what has not gone."""
        self._framer.flush()
        self._sock.close()
        return self._waiting

    def _read(self):
        try:
            data = self._sock.recv(_READ)
        except OSError as error:
            return error.args[0] == errno.EAGAIN
        except MemoryError:
            return True
        if not data:
            return False
        self._since = self._streams.clock.ticks_ms()
        if data == b"\r\n\r\n":  # RFC 5626 3.5.1
            self._pong()
        self._framer.feed(data, len(data))
        return True

    def _pong(self):
        if not self._waiting:
            try:
                self._sock.send(b"\r\n")
            except OSError:
                pass

    def _write(self):
        while self._waiting:
            data = self._waiting[0]
            try:
                self._at += self._sock.send(memoryview(data)[self._at :])
            except OSError as error:
                return error.args[0] == errno.EAGAIN
            if self._at < len(data):
                return True
            self._waiting.pop(0)
            self._size -= len(data)
            self._at = 0
            self._since = self._streams.clock.ticks_ms()
            if self._flow:
                self._streams.agent.capture(self._flow, OUT, data, len(data))
        return True

    def _took(self, buf, n):
        self.spoke = True
        if self._flow:
            self._streams.agent.capture(self._flow, IN, buf, n)
        self._streams.user.on_message(bytes(buf[:n]), self.hop)
