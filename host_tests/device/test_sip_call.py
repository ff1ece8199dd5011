"""lib/usip: a whole call between two phones, whatever is lost on the way."""

from doubles import Pair, start

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


def test_a_second_call_after_the_first():
    pair = Pair()
    talked(pair)
    alice, bob = talked(pair)
    assert alice.count("talking") == bob.count("talking") == 2
