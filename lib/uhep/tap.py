# Part of uhep, MIT licence.
"""The SIP logger that inserts itself between a stack and its UDP socket.

sock = tap(sock, agent)
...
sock = sock.untap()
"""

from uhep import IN, OUT, SIP, UDP
from uhep.flow import address

_AF_INET6 = 10
_UNKNOWN = ("0.0.0.0", 0)


def tap(sock, agent, local=None, kind=SIP):
    """A stand-in for `sock` (UDP) that captures each datagram in and out on `agent`.

    local: (host, port) of the socket. Where the port can not tell it (MicroPython has no
    getsockname), give it, or tap before bind. Everything else goes through to the socket.
    """
    return Tap(sock, agent, local, kind)


def unpack(addr):
    """(host, port) of a socket address: host numeric, or its 4 or 16 octets.

    addr: a tuple (ESP32, CPython), or a sockaddr in octets (unix port).
    """
    if isinstance(addr, tuple):
        return addr[:2]
    at, end = (8, 24) if addr[0] == _AF_INET6 else (4, 8)
    return bytes(addr[at:end]), addr[2] << 8 | addr[3]


class Tap:
    """Looks like the socket it stands for; see `tap`.

    Holds a flow for each of the first peers (`flows` in the configuration), made when the
    peer appears, and one spare that takes the address of any further one: from then on no
    peer, and no flood of them, costs memory. A datagram is captured when the socket has
    taken or given it; one that the socket refused never was. Keep-alives of up to 4 octets
    and STUN are no SIP: they are counted in `ignored`.
    """

    def __init__(self, sock, agent, local, kind):
        self._sock = sock
        self._agent = agent
        self._kind = kind
        self._local = local
        self._peer = None  # of a connected socket
        self._flows = {}
        self._spare = None
        self._octets = bytearray(16)
        self.ignored = 0
        if local is None and hasattr(sock, "getsockname"):
            self._bound(sock.getsockname())

    def untap(self):
        """The socket itself, as it was. The tap captures nothing any more."""
        self._agent = None
        return self._sock

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def bind(self, addr):
        self._sock.bind(addr)
        if self._local is None:
            self._bound(addr)

    def connect(self, addr):
        self._sock.connect(addr)
        self._peer = addr

    def sendto(self, buf, *addr):
        r = self._sock.sendto(buf, *addr)
        self._saw(addr[-1], OUT, buf, len(buf))
        return r

    def send(self, buf, *flags):
        r = self._sock.send(buf, *flags)
        self._saw(self._peer, OUT, buf, len(buf))
        return r

    def recvfrom(self, *n):
        r = self._sock.recvfrom(*n)
        self._saw(r[1], IN, r[0], len(r[0]))
        return r

    def recv(self, *n):
        r = self._sock.recv(*n)
        self._saw(self._peer, IN, r, len(r))
        return r

    def recvfrom_into(self, buf, *n):
        r = self._sock.recvfrom_into(buf, *n)
        self._saw(r[1], IN, buf, r[0])
        return r

    def recv_into(self, buf, *n):
        r = self._sock.recv_into(buf, *n)
        self._saw(self._peer, IN, buf, r)
        return r

    def write(self, buf, *n):
        r = self._sock.write(buf, *n)
        if r:
            self._saw(self._peer, OUT, memoryview(buf)[n[0] :] if len(n) == 2 else buf, r)
        return r

    def read(self, *n):
        r = self._sock.read(*n)
        if r:
            self._saw(self._peer, IN, r, len(r))
        return r

    def readinto(self, buf, *n):
        r = self._sock.readinto(buf, *n)
        if r:
            self._saw(self._peer, IN, buf, r)
        return r

    def _bound(self, addr):
        local = unpack(addr)
        if local[1]:
            self._local = local

    def _saw(self, addr, way, buf, n):
        if not self._agent or not self._agent.enabled:
            return
        if n <= 4 or buf[0] <= 1:
            self.ignored += 1
            return
        addr = self._flow(addr)
        self._agent.capture(addr, way, buf, n)

    def _flow(self, addr):
        flow = self._flows.get(addr)
        if flow is None:
            flow = self._spare
            if flow is None:
                return self._make(addr)
            self._move(flow, addr)
        return flow

    def _make(self, addr):
        # A new peer: the one place that allocates.
        peer = unpack(addr) if addr else _UNKNOWN
        local = self._local or _UNKNOWN
        flow = self._flows[addr] = self._agent.flow(local, peer, UDP, self._kind)
        if len(self._flows) >= self._agent.flows:
            self._spare = self._agent.flow(local, peer, UDP, self._kind)
        return flow

    def _move(self, flow, addr):
        if isinstance(addr, tuple):
            self._parse(addr[0])
            flow.move(self._octets, 0, addr[1])
        else:
            flow.move(addr, 8 if addr[0] == _AF_INET6 else 4, addr[2] << 8 | addr[3])

    def _parse(self, host):
        if ":" in host:
            self._octets = bytearray(address(host))
            return
        octets = self._octets
        octets[0] = i = 0
        for c in host:
            if c == ".":
                i += 1
                octets[i] = 0
            else:
                octets[i] = octets[i] * 10 + ord(c) - 48
