"""The UDP link and poll: nothing raises, nothing blocks, what was not sent stays queued."""

import errno
import sys

from capture_doubles import CONFIG, Ticks
from uhep import OUT, Agent
from uhep.collectors import FailOver
from uhep.link import UdpLink

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
MESSAGE = b"OPTIONS sip:x SIP/2.0\r\nCall-ID: a\r\n\r\n"


class Socket:
    """What a board's socket does: write(buf, at, n) gives n, None or an OSError."""

    def __init__(self, script=()):
        self.script = script
        self.sent = []
        self.closed = False

    def write(self, buf, at, n):
        if self.script:
            does = self.script.pop(0)
            if isinstance(does, Exception):
                raise does
            if does is None:
                return None
        self.sent.append(bytes(buf[at : at + n]))
        return n

    def close(self):
        self.closed = True

    def setblocking(self, flag):
        pass

    def connect(self, addr):
        if isinstance(addr, OSError):
            raise addr


class Network:
    """Stands for the socket module. `lookup`: what getaddrinfo gives or raises, by host."""

    SOCK_DGRAM = 2

    def __init__(self, lookup=None):
        self.lookup = lookup or {}
        self.asked = []
        self.sockets = []

    def getaddrinfo(self, host, port, family=0, kind=0):
        self.asked.append((host, port))
        found = self.lookup.get(host, "address")
        if isinstance(found, Exception) and not isinstance(found, OSError):
            raise found
        if isinstance(found, OSError) and found.args[0] < 0:
            raise found
        return [(2, kind, 0, "", found)]

    def socket(self, family, kind):
        self.sockets.append(Socket())
        return self.sockets[-1]


def with_network(network, make, *args):
    real = sys.modules.get("socket")
    sys.modules["socket"] = network
    try:
        return make(*args)
    finally:
        if real:
            sys.modules["socket"] = real
        else:
            del sys.modules["socket"]


def agent(script=()):
    sock = Socket(list(script))
    link = UdpLink("192.0.2.9:9060")
    link.use(sock)
    a = Agent(CONFIG, Ticks(), link)
    a._linked()
    a.flow_ = a.flow(*FLOW)
    return a, sock


def capture(a, count=1):
    for _ in range(count):
        assert a.capture(a.flow_, OUT, MESSAGE, len(MESSAGE))


def test_refused_on_every_second_send():
    refused = OSError(errno.ECONNREFUSED)
    a, sock = agent([1, refused] * 10)
    capture(a, 10)
    for _ in range(40):
        a.poll()
    s = a.stats()
    assert len(sock.sent) == 10 and s["sent"] == 10 and s["waiting"] == 0
    assert s["errors"] >= 9
    assert not sock.closed


def test_a_refusal_that_is_told_once():
    # As Linux does: the error comes with the next send, and is forgotten by that.
    network = Network()
    links = [UdpLink(name, Ticks()) for name in ("192.0.2.1:9060", "192.0.2.2:9060")]
    a = Agent(CONFIG, Ticks(), FailOver(links, 300000, Ticks()))
    a.flow_ = a.flow(*FLOW)
    capture(a)
    with_network(network, a.poll)
    network.sockets[0].script = [OSError(errno.ECONNREFUSED)]
    capture(a, 3)
    for _ in range(5):
        with_network(network, a.poll)
    assert [len(sock.sent) for sock in network.sockets] == [1, 3]
    assert network.sockets[0].closed and a.stats()["refused"] == 1


def test_no_memory_below_is_later():
    a, sock = agent([OSError(errno.ENOMEM)] * 5)
    capture(a)
    for _ in range(10):
        a.poll()
    assert len(sock.sent) == 1 and a.stats()["errors"] > 0 and not sock.closed


def test_no_memory_for_a_write():
    a, sock = agent([MemoryError("memory allocation failed"), ValueError("closed")])
    capture(a)
    assert a.poll() == 0 and sock.closed
    assert a.stats()["errors"] == 1 and a.stats()["waiting"] == 1


def test_would_block_is_no_error():
    a, sock = agent([None] * 5)
    capture(a)
    for _ in range(5):
        assert a.poll() == 0
    assert a.poll() == 1
    assert a.stats()["errors"] == 0


def test_a_dead_socket_is_replaced():
    network = Network()
    a, sock = agent([OSError(errno.EBADF)] * 2)
    capture(a, 2)
    ticks = Ticks()
    a.link._ticks = ticks
    with_network(network, a.poll)
    assert sock.closed and a.stats()["waiting"] == 2 and a.stats()["errors"] > 0
    with_network(network, a.poll)
    ticks.pass_us(999)
    with_network(network, a.poll)
    assert not network.sockets  # not before a second has passed
    ticks.pass_us(2001)  # ticks of this link are milliseconds
    assert with_network(network, a.poll) == 2
    assert len(network.sockets[0].sent) == 2
    assert a.stats()["connects"] == 2


def test_opens_in_poll_and_not_before():
    network = Network()
    a = with_network(network, Agent, CONFIG)
    a.flow_ = a.flow(*FLOW)
    with_network(network, capture, a)
    assert network.asked == []
    assert with_network(network, a.poll) == 1
    assert network.asked == [("127.0.0.1", 9060)]


def test_a_name_that_is_not_found():
    network = Network({"collector.example": OSError(-2)})
    ticks = Ticks()
    link = UdpLink("collector.example:9060", ticks)
    a = Agent(CONFIG, Ticks(), link)
    a.flow_ = a.flow(*FLOW)
    capture(a, 3)
    waits = []
    for ms in range(0, 200000, 100):
        ticks.now = ms
        asked = len(network.asked)
        assert with_network(network, a.poll) == 0
        if len(network.asked) > asked:
            waits.append(ms)
    assert a.stats()["waiting"] == 3 and a.stats()["errors"] == len(waits)
    # Twice as long each time, up to a minute; the exact time is drawn.
    gaps = [b - a for a, b in zip(waits, waits[1:])]
    for gap, least in zip(gaps, [1000, 2000, 4000, 8000, 16000] + [30000] * 9):
        assert least <= gap <= 2 * least + 100, waits
    assert len(set([g * 2000 // least for g, least in zip(gaps, [1000, 2000, 4000, 8000])])) > 1
    network.lookup = {}
    ticks.now = 400000
    assert with_network(network, a.poll) == 3


def test_an_unreachable_network():
    network = Network({"192.0.2.9": OSError(errno.EHOSTUNREACH)})
    ticks = Ticks()
    link = UdpLink("192.0.2.9:9060", ticks)
    a = Agent(CONFIG, Ticks(), link)
    assert with_network(network, a.poll) == 0
    assert network.sockets[0].closed and a.stats()["errors"] == 1
    network.lookup = {}
    ticks.now = 2001
    with_network(network, a.poll)
    assert a.stats()["connects"] == 1


def test_the_next_of_several_collectors():
    network = Network({"one.example": OSError(-2)})
    names = ("one.example:9060", "[2001:db8::9]:9061")
    link = FailOver([UdpLink(name, Ticks()) for name in names], 300000, Ticks())
    a = Agent(CONFIG, Ticks(), link)
    a.flow_ = a.flow(*FLOW)
    capture(a)
    assert with_network(network, a.poll) == 1
    assert network.asked == [("one.example", 9060), ("2001:db8::9", 9061)]


def test_a_name_that_can_not_be_one():
    network = Network({"x" * 70: ValueError("label too long")})
    link = UdpLink("x" * 70 + ":9060", Ticks())
    a = Agent(CONFIG, Ticks(), link)
    assert with_network(network, a.poll) == 0 and a.stats()["errors"] == 1


def test_disabled_opens_nothing():
    network = Network()
    a = with_network(network, Agent, {"enabled": False})
    for _ in range(3):
        assert with_network(network, a.poll) == 0
    assert network.asked == []


def test_close():
    a, sock = agent()
    capture(a)
    a.close()
    assert sock.closed and a.poll() == 0 and a.stats()["waiting"] == 1
    assert a.capture(a.flow_, OUT, MESSAGE, 5) is False
