"""lib/usip/relay.py: where one leg is TCP and the other UDP."""

from doubles import Clock
from relay_doubles import CONTACT, DESK, HERE, PBX, gone, relay, request, response, tcp, way
from usip.lines import Lines
from usip.ways import PHONE, SERVER

PHONE_TCP = tcp(DESK, 40000)
PBX_TCP = tcp(PBX)


class Sent(list):
    """What a relay sends once more, by the time."""

    def __init__(self, r, clock):
        super().__init__()
        self._r = r
        self._clock = clock
        self.ms = 0

    def run(self, ms):
        for _ in range(ms // 100):
            self._clock.pass_ms(100)
            self.ms += 100
            self._r.poll(lambda data, hop: self.append((self.ms, data, hop)))

    def times(self):
        return [each[0] for each in self]


def table(r):
    return len(r._repeats)


def test_the_way_of_a_transaction():
    r = relay(server=PBX_TCP)
    m, hop = gone(r.take(request("INVITE"), DESK))
    assert hop == PBX_TCP
    assert m.get("via").startswith("SIP/2.0/TCP 192.0.2.5:5062;branch=") and "rport" not in m.get(
        "via"
    )
    recorded = m.all("record-route")
    assert recorded[0] == "<sip:192.0.2.5:5062;transport=tcp;lr>"
    assert "transport" not in recorded[1]
    assert r.take(response(m.encode(), 200), PBX_TCP)[1] == DESK


def test_a_connection_that_is_no_more():
    r = relay()
    went = r.take(request("OPTIONS", sender=PHONE_TCP), PHONE_TCP)[0]
    _, hop, spare = r.take(response(went, 200), PBX)
    assert hop == PHONE_TCP and spare == ("192.0.2.21", 5060)  # 18.2.2


def test_a_call_to_a_phone_on_tcp():
    clock = Clock()
    r = relay(clock=clock)
    contact = CONTACT.replace(">", ";transport=tcp>")

    def register(port):
        sender = tcp(DESK, port)
        data = request("REGISTER", "sip:pbx.example", "Contact: " + contact, sender=sender)
        return gone(r.take(data, sender))[0].get("contact").split("<")[1].split(">")[0]

    uri = register(40000)
    assert register(40001) == uri  # the same binding, whatever the connection
    data, hop, spare = r.take(request("INVITE", uri, sender=PBX), PBX)
    assert hop == tcp(DESK, 40001) and spare == ("192.0.2.21", 5060)
    assert Lines(data).uri == "sip:desk@192.0.2.21:5060;transport=tcp"
    assert "<sip:192.0.2.5:5060;transport=tcp;lr;uhep=" in way(data)[0]
    # After a restart it is called at its Contact.
    _, hop, spare = relay().take(request("INVITE", uri, sender=PBX), PBX)
    assert hop == tcp(DESK) and spare == ("192.0.2.21", 5060)


def test_contacts_are_bounded():
    r = relay()
    for i in range(40):
        data = request("REGISTER", "sip:x", "Contact: <sip:%d@192.0.2.21>" % i, sender=PHONE_TCP)
        assert r.take(data, PHONE_TCP)
    assert len(r.ways._contacts) == 16


def test_what_a_phone_on_tcp_would_not_repeat():
    clock = Clock()
    r = relay(clock=clock)
    sent = Sent(r, clock)
    went = r.take(request("OPTIONS", sender=PHONE_TCP), PHONE_TCP)[0]
    sent.run(40000)
    # 17.1.2.2: T1, doubled up to T2, until 64 T1.
    assert sent.times() == [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]
    assert set(sent[i][1:] for i in range(10)) == {(went, PBX)}
    assert table(r) == 0 and r.repeated == 10


def test_repeating_ends_with_an_answer():
    for method, status, later in (
        ("INVITE", 100, []),
        ("INVITE", 486, []),
        ("OPTIONS", 200, []),
        ("OPTIONS", 100, [1500, 5500, 9500]),
    ):
        clock = Clock()
        r = relay(clock=clock)
        sent = Sent(r, clock)
        went = r.take(request(method, sender=PHONE_TCP), PHONE_TCP)[0]
        sent.run(500)
        assert sent.times() == [500]
        r.take(response(went, status), PBX)
        sent.run(10000)
        assert sent.times()[1:] == later, (method, status, sent.times())


def test_an_invite_is_repeated_ever_more_slowly():
    clock = Clock()
    r = relay(clock=clock)
    sent = Sent(r, clock)
    r.take(request("INVITE", sender=PHONE_TCP), PHONE_TCP)
    r.take(request("ACK", sender=PHONE_TCP, branch="z9hG4bKack"), PHONE_TCP)
    sent.run(40000)
    assert sent.times() == [500, 1500, 3500, 7500, 15500, 31500]


def test_a_refusal_is_repeated_until_its_ack():
    clock = Clock()
    r = relay(server=PBX_TCP, clock=clock)
    sent = Sent(r, clock)
    went = r.take(request("INVITE"), DESK)[0]
    busy = r.take(response(went, 486), PBX_TCP)[0]
    sent.run(2000)
    assert sent.times() == [500, 1500] and sent[0][1:] == (busy, DESK)
    # The INVITE once more: answered from here, not made a new call at the server.
    assert r.take(request("INVITE"), DESK) == (busy, DESK, None)
    ack, hop = gone(r.take(request("ACK", to="<sip:bob@pbx.example>;tag=b1"), DESK))
    assert hop == PBX_TCP
    sent.run(4000)
    assert sent.times() == [500, 1500] and table(r) == 1
    sent.run(2000)
    assert table(r) == 0


def test_a_request_that_comes_twice_is_answered_from_here():
    clock = Clock()
    r = relay(server=PBX_TCP, clock=clock)
    sent = Sent(r, clock)
    went = r.take(request("BYE"), DESK)[0]
    assert r.take(request("BYE"), DESK)[0] == went  # not answered yet: the server knows it
    done = r.take(response(went, 200), PBX_TCP)[0]
    assert r.take(request("BYE"), DESK) == (done, DESK, None)
    sent.run(33000)
    assert not sent and table(r) == 0
    assert r.take(request("BYE"), DESK)[0] == went


def test_between_legs_of_one_kind_nothing_is_kept():
    for server, sender in ((PBX, DESK), (PBX_TCP, PHONE_TCP)):
        r = relay(server=server)
        for method in ("INVITE", "OPTIONS"):
            went = r.take(request(method, sender=sender), sender)[0]
            r.take(response(went, 486), server)
        assert table(r) == 0


def test_repeats_are_bounded():
    clock = Clock()
    r = relay(clock=clock)
    for i in range(100):
        assert r.take(request("OPTIONS", branch="z9hG4bK%d" % i, sender=PHONE_TCP), PHONE_TCP)
    assert table(r) == 16
    r = relay(server=PBX_TCP, clock=clock)
    first = r.take(request("INVITE"), DESK)[0]
    r.take(response(first, 486), PBX_TCP)
    for i in range(100):  # kept answers go before one that is still to arrive
        went = r.take(request("BYE", branch="z9hG4bK%d" % i), DESK)[0]
        r.take(response(went, 200), PBX_TCP)
    sent = Sent(r, clock)
    sent.run(500)
    assert len(sent) == 1 and table(r) == 16


def test_no_way_to_the_server():
    r = relay(server=PBX_TCP)
    went = r.take(request("INVITE"), DESK)[0]
    m, hop = gone(r.unsent(went))
    assert m.status == 503 and hop == DESK and len(m.all("via")) == 1
    ack = r.take(request("ACK", to="<sip:b@x>;tag=1", branch="z9hG4bKack"), DESK)[0]
    assert r.unsent(ack) is None
    assert r.unsent(response(went, 200)) is None


def test_nothing_goes_to_the_proxy_itself():
    assert HERE[0] != HERE[1]
    for side in (PHONE, SERVER):
        r = relay(server=(SERVER, True) + HERE[side])
        assert gone(r.take(request("OPTIONS"), DESK))[0].status == 482
