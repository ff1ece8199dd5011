"""One poll is a short slice, whatever the collector does: few calls, none of which waits."""

import errno

from capture_doubles import Ticks
from flash_doubles import Flash
from network_doubles import Network, Poll, Sock, agent
from test_capture_tls import Library
from uhep import OUT, dns

TURNS = 400
OPENING = 14  # calls that making a socket, connecting it and looking at it take
BURST = 4  # packets in a poll
TEXT = bytes(100)
NAME = "collector.example:9060"
DNS = {"capture_address": NAME, "dns": "192.0.2.53"}
RESET = OSError(errno.ECONNRESET)
REFUSED = OSError(errno.ECONNREFUSED)


class Line(Sock):
    """Tells `net` of each call; one that waits, or may, is an error."""

    waits = True

    def setblocking(self, flag):
        self.net.called("setblocking")
        self.waits = flag

    def settimeout(self, s):
        self.net.called("settimeout")
        self.waits = s != 0

    def setsockopt(self, level, option, value):
        self.net.called("setsockopt")

    def connect(self, addr):
        self._call("connect")
        if self.kind == Network.SOCK_STREAM:
            raise self.up if isinstance(self.up, OSError) else OSError(errno.EINPROGRESS)

    def write(self, buf, at, n):
        self._call("write")
        return Sock.write(self, buf, at, n)

    def send(self, data):  # of the resolver
        self._call("send")
        return len(data)

    def readinto(self, buf):
        self._call("readinto")
        return Sock.readinto(self, buf)

    def close(self):
        self.net.called("close")
        Sock.close(self)

    def _call(self, name):
        assert not self.waits, name + " would wait"
        self.net.called(name)


class Watched(Network):
    """A network that counts calls. make(i): the i-th socket."""

    def __init__(self, make):
        super().__init__()
        self.make = make
        self.calls = []
        self.made = 0

    def called(self, name):
        self.calls.append(name)

    def getaddrinfo(self, host, port, family=0, kind=0):
        self.called("getaddrinfo")
        assert not host.strip("[]0123456789.:"), host + " would wait for DNS"
        return Network.getaddrinfo(self, host, port, family, kind)

    def socket(self, family, kind):
        self.called("socket")
        sock = self.make(self.made)
        self.made += 1
        sock.net = self
        sock.kind = kind
        return sock

    def poll(self):
        return Looked(self)


class Looked(Poll):
    def __init__(self, net):
        self.net = net

    def poll(self, ms):
        self.net.called("poll")
        assert ms == 0, "poll would wait"
        return Poll.poll(self, ms)


class Handshake(Library):
    """A TLS handshake that hangs."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def _shake(self):
        self.net.called("handshake")

    def write(self, buf, at, n):
        self.net.called("write")
        return None


def timed(**config):
    """An agent all of whose parts have the time of `ms`."""
    ms = Ticks()
    real, dns.Resolver = dns.Resolver, lambda server: real(server, ms)
    try:
        a = agent(**config)
    finally:
        dns.Resolver = real
    a.ms = ms
    for queue in getattr(a, "queues", [a]):
        for link in getattr(queue.link, "links", [queue.link]):
            link._ticks = ms
            link._due = 0
    return a


def most(make, turns=TURNS, library=False, **config):
    """The most calls that a poll made while packets were captured, and all that it made."""
    net = Watched(make)
    worst, seen = 0, {}
    with net:
        config["transport"] = config.get("transport", "tls" if library else "tcp")
        if library:
            config["tls_verify"] = "none"
        a = timed(stall_s=2, **config)
        if library:
            a.link._context = Handshake(net)
        for i in range(turns):
            a.ms.now += 100
            if i % 3 == 0:
                a.capture(a.line, OUT, TEXT, len(TEXT))
            a.poll()
            worst = max(worst, len(net.calls))
            for name in net.calls:
                seen[name] = seen.get(name, 0) + 1
            net.calls = []
        s = a.stats()
        assert s["captured"] == (turns + 2) // 3
    return worst, seen, s


def test_a_collector_that_answers():
    worst, seen, s = most(lambda i: Line())
    assert worst <= OPENING + BURST and seen["write"] == s["sent"] == s["captured"]


def test_nobody_listens():
    worst, seen, _ = most(lambda i: Line(up=REFUSED))
    assert worst <= OPENING and 3 < seen["connect"] < 12, (worst, seen)
    worst, seen, s = most(lambda i: Line(takes=0, then=REFUSED), transport="udp")
    assert worst <= OPENING and seen["connect"] < 12 and s["refused"] > 100, (worst, seen)


def test_nobody_answers():
    worst, seen, _ = most(lambda i: Line(up=None))
    assert worst <= OPENING and 3 < seen["connect"] < 12 and seen["poll"] > 80, seen


def test_never_reads():
    worst, seen, s = most(lambda i: Line(takes=500))
    # A try in each poll, while something waits and the connection stands.
    assert worst <= OPENING + BURST and seen["write"] <= TURNS + s["sent"], seen
    assert s["connects"] > 3


def test_takes_an_octet_at_a_time():
    worst, seen, _ = most(lambda i: Line(step=1))
    assert worst <= OPENING + BURST and seen["write"] > TURNS - 10, seen


def test_resets_at_any_octet():
    # A write that failed is tried once more: bytecode can not keep an error without memory.
    for at in range(0, 400, 23):
        worst, _, s = most(lambda i: Line(takes=at, then=RESET), turns=60)
        assert worst <= OPENING + 2 + BURST and s["errors"] > 0, (at, worst)


def test_dns_says_nothing():
    worst, seen, s = most(lambda i: Line(), **DNS)
    assert worst <= OPENING and s["connects"] == 0 and 8 < seen["send"] < 60, (worst, seen)
    assert seen["readinto"] > TURNS // 2


def test_a_handshake_that_hangs():
    worst, seen, s = most(lambda i: Line(), library=True)
    assert worst <= OPENING + 2 and s["connects"] == 0 and seen["connect"] > 3, (worst, seen)
    assert seen["handshake"] > 50


def test_several_of_which_none_is_there():
    several = ["192.0.2.%d:9060" % i for i in range(1, 5)]
    worst, _, _ = most(lambda i: Line(up=REFUSED), capture_address=several)
    assert worst <= 4 * OPENING, worst


def test_copies_of_which_one_is_dead():
    two = ["192.0.2.1:9060", "192.0.2.2:9060"]
    for dead in (Line(up=None), Line(takes=300), Line(takes=300, then=RESET)):
        takes, then, up = dead.takes, dead.then, dead.up
        worst, _, s = most(
            lambda i: Line(takes=takes, then=then, up=up) if i else Line(),
            capture_address=two,
            collectors="copy",
        )
        assert worst <= 2 * (OPENING + BURST) and s["sent"] == s["captured"], (worst, s)


def test_a_spool_beside_a_dead_collector():
    with Flash() as flash:
        spool = {"path": "/uhep.spool", "blocks": 16}
        worst, _, s = most(lambda i: Line(up=REFUSED), queue_bytes=4096, spool=spool)
        assert worst <= OPENING and s["spooled"] > 20 and s["dropped"] == 0
        # One file a block; that no more than one is written in a poll: test_capture_outage.
        assert len([what for what, _ in flash.log if what == "open"]) == flash.written // 4096


def refused(make, **config):
    try:
        most(make, turns=60, **config)
    except AssertionError as e:
        return str(e).split("\n")[0]  # pytest adds its own


def test_what_waits_is_seen():
    class Waits(Line):
        def setblocking(self, flag):
            Line.setblocking(self, True)

    class Timed(Line):
        def setblocking(self, flag):
            self.settimeout(2)

    assert refused(lambda i: Waits()) == "connect would wait"
    assert refused(lambda i: Timed()) == "connect would wait"
    # The port's own resolver waits: what `dns` is for.
    assert (
        refused(lambda i: Line(), capture_address=NAME) == "collector.example would wait for DNS"
    )


def test_too_much_in_a_poll_is_seen():
    from uhep import tcp

    def write(self, buf, at, n):
        done = 0
        while done < n:  # as a loop until all has gone
            done += self._raw(buf, at + done, n - done) or 0
        return n

    before, tcp.TcpLink._write = tcp.TcpLink._write, write
    try:
        worst, _, _ = most(lambda i: Line(step=1), turns=60)
    finally:
        tcp.TcpLink._write = before
    assert worst > 2 * OPENING + BURST, worst
