"""lib/usip: a whole call between two phones, whatever is lost on the way."""

from doubles import Pair, Phone, start

CALL = ["INVITE", "100 INVITE", "180 INVITE", "200 INVITE", "ACK", "BYE", "200 BYE"]


def talked(pair):
    """Lets Alice call Bob, talk and hang up; what both went through."""
    call = pair.call()
    pair.run(3000)
    assert call.state == "talking", call.state
    call.hang_up()
    pair.run(3000)
    return pair.alice.states, pair.bob.states


def lose_first(pair, what):
    lost = []

    def lose(data):
        if start(data) == what and not lost:
            lost.append(data)
            return True
        return False

    pair.network.lose = lose
    return lost


def test_call():
    pair = Pair()
    alice, bob = talked(pair)
    assert alice == ["calling", "ringing", "talking", "hanging up", "ended"]
    assert bob == ["ringing", "answered", "talking", "ended"]
    assert pair.starts() == CALL
    assert pair.alice.transport.sent == pair.bob.transport.received == 3
    assert pair.bob.transport.sent == pair.alice.transport.received == 4


def test_every_loss_is_made_good():
    for what in CALL:
        pair = Pair()
        lost = lose_first(pair, what)
        alice, bob = talked(pair)
        assert len(lost) == 1, what
        assert alice[-1] == bob[-1] == "ended", (what, alice, bob)
        assert "talking" in alice and "talking" in bob, (what, alice, bob)
        again = {"100 INVITE": 0, "180 INVITE": 0}.get(what, 1)
        # A request or final response that is lost is sent again, and so is what answers it.
        assert pair.starts().count(what) == 1 + again, (what, pair.starts())


def test_each_2xx_gets_its_ack():
    pair = Pair()
    acks = []

    def lose(data):
        if start(data) == "ACK":
            acks.append(data)
        return len(acks) in (1, 2) and start(data) == "ACK"

    pair.network.lose = lose
    pair.call()
    pair.run(4000)
    assert pair.starts().count("200 INVITE") == 3
    assert len(acks) == 3 and acks[0] == acks[1] == acks[2]
    assert pair.bob.states[-1] == "talking"


def test_no_ack_ever():
    pair = Pair()
    pair.network.lose = lambda data: start(data) == "ACK"
    pair.call()
    pair.run(40000)
    assert pair.bob.states == ["ringing", "answered", "hanging up", "ended"]
    assert pair.bob.calls[0].status == 408
    assert pair.alice.states[-1] == "ended"
    # 0, 0.5, 1.5, 3.5, 7.5 s and then every 4 s up to 32 s
    assert pair.starts().count("200 INVITE") == 11


def test_nobody_there():
    pair = Pair()
    call = pair.alice.agent.call("sip:x@192.0.2.77")
    pair.run(33000)
    assert call.state == "ended" and call.status == 408
    assert len(pair.network.log) == 7  # 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s
    assert len({data for _, _, data in pair.network.log}) == 1
    assert pair.alice.agent.calls == []


def test_no_way_there():
    pair = Pair()
    call = pair.alice.agent.call("sip:x@nowhere.invalid")
    pair.run(20)
    assert call.state == "ended" and call.status == 503
    assert pair.network.log == []


def test_bob_hangs_up():
    pair = Pair()
    pair.call()
    pair.run(1000)
    pair.bob.agent.calls[0].hang_up()
    pair.run(1000)
    assert pair.alice.states[-2:] == ["talking", "ended"]
    assert pair.bob.states[-2:] == ["hanging up", "ended"]


def test_both_hang_up_at_once():
    pair = Pair()
    call = pair.call()
    pair.run(1000)
    call.hang_up()
    pair.bob.agent.calls[0].hang_up()
    pair.run(6000)
    assert pair.alice.states[-1] == pair.bob.states[-1] == "ended"
    assert pair.starts().count("BYE") == 2


def test_bye_gets_no_answer():
    pair = Pair()
    call = pair.call()
    pair.run(1000)
    pair.network.lose = lambda data: start(data) in ("BYE", "200 BYE")
    call.hang_up()
    pair.run(33000)
    assert call.state == "ended"
    assert pair.starts().count("BYE") == 11  # then every 4 s
    assert pair.alice.agent.calls == []


def test_a_busy_network_socket_is_a_loss_like_any_other():
    pair = Pair()
    pair.alice.sock.failure = OSError(12)
    call = pair.call()
    pair.run(1000)
    assert call.state == "talking"
    assert pair.alice.transport.failed == 1


def test_media_runs_while_they_talk():
    pair = Pair()
    call = pair.call()
    pair.run(1000)
    bob = pair.bob.agent.calls[0]
    assert call.media.stream.peer == ("192.0.2.2", 4000)
    assert bob.media.stream.peer == ("192.0.2.1", 4000)
    call.hang_up()
    pair.run(1000)
    assert call.media.stream.peer is None and bob.media.stream.peer is None


def test_nothing_is_left_behind():
    pair = Pair()
    talked(pair)
    pair.run(40000)
    for phone in (pair.alice, pair.bob):
        assert phone.agent.calls == []
        assert phone.agent.transactions.idle


def test_the_line_is_free_while_a_peer_that_has_vanished_is_waited_for():
    for first in ("talking", "ringing", "calling"):
        pair = Pair()
        carol = Phone(pair.network, pair.clock, "192.0.2.3")
        pair.bob.answers = first == "talking"
        if first == "calling":
            pair.network.lose = lambda data: True
        old = pair.call()
        pair.run(1000)
        assert old.state == first
        pair.network.lose = lambda data: data.find(b"192.0.2.2") >= 0
        old.hang_up()
        raised = pair.alice.agent.call(carol.uri)

        def run(ms, pair=pair, carol=carol):
            for _ in range(ms // 10):
                carol.poll()
                pair.run(10)

        run(1000)
        stream = raised.media.stream
        assert raised.state == "talking" and old.state in ("hanging up", "cancelling"), first
        if first == "talking":  # its BYE crosses ours: what is said in the answer is of ours
            pair.alice.agent.rtp_stat = lambda call: "PS=1"
            pair.network.lose = lambda data: False
            before = len(pair.network.log)
            pair.bob.calls[0].hang_up()
            run(20)
            answers = [d for _, _, d in pair.network.log[before:] if start(d) == "200 BYE"]
            assert b"X-RTP-Stat" not in answers[0]
            pair.network.lose = lambda data: data.find(b"192.0.2.2") >= 0
        run(70000)
        assert old.state == "ended" and raised.state == "talking", first
        assert stream.peer == ("192.0.2.3", 4000), first
        assert pair.alice.agent.free_line() is None


def test_a_line_that_a_transfer_has_is_not_free():
    pair = Pair()
    call = pair.call()
    pair.run(1000)
    pair.bob.agent.calls[0].transfer("sip:x@192.0.2.77")
    pair.run(100)
    placed = pair.alice.agent.calls[1]
    placed.hang_up()
    assert placed.state == "cancelling" and pair.alice.agent.free_line() is None
    pair.run(40000)
    assert placed.state == "ended" and call.state == "talking"
    assert call.media.stream.peer == ("192.0.2.2", 4000)


def test_a_second_call_after_the_first():
    pair = Pair()
    talked(pair)
    alice, bob = talked(pair)
    assert alice.count("talking") == bob.count("talking") == 2
