"""The stream tap: the connection behaves as before, and every message is captured once."""

import sys

from capture_doubles import agent, drain, field
from uhep import TCP, TLS
from uhep.stream import tap

HERE = ("192.0.2.10", 40000)
THERE = ("192.0.2.20", 5060)
ONE = b"OPTIONS sip:x SIP/2.0\r\nCall-ID: one\r\nContent-Length: 2\r\n\r\nab"
TEXT = "MESSAGE sip:b\u00fcro@x SIP/2.0\r\nCall-ID: text\r\nContent-Length: 3\r\n\r\n\u20ac"
TWO = b"SIP/2.0 200 OK\r\ni: two\r\nl: 0\r\n\r\n"


class Sock:
    """A stream that gives `inbox` and takes `most` octets a write."""

    def __init__(self, inbox=(), most=None):
        self.inbox = list(inbox)
        self.sent = b""
        self.most = most
        self.closed = False
        self.begun = None  # an error that connect raises
        self.special = "mine"

    def _take(self, buf):
        if self.most == 0:
            return None
        data = bytes(buf)[: self.most]
        self.sent += data
        return len(data)

    def write(self, buf, *n):
        at = n[0] if len(n) == 2 else 0
        return self._take(buf[at : at + n[-1]] if n else buf)

    def send(self, buf, *flags):
        return self._take(buf)

    def sendall(self, buf, *flags):
        if self.most == 0:
            raise OSError(104)
        self.sent += bytes(buf)

    def read(self, n=-1):
        if not self.inbox:
            return None
        data = self.inbox.pop(0)
        if isinstance(data, OSError):
            raise data
        return data

    recv = readline = read

    def readinto(self, buf, n=-1):
        data = self.read()
        if data is None:
            return None
        buf[: len(data)] = data
        return len(data)

    def connect(self, addr):
        self.peer = addr
        if self.begun:
            raise self.begun

    def close(self):
        self.closed = True


def tapped(inbox=(), most=None, **more):
    a = agent()
    sock = Sock(inbox, most)
    return a, sock, tap(sock, a, HERE, THERE, **more)


def payloads(a):
    return [field(p, 15) for p in drain(a)]


def test_every_way_to_read():
    for way in ("read", "recv", "readline"):
        a, sock, t = tapped([ONE + TWO, ONE, b""])
        assert getattr(t, way)(100) == ONE + TWO
        assert getattr(t, way)(100) == ONE
        assert getattr(t, way)(100) == b""
        assert payloads(a) == [ONE, TWO, ONE], way
        a, sock, t = tapped([OSError(11)])
        try:
            getattr(t, way)(100)
            raise AssertionError
        except OSError as e:
            assert e.args[0] == 11
    a, sock, t = tapped([ONE])
    assert t.read() == ONE and t.read() is None
    room = bytearray(200)
    a, sock, t = tapped([ONE, TWO])
    assert t.readinto(room) == len(ONE)
    assert t.readinto(room, 100) == len(TWO)
    assert t.readinto(room) is None
    assert payloads(a) == [ONE, TWO]


def test_every_way_to_write():
    a, sock, t = tapped()
    assert t.write(ONE) == len(ONE)
    assert t.write(ONE + b"##", len(ONE)) == len(ONE)
    assert t.write(b"##" + ONE + b"##", 2, len(ONE)) == len(ONE)
    assert t.write(memoryview(ONE)) == len(ONE)
    assert t.send(ONE) == len(ONE)
    assert t.sendall(bytearray(ONE)) is None
    assert sock.sent == ONE * 6
    assert payloads(a) == [ONE] * 6


def test_what_was_not_taken_was_not_sent():
    a, sock, t = tapped(most=10)
    at = 0
    while at < len(ONE):
        at += t.write(ONE, at, len(ONE) - at)
    while at < 2 * len(ONE):
        at += t.send(ONE[at - len(ONE) :])
    assert sock.sent == ONE * 2
    assert payloads(a) == [ONE] * 2
    sock.most = 0
    assert t.write(ONE) is None
    try:
        t.sendall(ONE)
        raise AssertionError
    except OSError as e:
        assert e.args[0] == 104
    t.untap()
    assert payloads(a) == []


def test_ends_and_transport():
    for proto, number in ((TCP, 6), (TLS, 6)):
        a, sock, t = tapped([TWO], proto=proto)
        t.write(ONE)
        t.read(100)
        went, came = drain(a)
        assert field(went, 17) == b"one" and field(came, 17) == b"two"
        assert field(went, 2)[0] == field(came, 2)[0] == number
        assert field(went, 3) == field(came, 4) == bytes((192, 0, 2, 10))
        assert field(went, 8) == field(came, 7) == bytes((5060 >> 8, 5060 & 255))


def test_the_peer_from_connect():
    a = agent()
    sock = Sock()
    t = tap(sock, a, HERE)
    sock.begun = OSError(115)  # EINPROGRESS: it does not wait
    try:
        t.connect(b"\x02\x00\x13\xc4\xc0\x00\x02\x14" + bytes(8))
        raise AssertionError("the tap kept it to itself")
    except OSError as e:
        assert e is sock.begun
    t.write(ONE)
    (packet,) = drain(a)
    assert field(packet, 4) == bytes((192, 0, 2, 20)) and field(packet, 8) == b"\x13\xc4"
    for peer, octets in ((("pbx.example", 5060), bytes(4)), (list(THERE), b"\xc0\0\2\x14")):
        t = tap(Sock(), a, HERE)
        t.connect(peer)
        t.write(ONE)
        (packet,) = drain(a)
        assert field(packet, 3) == bytes((192, 0, 2, 10)) and field(packet, 7) == b"\x9c\x40"
        assert field(packet, 4) == octets and field(packet, 8) == b"\x13\xc4"


def test_nobody_knows_the_ends():
    for remote in (None, "/tmp/socket", ("pbx.example", 5060), b""):
        a = agent()
        t = tap(Sock(), a, None, remote)
        assert t.write(ONE) == len(ONE)
        (packet,) = drain(a)
        assert field(packet, 15) == ONE and field(packet, 4) == bytes(4)


def test_the_stack_hears_nothing_of_a_lack_of_memory():
    if sys.implementation.name != "micropython":
        return
    from micropython import heap_lock, heap_unlock

    class Heedless:
        def write(self, buf):
            return len(buf)

    a = agent()
    t = tap(Heedless(), a, HERE, THERE)
    heap_lock()
    n = t.write(ONE)
    heap_unlock()
    assert n == len(ONE) and t.ignored["memory"] == 1 and payloads(a) == []
    assert t.write(ONE) == n and payloads(a) == [ONE]
    for part in (TEXT, memoryview(ONE)):
        heap_lock()
        n = t.write(part)
        heap_unlock()
        assert n == len(part) and payloads(a) == []
    assert t.ignored["memory"] == 3


def test_text():
    class Sock:  # as MicroPython's, which count octets
        def write(self, buf):
            return len(buf.encode())

        def sendall(self, buf):
            pass

        send = write

    a = agent()
    t = tap(Sock(), a, HERE, THERE)
    for put in (t.write, t.send, t.sendall):
        put(TEXT[:20])
        put(TEXT[20:])
        assert payloads(a) == [TEXT.encode()]


def test_attributes():
    a, sock, t = tapped()
    assert t.special == "mine"
    try:
        t.nothing
        raise AssertionError
    except AttributeError:
        pass
    with t as same:
        assert same is t
    assert sock.closed


def test_untap_in_the_middle():
    a, sock, t = tapped([ONE, TWO[:20], TWO[20:]])
    t.read(100)
    t.read(100)
    assert t.untap() is sock
    assert payloads(a) == [ONE, TWO[:20]]
    t.write(ONE)
    t.read(100)
    assert payloads(a) == [] and sock.sent == ONE


def test_tapped_in_the_middle():
    a, sock, t = tapped([b"d: x\r\nl: 4\r\n\r\nv=0\n" + ONE])
    t.read(100)
    assert payloads(a) == [ONE]


def test_several_at_once():
    a, sock, inner = tapped([ONE])
    b = agent()
    outer = tap(inner, b, HERE, THERE)
    outer.read(100)
    outer.write(TWO)
    assert payloads(a) == payloads(b) == [ONE, TWO]
    inner.untap()
    outer.write(TWO)
    assert payloads(a) == [] and payloads(b) == [TWO]


def test_disabled():
    a, sock, t = tapped([ONE[:30], ONE[30:], ONE])
    t.read(100)
    a.enabled = False
    assert t.read(100) == ONE[30:]
    a.enabled = True
    assert t.read(100) == ONE
    assert payloads(a) == [ONE]


def test_timeout_and_close():
    now = [0]
    a, sock, t = tapped([ONE[:30]], ticks=lambda: now[0])
    t.read(100)
    t.write(TWO[:25])
    now[0] = 1999
    t.poll()
    assert payloads(a) == []
    now[0] = 2000
    t.poll()
    assert payloads(a) == [ONE[:30], TWO[:25]]
    t.write(TWO[:22])
    t.close()
    assert sock.closed and payloads(a) == [TWO[:22]]


def test_buffers_hold_the_largest_packet():
    a = agent(max_packet=9000, queue_bytes=20000)
    big = ONE.replace(b": 2", b": 8500")[:-2] + b"x" * 8500
    t = tap(Sock([big[:100], big[100:]]), a, HERE, THERE, headers=1024)
    t.read(100)
    t.read(9000)
    assert payloads(a) == [big]
    big = ONE.replace(b": 2", b": 9500")[:-2] + b"x" * 9500
    t.write(b"\r\n" + big)
    assert len(drain(a)[0]) == 9000 and a.stats()["truncated"] == 1
