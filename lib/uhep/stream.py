# Part of uhep, MIT licence.
"""Taps for streams: a TCP socket, the clear text of a TLS one, and asyncio's.

sock = tap(sock, agent, remote=("192.0.2.20", 5060))
...
sock = sock.untap()

taps = tap_streams(reader, writer, agent)
...
taps.untap()
"""

import sys

from uhep import IN, OUT, SIP, TCP
from uhep.framer import Framer
from uhep.port import const
from uhep.tap import Tap, unpack
from uhep.tapmore import More

_UNKNOWN = ("0.0.0.0", 0)
_LIMIT = const(8)  # of a packet; see ring.py


def tap(sock, agent, local=None, remote=None, proto=TCP, kind=SIP, **caps):
    """A stand-in for `sock`, a connection, that captures each SIP message in and out.

    sock: a TCP socket, or what TLS made of one (proto=TLS): the clear text is captured.
    local, remote: (host, port), for a port that can not tell them (MicroPython); remote may
    also come from `connect`. caps: see Framer. Everything else goes through to the socket.
    """
    return StreamTap(sock, agent, local, remote, proto, kind, caps)


def tap_streams(reader, writer, agent, local=None, remote=None, proto=TCP, kind=SIP, **caps):
    """Captures what goes through an asyncio stream from now on; has an untap().

    reader, writer: as start_server or open_connection gave them; they stay what they are.
    On CPython what comes is captured when the transport gives it to the reader. Otherwise
    as `tap`.
    """
    if sys.implementation.name == "micropython":
        if remote is None:
            remote = _told(writer, "peername")
        return _Streams(reader, writer, tap(reader.s, agent, local, remote, proto, kind, **caps))
    from uhep.hoststreams import Streams

    local = local or _told(writer, "sockname")
    remote = remote or _told(writer, "peername")
    return Streams(reader, writer, tap(None, agent, local, remote, proto, kind, **caps))


def _told(writer, name):
    try:
        return unpack(writer.get_extra_info(name))
    except (KeyError, TypeError, IndexError):  # nothing
        return None


class StreamTap(Tap):
    """Looks like the connection it stands for; see `tap`.

    A message is captured when its last octet has been read or written: at once when it is
    whole in what was read or written. `poll` gives away what has not gone on for 2 s; so do
    the next read or write, and `untap` and `close`.

    skipped, keepalives: octets and runs of them that were passed over, see Framer.

    Memory: a flow, and two framers of about 9 KB each; `headers`, or `max_packet` if that is
    more, is the larger part of it. From the first message on no message costs any.
    """

    _names = Tap._names + ("readline",)

    def __init__(self, sock, agent, local, remote, proto, kind, caps):
        super().__init__(sock, agent, local, kind, remote)
        self._proto = proto
        self._flow = None
        keep = agent.ring.st[_LIMIT]
        self._in = Framer(self._came, keep=keep, **caps)
        self._out = Framer(self._went, keep=keep, **caps)
        self._load_all()

    @property
    def skipped(self):
        return self._in.skipped + self._out.skipped

    @property
    def keepalives(self):
        return self._in.keepalives + self._out.keepalives

    def untap(self):
        """The socket itself, as it was. The tap captures nothing any more."""
        self.flush()
        return super().untap()

    def poll(self):
        """Capture as it stands a message that has not gone on for 2 s. For a device's loop."""
        self._in.poll()
        self._out.poll()

    def flush(self):
        """Capture what has come and gone of messages, as it stands."""
        self._in.flush()
        self._out.flush()

    def close(self):
        self.flush()
        self._sock.close()

    def _load(self):
        return _More(self)

    def saw(self, way, buf, n, at=0):
        """The stream went on with n octets (or None) from buf[at] on."""
        if not self._agent:
            return
        framer = self._out if way else self._in
        if not self._agent.enabled:
            framer.flush()  # so that nothing is taken for its end later
        elif n:
            if type(buf) is not bytes and type(buf) is not bytearray:
                buf = self._copied(buf)
            if buf is not None:
                framer.feed(buf, n, at)

    def _saw(self, addr, way, buf, n=None):
        if type(buf) is str:
            buf = self._copied(buf)
        if buf is not None:
            self.saw(way, buf, len(buf) if n is None else n)

    def _came(self, buf, n):
        self._capture(IN, buf, n)

    def _went(self, buf, n):
        self._capture(OUT, buf, n)

    def _capture(self, way, buf, n):
        if self._agent and (self._flow or self._connected()):
            self._agent.capture(self._flow, way, buf, n)

    def _connected(self):
        # The first message: the one time that allocates. The stack must not hear of it when
        # the port does not tell who talks to whom, or there is no memory.
        agent = self._agent
        try:
            try:
                peer = self._other()
                self._flow = agent.flow(self._here(peer), peer, self._proto, self._kind)
            except (ValueError, TypeError, IndexError, OSError):
                self._flow = agent.flow(_UNKNOWN, _UNKNOWN, self._proto, self._kind)
        except MemoryError:
            self._ignore("memory")
        return self._flow


class _More(More):
    # What goes by these need not be whole, nor one message.

    def write(self, buf, at=None, n=None):
        r = self._put(buf, at, n)
        self._tap.saw(OUT, buf, r, at if n else 0)
        return r

    def read(self, n=None, buf=None):
        if buf is not None:  # CPython's SSLSocket
            r = self._tap._sock.read(n, buf)
            self._tap.saw(IN, buf, r)
            return r
        r = self._tap._sock.read() if n is None else self._tap._sock.read(n)
        if r:
            self._tap.saw(IN, r, len(r))
        return r

    def readline(self, n=-1):
        r = self._tap._sock.readline(n)
        if r:
            self._tap.saw(IN, r, len(r))
        return r


class _Streams:
    # MicroPython's: reader and writer are one object with the socket in `s`. Several taps
    # stand one before the other and may go in any order.

    def __init__(self, reader, writer, tap):
        self._ends = reader, writer
        self._tap = tap
        for end in self._ends:
            end.s = tap

    def poll(self):
        self._tap.poll()

    def untap(self):
        sock = self._tap.untap()
        for end in self._ends:
            if end.s is self._tap:
                end.s = sock
                continue
            top = end.s
            while isinstance(top, StreamTap) and top._sock is not self._tap:
                top = top._sock
            if isinstance(top, StreamTap):
                top._sock = sock
