# Part of uhep, MIT licence.
"""The SIP logger that inserts itself between a stack and its UDP socket.

sock = tap(sock, agent)
...
sock = sock.untap()
"""

from uhep import IN, OUT, SIP, UDP
from uhep.ends import move
from uhep.flow import STRICT, address
from uhep.port import const
from uhep.standin import StandIn

_AF_INET6 = 10
_UNKNOWN = ("0.0.0.0", 0)
_ANY = ("0.0.0.0", "::")
_PEEK = const(2)  # MSG_PEEK where there are flags: it will come again


def tap(sock, agent, local=None, kind=SIP, remote=None):
    """A stand-in for `sock` (UDP) that captures each datagram in and out on `agent`.

    local: (host, port) of the socket. Where the port can not tell it (MicroPython has no
    getsockname), give it, or tap before bind. With (host, 0) the port is what bind says: for
    a socket bound to 0.0.0.0. remote: that of a connected socket's peer, in the same way:
    give it, or tap before connect. Everything else goes through to the socket; what leaves
    or comes by makefile, and by CPython's sendmsg and recvmsg, is not captured.
    """
    return Tap(sock, agent, local, kind, remote)


def unpack(addr):
    """(host, port) of a socket address: host numeric, or its 4 or 16 octets.

    addr: a tuple (ESP32, which takes a list too, CPython), or a sockaddr in octets (unix port).
    """
    if isinstance(addr, (tuple, list)):
        return tuple(addr[:2])
    at, end = (8, 24) if addr[0] == _AF_INET6 else (4, 8)
    return bytes(addr[at:end]), addr[2] << 8 | addr[3]


class Tap(StandIn):
    """Looks like the socket it stands for; see `tap`. select.poll and asyncio take it for that.

    Holds a flow for each of the first peers (`flows` in the configuration), made when the
    peer appears, and one spare that takes the address of any further one: from then on no
    peer, and no flood of them, costs memory. A datagram is captured when the socket has
    taken or given it; one that the socket refused never was.

    ignored: how many were not captured, by kind. What has no start line is no SIP:
    "keepalive" (CR, LF, NUL, "jaK"), "stun", "empty", or "garbage". A message that is merely
    malformed is captured. "address": sent to a name, or to what is none of IP. "memory": there
    was none left for a new peer.
    """

    # What not every socket has and few stacks use: loaded when it is asked for. A tap has it
    # where its socket does, for stacks choose by that.
    _names = ("send", "sendall", "recv", "recv_into", "recvfrom_into", "connect_ex")
    _names += ("write", "read", "readinto")

    def __init__(self, sock, agent, local, kind, remote):
        super().__init__(sock)
        self._more = None
        self._agent = agent
        self._kind = kind
        self._local = local
        self._peer = remote  # of a connected socket
        self._flows = {}
        self._spare = None
        self._octets = bytearray(16)  # see move
        self._mode = STRICT if kind == SIP else None
        self.ignored = {"keepalive": 0, "stun": 0, "empty": 0, "garbage": 0, "address": 0}
        self.ignored["memory"] = 0
        if remote:
            self._load_all()

    def __getattr__(self, name):
        found = getattr(self._sock, name)
        if name not in self._names:
            return found
        try:
            if not self._more:
                self._more = self._load()
            setattr(self, name, getattr(self._more, name))
            return getattr(self._more, name)
        except MemoryError:  # the stack must not hear of it
            self._ignore("memory")
            return found

    def _load(self):
        from uhep.tapmore import More

        return More(self)

    def _load_all(self):
        # For a connected socket: now, not in the middle of its first packet.
        for name in self._names:
            hasattr(self, name)

    def untap(self):
        """The socket itself, as it was. The tap captures nothing any more."""
        self._agent = None
        return self._sock

    def bind(self, addr):
        self._sock.bind(addr)
        if not isinstance(addr, str):  # a UNIX socket's
            # What was told before counts more, but for a port of 0.
            addr = unpack(addr)
            host, port = self._local or addr
            self._local = host, port or addr[1]

    def connect(self, addr):
        self._peer = addr  # before: one that does not wait raises EINPROGRESS
        self._sock.connect(addr)
        try:
            self._load_all()
        except MemoryError:  # later, then
            self._ignore("memory")

    # No *args on these: each call would make a tuple.

    def sendto(self, buf, addr, last=None):
        if last is None:
            r = self._sock.sendto(buf, addr)
        else:  # CPython: flags in between
            r = self._sock.sendto(buf, addr, last)
            addr = last
        self._saw(addr, OUT, buf)
        return r

    def recvfrom(self, n, flags=0):
        r = self._sock.recvfrom(n, flags) if flags else self._sock.recvfrom(n)
        if not flags & _PEEK:
            self._saw(r[1], IN, r[0])
        return r

    def awake(self):
        """Whether it captures."""
        return self._agent and self._agent.enabled

    def _saw(self, addr, way, buf, n=None):
        if not self.awake():
            return
        if type(buf) is str:
            buf = self._copied(buf)
            if buf is None:
                return
        if n is None:
            n = len(buf)
        addr = self._flow(addr, buf, n)
        if addr and self._agent.capture(addr, way, buf, n) is None:
            self._ignore(_kind(buf, n))

    def _copied(self, buf):
        # As bytes; MicroPython's sockets take text, too. None, and counted, if there is no
        # memory: it has left, and the stack must not hear of it.
        try:
            return buf.encode() if type(buf) is str else bytes(buf)
        except MemoryError:
            self._ignore("memory")

    def _ignore(self, kind):
        self.ignored[kind] = self.ignored[kind] + 1 & 0x1FFFFFFF

    def _flow(self, addr, buf, n):
        if type(addr) is list:  # no key for a dict
            addr = tuple(addr)
        flow = self._known(addr)
        if flow:
            return flow
        if self._mode and not self._agent._begins(buf, n):  # worth no flow
            self._ignore(_kind(buf, n))
            return None
        if self._spare and move(self._spare, self._octets, addr):
            return self._spare
        return self._new(addr)

    def _known(self, addr):
        flows = self._flows
        if type(addr) is bytearray:  # the unix port's getaddrinfo: no key for a dict
            for key in flows:
                if key == addr:
                    return flows[key]
        elif addr in flows:
            return flows[addr]

    def _new(self, addr):
        # For a new peer, or an odd address: the one place that allocates. None, and counted,
        # if there is no such flow (a UNIX socket's) or no memory: the stack must not hear of it.
        try:
            flow = self._made(addr)
            if not self._spare:
                if len(self._flows) + 1 >= self._agent.flows:
                    self._spare = self._made(addr)
                self._flows[bytes(addr) if type(addr) is bytearray else addr] = flow
            return flow
        except MemoryError:  # first, for these others take memory
            self._ignore("memory")
        except (ValueError, TypeError, IndexError, OSError):
            self._ignore("address")

    def _made(self, addr):
        peer = unpack(addr) if addr and addr is not self._peer else self._other()
        return self._agent.flow(self._here(peer), peer, UDP, self._kind, (), self._mode)

    def _other(self):
        # The peer of a connected socket: what was told, else what the port says.
        told = _numeric(unpack(self._peer)) if self._peer else _UNKNOWN
        if told[0] is _UNKNOWN[0]:
            try:
                return unpack(self._sock.getpeername())
            except (AttributeError, OSError, TypeError, IndexError):
                pass
        return told

    def _here(self, peer):
        # Where the socket is, seen from `peer`: what was told, else what the port says by now.
        host, port = _numeric(self._local or _UNKNOWN)
        if hasattr(self._sock, "getsockname"):
            known = unpack(self._sock.getsockname())
            port = port or known[1]
            if host in _ANY:
                host = known[0] if known[0] not in _ANY else _route(self._sock, peer) or host
        return host, port


def _kind(buf, n):
    # What it is that is no SIP.
    if n <= 0:
        return "empty"
    i = 0
    while i < n and buf[i] in (13, 10, 0):
        i += 1
        if i == n or i == 8:
            return "keepalive"
    if n >= 20 and buf[0] <= 1:
        return "stun"
    return "keepalive" if n == 3 and buf[0] == 106 and buf[2] == 75 else "garbage"


def _numeric(end):
    # The same with _UNKNOWN's host for one that is a name or empty.
    try:
        address(end[0])
        return end
    except ValueError:
        return _UNKNOWN[0], end[1]


def _route(sock, peer):
    # The local address of a packet to `peer`, if there is one; nothing is sent. CPython.
    import socket

    try:
        with socket.socket(sock.family, socket.SOCK_DGRAM) as asked:
            asked.connect(peer)
            return asked.getsockname()[0]
    except OSError:  # also: no more files
        return None
