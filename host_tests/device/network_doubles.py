"""Stands for the modules socket and select: connections that do what a test tells them."""

import errno
import sys

from capture_doubles import CONFIG, Ticks, field
from uhep import OUT, Agent

try:
    import ssl  # noqa: F401  (CPython's takes the real socket module when it is imported)
except ImportError:
    pass

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))


def frames(stream):
    """(whole HEP frames, what is left) of the octets of a connection."""
    found = []
    while len(stream) >= 6:
        assert stream[:4] == b"HEP3", stream[:8]
        n = stream[4] << 8 | stream[5]
        if n > len(stream):
            break
        found.append(stream[:n])
        stream = stream[n:]
    return found, stream


class Sock:
    """A stream socket. `takes`: octets until `then`: an OSError (raised again and again), or
    None: nothing more. `step`: the most that one write takes. `says`: what a read gives."""

    def __init__(self, takes=None, then=None, step=None, up=True, says=None):
        self.takes = takes
        self.then = then
        self.step = step
        self.up = up  # connected, or failed: an OSError; None: nothing comes back
        self.says = says
        self.stream = b""
        self.closed = False
        self.full = False  # poll says that it takes no more, whatever a write would do
        self.options = {}

    def setblocking(self, flag):
        assert flag is False

    def setsockopt(self, level, option, value):
        self.options[option] = value

    def connect(self, addr):
        raise OSError(errno.EINPROGRESS)

    def write(self, buf, at, n):
        assert not self.closed and self.up is True
        if self.takes is not None:
            n = min(n, self.takes - len(self.stream))
        if not n:
            if self.then:
                raise self.then
            return None
        n = min(n, self.step or n)
        self.stream += bytes(buf[at : at + n])
        return n

    def readinto(self, buf):
        for answer in (self.up, self.says):
            if isinstance(answer, OSError):
                raise answer
        return self.says

    def reset(self):
        self.takes, self.then = len(self.stream), OSError(errno.ECONNRESET)

    def close(self):
        self.closed = True


class Network:
    """`next`: the sockets to come, or an OSError of getaddrinfo; plain ones afterwards."""

    SOCK_DGRAM = 2
    SOCK_STREAM = 1
    SOL_SOCKET = 1
    SO_KEEPALIVE = 9
    IPPROTO_TCP = 6
    TCP_NODELAY = 101
    POLLOUT = 4

    def __init__(self, *coming):
        self.coming = list(coming)
        self.socks = []
        self.asked = []

    def getaddrinfo(self, host, port, family=0, kind=0):
        self.asked.append((host, port))
        if self.coming and isinstance(self.coming[0], Exception):
            raise self.coming.pop(0)
        return [(2, kind, 0, "", (host, port))]

    def socket(self, family, kind):
        sock = self.coming.pop(0) if self.coming else Sock()
        self.socks.append(sock)
        return sock

    def poll(self):
        return Poll()

    def __enter__(self):
        self._real = [(name, sys.modules.get(name)) for name in ("socket", "select")]
        sys.modules["socket"] = sys.modules["select"] = self
        return self

    def __exit__(self, *exc):
        for name, module in self._real:
            if module:
                sys.modules[name] = module
            else:
                del sys.modules[name]


class Poll:
    def register(self, sock, events):
        self.sock = sock

    def poll(self, ms):
        assert ms == 0
        return [] if self.sock.up is None or self.sock.full else [(self.sock, 4)]


def agent(**more):
    """An agent whose link's time is `ms`; its flow and a way to capture serial numbers."""
    config = dict(CONFIG)
    config["status_s"] = 0
    config.update(more)
    made = Agent(config, Ticks())
    made.clock.set(1767225600)
    made.ms = Ticks()
    for link in getattr(made.link, "links", []) + [made.link]:
        link._ticks = made.ms
        link._due = 0
    if hasattr(made.link, "_tried"):
        made.link._tried = 0
    made.line = made.flow(*FLOW, kind=100)
    return made


def put(a, serial, size=100):
    text = b"%04d" % serial + b"x" * (size - 4)
    assert a.capture(a.line, OUT, text, size)


def poll(a, times=20, ms=0):
    """Polls; `ms` milliseconds pass before each. How many packets went."""
    n = 0
    for _ in range(times):
        a.ms.now += ms
        n += a.poll()
    return n


def serials(stream):
    found, rest = frames(stream)
    return [int(field(f, 15)[:4]) for f in found], rest


def raises(error, function, *args):
    """Calls function(*args), which must raise `error`; returns the error's text."""
    try:
        function(*args)
    except error as raised:
        return str(raised)
    raise AssertionError("did not raise " + error.__name__)
