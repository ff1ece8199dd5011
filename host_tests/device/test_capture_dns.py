"""The resolver: waits for nothing, believes only answers to its question."""

from network_doubles import Network, Sock, agent, poll, put, raises, serials
from uhep import dns
from uhep.dns import Resolver

NAME = "Collector.example"
QUESTION = b"\x09Collector\x07example\0\0\1\0\1"
POINTER = b"\xc0\x0c"


def record(kind, body, name=POINTER):
    return name + bytes((0, kind, 0, 1, 0, 0, 0, 60, 0, len(body))) + body


def answer(query, *records, code=0):
    return (
        query[:2]
        + bytes((0x81, 0x80 | code, 0, 1, 0, len(records), 0, 0, 0, 0))
        + (query[12:] + b"".join(records))
    )


class Server(Sock):
    """A datagram socket to a DNS server; `reply(query)` gives its answers, in order."""

    def __init__(self, reply):
        super().__init__()
        self.reply = reply
        self.queries = []
        self.waiting = []

    def connect(self, addr):
        self.addr = addr

    def send(self, data):
        self.queries.append(bytes(data))
        self.waiting += self.reply(bytes(data))

    def readinto(self, buf):
        if not self.waiting:
            return None
        data = self.waiting.pop(0)
        buf[: len(data)] = data
        return len(data)


class Ticks:
    now = 0

    def __call__(self):
        return self.now


def find(reply, host=NAME, times=3):
    server = Server(reply)
    with Network(server):
        resolver = Resolver("192.0.2.53", Ticks())
        for _ in range(times):
            found = resolver.find(host)
            if found:
                break
    assert server.closed == bool(found)
    return found, server


def test_an_address():
    found, server = find(lambda q: [answer(q, record(1, b"\xc0\x00\x02\x09"))])
    assert found == "192.0.2.9"
    assert server.addr == ("192.0.2.53", 53)
    assert server.queries[0][2:] == b"\1\0\0\1\0\0\0\0\0\0" + QUESTION


def test_behind_another_name():
    alias = record(5, b"\x04host" + POINTER)
    address = record(1, b"\xc0\x00\x02\x09", b"\x04host\x07example\0")
    assert find(lambda q: [answer(q, alias, address)])[0] == "192.0.2.9"


def test_numeric_addresses_are_not_asked_for():
    with Network() as net:
        resolver = Resolver("192.0.2.53:5353")
        assert resolver.find("192.0.2.9") == "192.0.2.9"
        assert resolver.find("2001:db8::9") == "2001:db8::9"
        assert resolver.find("[2001:db8::9]") == "[2001:db8::9]"
    assert not net.socks


def test_no_such_name():
    for reply in (
        lambda q: [answer(q, code=3)],
        lambda q: [answer(q)],
        lambda q: [answer(q, record(28, bytes(16)))],
    ):
        text = raises(OSError, find, reply)
        assert "does not know" in text


def test_answers_to_other_questions():
    good = record(1, b"\xc0\x00\x02\x09")
    for wrong in (
        lambda q: bytes((q[0] ^ 1,)) + answer(q, good)[1:],
        lambda q: answer(q[:12] + q[12:].replace(b"Coll", b"Poll"), good),
        lambda q: q,
        lambda q: answer(q, good)[:20],
        lambda q: b"",
    ):
        found, server = find(lambda q, wrong=wrong: [wrong(q)])
        assert found is None
        found, server = find(lambda q, wrong=wrong: [wrong(q), answer(q, good)])
        assert found == "192.0.2.9"


def test_any_octets_are_harmless():
    seed = 1

    def reply(q):
        data = bytearray(answer(q, record(5, b"\x04host" + POINTER), record(1, b"\xc0\0\2\x09")))
        for _ in range(3):
            data[len(q) + rand(len(data) - len(q))] = rand(256)
        return [bytes(data[: len(q) + rand(len(data) + 1 - len(q))])]

    def rand(n):
        nonlocal seed
        seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
        return (seed >> 8) % n

    for _ in range(500):
        try:
            found = find(reply)[0]
            assert found is None or len(found.split(".")) == 4
        except OSError:
            pass


def test_asks_again_and_gives_up():
    server = Server(lambda q: [])
    ticks = Ticks()
    with Network(server):
        resolver = Resolver("192.0.2.53", ticks)
        for ticks.now in range(0, 4999, 100):
            assert resolver.find(NAME) is None
        assert len(server.queries) == 5 and len(set(server.queries)) == 1
        ticks.now = 5001
        text = raises(OSError, resolver.find, NAME)
    assert "does not answer" in text and server.closed


def test_no_names():
    for name in ("", "a..b", "x" * 64 + ".example"):
        assert "no host name" in raises(OSError, find, lambda q: [], name)


def test_a_link_asks_again_on_each_connection():
    hosts = [9, 10]
    reply = lambda q: [answer(q, record(1, bytes((192, 0, 2, hosts.pop(0)))))]  # noqa: E731
    one, two = Server(reply), Server(reply)
    with Network(one, Sock(says=0), two) as net:
        a = agent(transport="tcp", capture_address="collector.example:9060", dns="192.0.2.53")
        a.ms.now = 0
        poll(a, 12, 1000)
        put(a, 1)
        poll(a)
    asked = [host for host, _ in net.asked if host != "192.0.2.53"]
    assert asked == ["192.0.2.9", "192.0.2.10"]
    assert serials(net.socks[3].stream) == ([1], b"")


def test_a_link_to_a_name_that_is_not_there():
    with Network(Server(lambda q: [answer(q, code=3)])) as net:
        a = agent(capture_address="nowhere.example:9060", dns="192.0.2.53")
        poll(a, 3)
    assert "does not know" in a.link.status and a.link.trying is False
    assert len(net.socks) == 1 and a.stats()["errors"] == 1


def no_memory(*args):
    raise MemoryError("memory allocation failed")


def test_no_memory_for_a_question():
    server = Server(lambda q: [answer(q, record(1, b"\xc0\x00\x02\x09"))])
    for transport in ("udp", "tcp"):
        with Network() as net:
            more = {"dns": "192.0.2.53", "capture_address": "collector.example:9060"}
            a = agent(transport=transport, **more)
            dns.bytearray = no_memory
            try:
                poll(a, 3)
            finally:
                del dns.bytearray
            assert "memory" in a.link.status and a.stats()["errors"] == 1
            net.coming = [server]
            poll(a, 10, 1000)
            assert ("192.0.2.9", 9060) in net.asked, a.link.status
            assert not [sock for sock in net.socks[:-1] if not sock.closed]


def test_no_memory_for_the_socket_of_a_question():
    server = Server(lambda q: [answer(q, record(1, b"\xc0\x00\x02\x09"))])
    full = Server(lambda q: [])
    full.setblocking = no_memory
    with Network(full, server) as net:
        a = agent(transport="tcp", capture_address="collector.example:9060", dns="192.0.2.53")
        poll(a, 3)
        assert "memory" in a.link.status and full.closed
        poll(a, 10, 1000)
        assert ("192.0.2.9", 9060) in net.asked, a.link.status


def test_closed_while_it_asks():
    server = Server(lambda q: [])
    with Network(server):
        a = agent(capture_address="collector.example:9060", dns="192.0.2.53")
        poll(a, 3)
        assert not server.closed
        a.close()
        assert server.closed and a.link.trying is False


def test_what_needs_the_time_asks_nothing_before():
    servers = [Server(lambda q: [answer(q, record(1, b"\xc0\x00\x02\x09"))]) for _ in range(9)]
    with Network(*servers) as net:
        a = agent(
            transport="tls",
            tls_ca="/ca.pem",
            before_time="zero",
            capture_address="collector.example:9060",
            dns="192.0.2.53",
        )
        a.clock.is_set, a.clock.sync = False, lambda: False
        a.ring.st[24] = 1  # stamps are 0/0
        poll(a, 100, 20)
        assert not net.asked and a.link.status == "waiting for the time"
        a.clock.is_set = True
        poll(a, 2)
        assert net.asked[0] == ("192.0.2.53", 53)
