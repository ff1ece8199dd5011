"""lib/usip: calls that are given up before they are answered, or declined."""

from doubles import Pair, start


def ringing():
    """A pair whose call rings and is not answered."""
    pair = Pair()
    pair.bob.answers = False
    call = pair.call()
    pair.run(1000)
    assert call.state == "ringing"
    return pair, call


def test_cancel():
    pair, call = ringing()
    call.hang_up()
    pair.run(1000)
    assert pair.alice.states[-2:] == ["cancelling", "ended"]
    assert pair.bob.states == ["ringing", "ended"]
    assert call.status == pair.bob.calls[0].status == 487
    assert pair.starts()[3:] == ["CANCEL", "200 CANCEL", "487 INVITE", "ACK"]


def test_answers_to_cancel_and_invite_have_one_tag():
    pair, call = ringing()
    call.hang_up()
    pair.run(100)
    sent = {start(data): data for _, _, data in pair.network.log}
    tags = {
        sent[each].split(b"\r\nTo: ", 1)[1].split(b"\r\n", 1)[0]
        for each in ("180 INVITE", "200 CANCEL", "487 INVITE")
    }
    assert len(tags) == 1 and b";tag=" in tags.pop()


def test_cancel_is_made_good():
    for what in ("CANCEL", "200 CANCEL", "487 INVITE", "ACK"):
        pair, call = ringing()
        lost = []

        def lose(data, what=what, lost=lost):
            if start(data) == what and not lost:
                lost.append(data)
                return True
            return False

        pair.network.lose = lose
        call.hang_up()
        pair.run(6000)
        assert lost, what
        assert pair.starts().count(what) == 2, (what, pair.starts())
        assert pair.alice.states[-1] == pair.bob.states[-1] == "ended", what
        assert call.status == 487


def test_cancel_has_the_branch_and_number_of_its_invite():
    pair, call = ringing()
    call.hang_up()
    pair.run(100)
    sent = {start(data): data for _, _, data in pair.network.log}
    for field in (b"Via: ", b"From: ", b"To: ", b"Call-ID: "):
        invite, cancel = [
            sent[each].split(b"\r\n" + field, 1)[1].split(b"\r\n", 1)[0]
            for each in ("INVITE", "CANCEL")
        ]
        assert invite == cancel
    assert b"\r\nCSeq: 1 CANCEL\r\n" in sent["CANCEL"]


def test_cancel_waits_for_a_provisional_response():
    pair = Pair()
    pair.bob.answers = False
    pair.network.lose = lambda data: start(data) in ("100 INVITE", "180 INVITE")
    call = pair.call()
    pair.run(100)
    call.hang_up()
    pair.run(100)
    assert "CANCEL" not in pair.starts()
    pair.network.lose = lambda data: False
    pair.run(1000)
    assert call.state == "ended" and call.status == 487


def test_cancel_crosses_the_answer():
    pair, call = ringing()
    pair.bob.agent.calls[0].answer()
    call.hang_up()
    pair.run(3000)
    assert pair.alice.states[2:] == ["cancelling", "hanging up", "ended"]
    assert pair.bob.states == ["ringing", "answered", "talking", "ended"]
    assert pair.starts().count("ACK") == pair.starts().count("BYE") == 1


def test_cancel_without_any_final_response():
    pair, call = ringing()
    pair.network.lose = lambda data: start(data) == "487 INVITE"
    call.hang_up()
    pair.run(33000)
    assert call.state == "ended" and call.status == 487


def test_hanging_up_while_the_name_is_looked_up_calls_nobody():
    class Names:
        found = None

        def find(self, host, port, kind):
            return self.found

    pair = Pair()
    pair.alice.transport.resolver = names = Names()
    call = pair.alice.agent.call("sip:phone@bob.example")
    pair.run(100)
    call.hang_up()
    pair.run(20)
    assert call.state == "ended" and call.status == 487
    names.found = "192.0.2.2", 5060
    pair.run(40000)
    assert pair.starts() == [] and pair.alice.agent.transactions.idle


def test_cancel_of_nothing():
    pair, call = ringing()
    cancel = [data for _, _, data in pair.network.log if start(data) == "INVITE"][0]
    cancel = cancel.replace(b"INVITE sip", b"CANCEL sip").replace(b"1 INVITE", b"1 CANCEL")
    cancel = cancel.replace(b"branch=z9hG4bK", b"branch=z9hG4bKother")
    pair.alice.sock.sendto(cancel, pair.bob.sock.address)
    pair.run(100)
    assert pair.starts()[-1] == "481 CANCEL"
    assert pair.bob.states == ["ringing"]


def test_decline():
    pair, call = ringing()
    pair.bob.agent.calls[0].hang_up()
    pair.run(6000)
    assert call.state == "ended" and call.status == 603 and call.reason == "Decline"
    assert pair.starts()[3:] == ["603 INVITE", "ACK"]


def test_lost_refusal_and_lost_ack():
    for what in ("603 INVITE", "ACK"):
        pair, call = ringing()
        lost = []

        def lose(data, what=what, lost=lost):
            if start(data) == what and len(lost) < 2:
                lost.append(data)
                return True
            return False

        pair.network.lose = lose
        pair.bob.agent.calls[0].hang_up()
        pair.run(8000)
        assert pair.starts()[3:].count("603 INVITE") == 3, (what, pair.starts())
        assert call.status == 603
        assert pair.alice.states.count("ended") == 1


def test_hanging_up_before_the_ack():
    pair, call = ringing()
    pair.network.lose = lambda data: start(data) == "ACK"
    bob = pair.bob.agent.calls[0]
    bob.answer()
    pair.run(100)
    bob.hang_up()
    assert "BYE" not in pair.starts()  # not before the ACK (RFC 3261 15)
    assert bob.media.stream.peer is None and pair.bob.agent.free_line()
    placed = pair.bob.agent.call("sip:x@192.0.2.9")  # the line is free, and no longer that call's
    pair.network.lose = lambda data: False
    pair.run(2000)
    assert bob.state == call.state == "ended"
    assert pair.bob.agent.calls == [placed] and placed.state == "calling"
    assert pair.bob.states == ["ringing", "answered", "hanging up", "calling", "ended"]


def test_hanging_up_and_no_ack_at_all():
    pair, call = ringing()
    pair.network.lose = lambda data: start(data) == "ACK"
    pair.bob.agent.rtp_stat = lambda call: "CS=0"
    bob = pair.bob.agent.calls[0]
    bob.answer()
    bob.hang_up()
    pair.run(31000)
    assert bob.state == "hanging up" and call.state == "talking"
    pair.run(3000)
    assert bob.state == call.state == "ended"
    assert pair.bob.states == ["ringing", "answered", "hanging up", "ended"]
    (bye,) = [data for _, _, data in pair.network.log if start(data) == "BYE"]
    assert b"X-RTP-Stat" not in bye  # nobody knows whose that would be by now


def test_bye_while_it_rings():
    pair, call = ringing()
    bob = pair.bob.agent.calls[0]
    bye = "BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKq;rport\r\n"
    bye += "From: %s\r\nTo: %s\r\n" % (bob.dialog.remote, bob.dialog.local)
    bye += "Call-ID: %s\r\nCSeq: 2 BYE\r\n\r\n" % bob.dialog.call_id
    pair.alice.sock.sendto(bye.encode(), pair.bob.sock.address)
    pair.run(1000)
    assert pair.bob.states == ["ringing", "ended"]
    assert call.status == 487


def test_the_call_that_is_over_cannot_be_answered():
    pair, call = ringing()
    bob = pair.bob.agent.calls[0]
    call.hang_up()
    pair.run(1000)
    sent = len(pair.network.log)
    bob.answer()
    bob.hang_up()
    call.hang_up()
    pair.run(100)
    assert len(pair.network.log) == sent
