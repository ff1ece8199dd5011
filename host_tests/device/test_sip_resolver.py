"""lib/usip: servers found by DNS, and the next one taken when one is away."""

import struct

from doubles import Clock, Network, Phone, raises, start
from usip.resolver import Resolver

DNS = ("192.0.2.53", 53)


def labels(name):
    parts = name.encode().split(b".")
    return b"".join([bytes((len(part),)) + part for part in parts]) + b"\0"


def a(address, seconds=60):
    data = bytes([int(part) for part in address.split(".")])
    return struct.pack(">HHHIH", 0xC00C, 1, 1, seconds, 4) + data


def srv(priority, weight, port, target, seconds=60):
    data = struct.pack(">HHH", priority, weight, port) + labels(target)
    return struct.pack(">HHHIH", 0xC00C, 33, 1, seconds, len(data)) + data


class Zone:
    """A DNS server: `records` by (type, name) are lists of answers; `asked` what was asked."""

    def __init__(self, records):
        self.clock = Clock()
        self.network = Network()
        self.server = self.network.socket(*DNS)
        self.records = records
        self.asked = []
        self.silent = False
        self.port = 30000
        self.resolver = Resolver("192.0.2.53", self.clock, self.ask)

    def ask(self, server):
        self.port += 1
        sock = self.network.socket("192.0.2.1", self.port)
        return sock, sock.ready, DNS

    def serve(self):
        while self.server.waiting:
            data, source = self.server.waiting.pop(0)
            kind = data[-3]
            name, at = [], 12
            while data[at]:
                name.append(data[at + 1 : at + 1 + data[at]].decode())
                at += 1 + data[at]
            name = ".".join(name)
            self.asked.append((kind, name))
            if not self.silent:
                self.server.sendto(self.answer(data, self.records.get((kind, name))), source)

    def answer(self, question, records):
        flags = b"\x81\x80" if records else b"\x81\x83"
        head = question[:2] + flags + b"\0\1" + struct.pack(">HHH", len(records or ()), 0, 0)
        return head + question[12:] + b"".join(records or ())

    def find(self, host, port=None, kind="udp", ms=1000):
        for _ in range(ms // 10):
            found = self.resolver.find(host, port, kind)
            if found:
                return found
            self.serve()
            self.clock.pass_ms(10)
        return None


SERVERS = {
    (33, "_sip._udp.example.com"): [
        srv(20, 0, 5080, "c.example.com"),
        srv(10, 1, 5070, "b.example.com"),
    ],
    (1, "b.example.com"): [a("192.0.2.10")],
    (1, "c.example.com"): [a("192.0.2.11")],
    (1, "plain.example"): [a("192.0.2.12"), a("192.0.2.13")],
}


def test_srv_in_order_and_the_next_one_after_a_failure():
    zone = Zone(SERVERS)
    assert zone.find("example.com") == ("192.0.2.10", 5070)
    assert zone.asked == [
        (33, "_sip._udp.example.com"),
        (1, "b.example.com"),
        (1, "c.example.com"),
    ]
    zone.resolver.failed(("192.0.2.10", 5070))
    assert zone.find("example.com") == ("192.0.2.11", 5080)
    zone.resolver.failed(("192.0.2.11", 5080))
    assert zone.find("example.com") == ("192.0.2.10", 5070)


def test_what_does_not_answer_stays_last_when_the_name_is_asked_again():
    """A REGISTER takes 32 s to fail, and that may be longer than DNS says that a name is valid."""
    zone = Zone(SERVERS)
    assert zone.find("example.com") == ("192.0.2.10", 5070)
    zone.resolver.failed(("192.0.2.10", 5070))
    for _ in range(58):
        zone.clock.pass_ms(61000)
        assert zone.find("example.com") == ("192.0.2.11", 5080)
    assert zone.asked.count((33, "_sip._udp.example.com")) == 59
    zone.clock.pass_ms(62000)  # an hour: it may be back
    assert zone.find("example.com") == ("192.0.2.10", 5070)


def test_a_port_needs_no_srv_and_without_srv_it_is_5060():
    zone = Zone(SERVERS)
    assert zone.find("plain.example", 5099) == ("192.0.2.12", 5099)
    assert zone.asked == [(1, "plain.example")]
    assert zone.find("plain.example") == ("192.0.2.12", 5060)
    assert zone.asked[1:] == [(33, "_sip._udp.plain.example"), (1, "plain.example")]


def test_what_is_known_is_kept_as_long_as_it_says():
    zone = Zone(SERVERS)
    zone.find("example.com")
    asked = len(zone.asked)
    zone.clock.pass_ms(59000)
    zone.find("example.com")
    assert len(zone.asked) == asked
    zone.clock.pass_ms(2000)
    assert zone.find("example.com") == ("192.0.2.10", 5070)
    assert len(zone.asked) == asked * 2


def test_what_was_known_days_ago():
    # Nobody asked meanwhile, and ticks wrap after 12 days.
    for days in (5, 7, 10, 13):
        zone = Zone(dict(SERVERS))
        zone.find("plain.example")
        raises(OSError, zone.find, "new.example")
        zone.silent = True
        assert zone.resolver.find("slow.example", 5060, "udp") is None
        zone.serve()
        zone.clock.pass_ms(days * 86400000)
        zone.silent = False
        for name in ("plain.example", "new.example", "slow.example"):
            zone.records[(1, name)] = [a("192.0.2.99")]
            assert zone.find(name, None if name[0] == "p" else 5060) == ("192.0.2.99", 5060), days


def test_lost_question_is_asked_again():
    zone = Zone(SERVERS)
    lost = []

    def lose(data):
        lost.append(data)
        return len(lost) == 1

    zone.network.lose = lose
    assert zone.find("plain.example", 5060, ms=2000) == ("192.0.2.12", 5060)


def test_no_server_and_no_name():
    zone = Zone(SERVERS)
    zone.silent = True
    assert "does not know" in raises(OSError, zone.find, "example.com", None, "udp", 8000)
    assert len(zone.asked) == 5
    zone.silent = False
    assert "does not know" in raises(OSError, zone.find, "unknown.example")
    raises(OSError, zone.find, "bad..name", 5060)


def test_strangers_answers_and_nonsense_are_passed_over():
    zone = Zone(SERVERS)
    assert zone.resolver.find("plain.example", 5060, "udp") is None
    question, source = zone.server.waiting[0]
    stranger = zone.network.socket("192.0.2.66", 53)
    stranger.sendto(zone.answer(question, [a("192.0.2.66")]), source)
    zone.server.sendto(b"\0", source)
    zone.server.sendto(question[:1] + b"\0" + question[2:], source)
    zone.server.sendto(b"", source)
    for _ in range(5):
        zone.resolver.find("plain.example", 5060, "udp")
    assert zone.find("plain.example", 5060) == ("192.0.2.12", 5060)


def test_every_cut_and_damage_of_an_answer():
    zone = Zone(SERVERS)
    question = b"\0\0\1\0\0\1\0\0\0\0\0\0" + labels("plain.example") + b"\0\1\0\1"
    whole = zone.answer(question, SERVERS[(33, "_sip._udp.example.com")])
    for at in range(len(whole)):
        for data in (whole[:at], whole[:at] + b"\xff" + whole[at + 1 :]):
            zone = Zone({})
            zone.answer = lambda question, records, data=data: question[:2] + data[2:]
            try:
                zone.find("plain.example", 5060, ms=100)
            except OSError:
                pass


def test_call_by_name():
    zone = Zone({(33, "_sip._udp.example.com"): [srv(1, 1, 5060, "b.example.com")]})
    zone.records[(1, "b.example.com")] = [a("192.0.2.2")]
    alice = Phone(zone.network, zone.clock, "192.0.2.1")
    bob = Phone(zone.network, zone.clock, "192.0.2.2")
    alice.transport.resolver = zone.resolver
    call = alice.agent.call("sip:bob@example.com")
    for _ in range(100):
        alice.poll()
        bob.poll()
        zone.serve()
        zone.clock.pass_ms(10)
    assert call.state == "talking" and bob.states[-1] == "talking"
    assert [start(d) for _, to, d in zone.network.log if to[1] == 5060][0] == "INVITE"
    call = alice.agent.place("sip:bob@unknown.example", alice.agent._lines[0])
    call.start()
    for _ in range(100):
        alice.poll()
        zone.serve()
        zone.clock.pass_ms(10)
    assert call.state == "ended" and call.status == 503
