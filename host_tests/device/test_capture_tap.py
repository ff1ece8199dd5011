"""The tap: the socket behaves as before, and every datagram is captured once."""

import sys
from struct import pack

from capture_doubles import agent, drain, field
from uhep.tap import tap

LOCAL = ("192.0.2.10", 5060)
MESSAGE = b"OPTIONS sip:x SIP/2.0\r\nCall-ID: a\r\n\r\n"


def sockaddr(host, port):
    """As the unix port gives it."""
    return b"\x02\x00" + pack(">H", port) + bytes([int(n) for n in host.split(".")]) + bytes(8)


def sockaddr6(octets, port):
    return b"\x0a\x00" + pack(">H", port) + bytes(4) + octets + bytes(4)


class Socket:
    def __init__(self, inbox=()):
        self.inbox = list(inbox)
        self.outbox = []
        self.special = "mine"
        self.bound = None

    def bind(self, addr):
        self.bound = addr

    def connect(self, addr):
        self.peer = addr

    def sendto(self, buf, *addr):
        if self.outbox is None:
            raise OSError(113)
        self.outbox.append((bytes(buf), addr[-1]))
        return len(buf)

    def send(self, buf, *flags):
        self.outbox.append((bytes(buf), None))
        return len(buf)

    def write(self, buf, *n):
        at = n[0] if len(n) == 2 else 0
        size = n[-1] if n else len(buf)
        self.outbox.append((bytes(buf[at : at + size]), None))
        return size

    def recvfrom(self, n):
        if not self.inbox:
            raise OSError(11)
        return self.inbox.pop(0)

    def recv(self, n):
        return self.recvfrom(n)[0]

    def read(self, n):
        return self.recv(n) if self.inbox else None

    def readinto(self, buf, *n):
        if not self.inbox:
            return None
        data = self.inbox.pop(0)[0]
        buf[: len(data)] = data
        return len(data)

    def recvfrom_into(self, buf, *n):
        data, addr = self.inbox.pop(0)
        buf[: len(data)] = data
        return len(data), addr


class Heedless:
    """A socket that takes what is written and keeps nothing."""

    def write(self, buf, at, n):
        return n

    def sendto(self, buf, addr):
        return len(buf)


def ends(packet):
    """Source and destination as text."""
    ips = [".".join([str(o) for o in field(packet, k)]) for k in (3, 4)]
    ports = [field(packet, k)[0] << 8 | field(packet, k)[1] for k in (7, 8)]
    return ["%s:%d" % pair for pair in zip(ips, ports)]


def test_both_ways_with_both_kinds_of_address():
    for peer in (("192.0.2.20", 5070), sockaddr("192.0.2.20", 5070)):
        a = agent()
        sock = Socket([(MESSAGE, peer)])
        t = tap(sock, a, LOCAL)
        assert t.recvfrom(2048) == (MESSAGE, peer)
        assert t.sendto(MESSAGE, peer) == len(MESSAGE)
        came, went = drain(a)
        assert ends(came) == ["192.0.2.20:5070", "192.0.2.10:5060"]
        assert ends(went) == ["192.0.2.10:5060", "192.0.2.20:5070"]
        assert field(came, 15) == field(went, 15) == MESSAGE
        assert field(came, 17) == b"a"
        assert sock.outbox == [(MESSAGE, peer)]


def test_a_sockaddr_that_is_no_key():
    # The unix port's getaddrinfo gives a bytearray, its recvfrom bytes.
    a = agent()
    peer = bytearray(sockaddr("192.0.2.20", 5070))
    t = tap(Socket([(MESSAGE, bytes(peer))]), a, LOCAL)
    for _ in range(2):
        t.sendto(MESSAGE, peer)
    t.recvfrom(100)
    assert [ends(p)[1] for p in drain(a)][:2] == ["192.0.2.20:5070"] * 2
    assert len(t._flows) == 1
    # The ESP32's takes a list.
    t.sendto(MESSAGE, ["192.0.2.20", 5070])
    t.sendto(MESSAGE, ("192.0.2.20", 5070))
    t.connect(["192.0.2.20", 5070])
    t.send(MESSAGE)
    assert [ends(p)[1] for p in drain(a)] == ["192.0.2.20:5070"] * 3
    assert len(t._flows) == 2


def test_an_address_that_is_none():
    a = agent()
    t = tap(Socket(), a, LOCAL)
    for addr in ("/tmp/socket", ("pbx.example", 5060), ("192.0.2.1",), b""):
        assert t.sendto(MESSAGE, addr) == len(MESSAGE)
    assert t.ignored["address"] == 3  # an empty one: of a socket whose peer is not known
    assert len(drain(a)) == 1


def test_an_address_that_is_none_when_the_table_is_full():
    a = agent(flows=1)
    t = tap(Socket(), a, LOCAL)
    t.sendto(MESSAGE, ("192.0.2.20", 5070))
    for addr in ("/tmp/socket", ("pbx.example", 5060), (".".join("a" * 40), 1), ("1.2.3", 1)):
        assert t.sendto(MESSAGE, addr) == len(MESSAGE)
    assert t.ignored["address"] == 4
    for addr in (("2001:db8::1", 5060), ("::ffff:192.0.2.9", 5060), ("192.0.2.8", 5060)):
        t.sendto(MESSAGE, addr)
    packets = drain(a)
    assert len(packets) == 4 and t.ignored["address"] == 4
    assert field(packets[1], 6)[:4] == b"\x20\x01\x0d\xb8"
    assert [ends(p)[1] for p in packets[2:]] == ["192.0.2.9:5060", "192.0.2.8:5060"]


def test_a_connected_socket():
    a = agent()
    sock = Socket([(MESSAGE, None)] * 3)
    t = tap(sock, a, LOCAL)
    t.connect(("192.0.2.20", 5070))
    assert sock.peer == ("192.0.2.20", 5070)
    room = bytearray(100)
    assert t.send(MESSAGE) == len(MESSAGE)
    assert t.write(b"##" + MESSAGE + b"##", 2, len(MESSAGE)) == len(MESSAGE)
    assert t.recv(100) == MESSAGE
    assert t.read(100) == MESSAGE
    assert t.readinto(room) == len(MESSAGE)
    assert t.readinto(room) is None and t.read(100) is None
    packets = drain(a)
    assert len(packets) == 5
    for p in packets:
        assert field(p, 15) == MESSAGE
        assert "192.0.2.20:5070" in ends(p)


def test_connected_by_name():
    # As the ESP32's sockets can be, which do not tell whom they have found.
    for peer in (("pbx.example", 5070), ("", 5070)):
        a = agent()
        t = tap(Socket([(MESSAGE, None)]), a, LOCAL)
        t.connect(peer)
        t.send(MESSAGE)
        t.recv(100)
        assert [sorted(ends(p)) for p in drain(a)] == [["0.0.0.0:5070", "192.0.2.10:5060"]] * 2
        assert t.ignored["address"] == 0


def test_bound_to_a_name_or_none():
    for host in ("", "phone.example"):
        a = agent()
        t = tap(Socket(), a)
        t.bind((host, 5060))
        t.sendto(MESSAGE, ("192.0.2.20", 5070))
        assert [ends(p) for p in drain(a)] == [["0.0.0.0:5060", "192.0.2.20:5070"]]


def test_written_from_the_middle_of_a_buffer():
    a = agent(max_packet=3000)
    sock = Socket()
    t = tap(sock, a, LOCAL)
    t.connect(("192.0.2.20", 5070))
    data = bytes([i % 251 for i in range(5000)])
    for size in (0, 1, 300, 1024, 2700, 900, 4000):
        whole = MESSAGE + data[:size]
        for buf in (b"#" + whole + data, bytearray(b"#" * 700 + whole + data)):
            at = buf.find(MESSAGE)
            assert t.write(buf, at, len(whole)) == len(whole)
            got = field(drain(a)[0], 15)
            assert whole[: len(got)] == got and len(got) == min(len(whole), 2868), size
    assert a.stats()["truncated"] == 2 and a.stats()["captured"] == 14
    assert t.write(b"##\r\n##", 2, 2) == 2 and t.ignored["keepalive"] == 1
    a.enabled = False
    t.write(b"#" + MESSAGE, 1, len(MESSAGE))
    t.untap()
    t.write(b"#" + MESSAGE, 1, len(MESSAGE))
    assert sock.outbox[-1] == (MESSAGE, None) and a.stats()["captured"] == 14


def test_the_stack_hears_nothing_of_a_lack_of_memory():
    if sys.implementation.name != "micropython":
        return
    from micropython import heap_lock, heap_unlock

    a = agent()
    t = tap(Heedless(), a, LOCAL, remote=("192.0.2.20", 5070))
    buf = bytearray(b"#" + MESSAGE)
    heap_lock()
    n = t.write(buf, 1, 37)
    heap_unlock()
    assert n == 37 and t.ignored["memory"] == 1
    assert t.write(buf, 1, 37) == 37 and len(drain(a)) == 1
    heap_lock()
    n = t.write(buf, 1, 37)
    heap_unlock()
    assert n == 37 and t.ignored["memory"] == 1 and len(drain(a)) == 1
    peer = ("192.0.2.21", 5070)  # a new one
    heap_lock()
    n = t.sendto(MESSAGE, peer)
    heap_unlock()
    assert n == 37 and t.ignored["memory"] == 2 and drain(a) == []
    assert t.sendto(MESSAGE, peer) == 37 and len(drain(a)) == 1


def test_text():
    # MicroPython's sockets take it.
    text = "MESSAGE sip:b\u00fcro@x SIP/2.0\r\nCall-ID: text\r\n\r\n\u20ac"
    a = agent()
    t = tap(Heedless(), a, LOCAL)
    for _ in range(2):
        assert t.sendto(text, ("192.0.2.20", 5070)) == len(text)
        assert [field(p, 15) for p in drain(a)] == [text.encode()]
    t.sendto("hello", ("192.0.2.20", 5070))
    t.sendto("", ("192.0.2.20", 5070))
    assert t.ignored["garbage"] == t.ignored["empty"] == 1 and drain(a) == []


def test_recvfrom_into():
    a = agent()
    t = tap(Socket([(MESSAGE, ("192.0.2.20", 5070))]), a, LOCAL)
    room = bytearray(100)
    assert t.recvfrom_into(room) == (len(MESSAGE), ("192.0.2.20", 5070))
    assert field(drain(a)[0], 15) == MESSAGE


def test_errors_and_attributes_pass_through():
    a = agent()
    sock = Socket()
    t = tap(sock, a, LOCAL)
    assert t.special == "mine"
    try:
        t.recvfrom(100)
    except OSError as e:
        assert e.args[0] == 11
    else:
        assert False
    try:
        t.nothing
    except AttributeError:
        pass
    else:
        assert False
    sock.outbox = None
    try:
        t.sendto(MESSAGE, ("192.0.2.20", 5070))
    except OSError as e:
        assert e.args[0] == 113
    else:
        assert False
    assert drain(a) == []  # what the socket refused never was


def test_untap():
    a = agent()
    sock = Socket([(MESSAGE, ("192.0.2.20", 5070))])
    t = tap(sock, a, LOCAL)
    t.sendto(MESSAGE, ("192.0.2.20", 5070))
    assert t.untap() is sock
    t.sendto(MESSAGE, ("192.0.2.20", 5070))
    t.recvfrom(100)
    assert len(drain(a)) == 1 and len(sock.outbox) == 2


def test_disabled():
    a = agent()
    t = tap(Socket(), a, LOCAL)
    a.enabled = False
    t.sendto(MESSAGE, ("192.0.2.20", 5070))
    assert a.stats()["captured"] == 0
    a.enabled = True
    t.sendto(MESSAGE, ("192.0.2.20", 5070))
    assert a.stats()["captured"] == 1


def test_the_local_address_from_bind():
    a = agent()
    sock = Socket()
    t = tap(sock, a)
    t.bind(sockaddr("192.0.2.10", 5060))
    assert sock.bound == sockaddr("192.0.2.10", 5060)
    t.sendto(MESSAGE, sockaddr("192.0.2.20", 5070))
    assert ends(drain(a)[0])[0] == "192.0.2.10:5060"


STUN = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)
NO_SIP = (
    ("keepalive", (b"\r\n", b"\r\n\r\n", b"\0", b"\r\n\0", b"jaK", bytes(100))),
    ("stun", (STUN, b"\x01\x01" + STUN[2:])),
    ("empty", (b"",)),
    (
        "garbage",
        (
            b"\xff\xfe\xfd",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"Via: SIP/2.0/UDP h\r\n\r\n",
            b"v=0\r\no=- 1 SIP/2.0\r\n",
            b"\x80" * 1500,
        ),
    ),
)


def test_what_is_no_sip():
    # Whether its peer is known or not, and no flow is made for it.
    for known in (False, True):
        a = agent()
        t = tap(Socket(), a, LOCAL)
        if known:
            t.sendto(MESSAGE, ("192.0.2.20", 5070))
            drain(a)
        for kind, samples in NO_SIP:
            for data in samples:
                t.sendto(data, ("192.0.2.20", 5070))
                t.sendto(bytearray(data), ("192.0.2.20", 5070))
            assert t.ignored[kind] == 2 * len(samples), (kind, t.ignored)
        assert drain(a) == [] and len(t._flows) == known
        assert a.stats()["captured"] == known
        t.sendto(MESSAGE, ("192.0.2.20", 5070))
        assert len(drain(a)) == 1


def test_a_malformed_message_is_captured():
    for data in (
        b"\r\n\r\n" + MESSAGE,
        b"BYE",
        b"INVITE\r\n\r\n",
        b"ODD!' sip:x  SIP/7.0 \r\n",
        b"SIP/2.0",
        b"x y SIP/",
    ):
        a = agent()
        t = tap(Socket(), a, LOCAL)
        t.sendto(data, ("192.0.2.20", 5070))
        assert [field(p, 15) for p in drain(a)] == [data]
        assert max(t.ignored.values()) == 0


def test_more_peers_than_flows():
    for form in (lambda host, port: (host, port), sockaddr):
        a = agent(flows=3)
        t = tap(Socket(), a, LOCAL)
        for i in range(20):
            for n in (i, 0):
                t.sendto(MESSAGE, form("192.0.2.%d" % (200 + n), 5000 + n))
        packets = drain(a)
        got = [ends(p)[1] for p in packets]
        expected = ["192.0.2.%d:%d" % (200 + n, 5000 + n) for i in range(20) for n in (i, 0)]
        assert got == expected, got
        assert len(t._flows) == 3


def test_more_peers_than_flows_of_both_families():
    # As a socket of IPv6 gives them, which takes IPv4 too.
    six = b"\x20\x01\x0d\xb8" + bytes(11)
    mapped = bytes(10) + b"\xff\xff\xc0\x00\x02"
    for here in ("192.0.2.10", "2001:db8::10"):
        for first in (six + b"\1", mapped + b"\1"):
            a = agent(flows=1)
            t = tap(Socket(), a, (here, 5060))
            t.sendto(MESSAGE, sockaddr6(first, 5060))
            for host in (six, mapped, six, mapped):
                for n in (b"\2", b"\3"):
                    t.sendto(MESSAGE, sockaddr6(host + n, 5070))
            t.sendto(MESSAGE, sockaddr("192.0.2.9", 5080))
            packets = drain(a)
            assert t.ignored["address"] == 0 and len(packets) == 10
            got = [field(p, 6) or mapped[:12] + field(p, 4) for p in packets]
            hosts = [host + n for host in (six, mapped) for n in (b"\2", b"\3")]
            assert got == [first] + 2 * hosts + [mapped + b"\x09"], (here, first, got)
            for p in packets:
                kind = 3 if field(p, 4) else 5
                mine = bytes((192, 0, 2, 10)) if here[0] == "1" else six[:15] + b"\x10"
                assert field(p, kind)[-len(mine) :] == mine[-len(field(p, kind)) :]
