"""lib/usip: what changes within a call, between two phones: hold, INFO, glare, UPDATE, REFER."""

from doubles import Pair, Phone, raises, start
from usip import parse


def talking():
    pair = Pair()
    call = pair.call()
    pair.run(1000)
    assert call.state == "talking"
    pair.network.log.clear()
    return pair, call, pair.bob.agent.calls[0]


def bodies(pair, what):
    return [parse.parse(data).body for _, _, data in pair.network.log if start(data) == what]


def test_hold_and_resume():
    pair, call, answered = talking()
    call.hold()
    pair.run(100)
    assert pair.starts() == ["INVITE", "200 INVITE", "ACK"]
    assert b"a=sendonly" in bodies(pair, "INVITE")[0]
    assert b"a=recvonly" in bodies(pair, "200 INVITE")[0]
    assert pair.alice.events == [("holding", True)] and pair.bob.events == [("held", True)]
    assert not call.media.stream.agreed.sends and not answered.media.stream.agreed.sends
    call.resume()
    pair.run(100)
    assert b"a=sendrecv" in bodies(pair, "INVITE")[1]
    assert pair.alice.events[1:] == [("holding", False)]
    assert pair.bob.events[1:] == [("held", False)]
    for each in (call, answered):
        assert each.media.stream.agreed.sends and each.media.stream.agreed.receives
        assert each.state == "talking"
    assert pair.alice.states.count("talking") == 1


def test_both_hold_and_one_resumes():
    pair, call, answered = talking()
    call.hold()
    pair.run(100)
    answered.hold()
    pair.run(100)
    assert b"a=inactive" in bodies(pair, "200 INVITE")[1]
    assert call.held and call.holding and answered.held and answered.holding
    call.resume()
    pair.run(100)
    assert answered.holding and not answered.held
    assert call.held and not call.holding
    assert not call.media.stream.agreed.sends and not answered.media.stream.agreed.sends


def test_a_new_description_has_a_new_version_and_the_same_one_has_not():
    pair, call, _ = talking()
    call.hold()
    pair.run(100)
    call.resume()
    pair.run(100)
    first, second = [body.split(b"\r\n")[1].split() for body in bodies(pair, "INVITE")]
    assert first[1] == second[1] and int(second[2]) == int(first[2]) + 1 == 3


def test_hold_and_resume_at_once_is_settled_in_order():
    pair, call, answered = talking()
    call.hold()
    call.resume()
    call.hold()
    pair.run(1000)
    assert call.holding and answered.held
    assert not call.media.stream.agreed.sends


def test_hold_while_it_rings_comes_after_the_answer():
    pair = Pair()
    pair.bob.answers = False
    call = pair.call()
    pair.run(100)
    call.hold()
    pair.run(100)
    assert pair.starts().count("INVITE") == 1
    pair.bob.agent.calls[0].answer()
    pair.run(100)
    assert pair.starts().count("INVITE") == 2 and call.holding
    assert pair.bob.events == [("held", True)]


def test_every_loss_of_a_reinvite_is_made_good():
    for what in ("INVITE", "200 INVITE", "ACK"):
        pair, call, answered = talking()
        lost = []

        def lose(data, what=what, lost=lost):
            if start(data) == what and not lost:
                lost.append(data)
                return True
            return False

        pair.network.lose = lose
        call.hold()
        pair.run(3000)
        assert lost and answered.held, what
        assert pair.starts().count(what) >= 2
        assert call.state == answered.state == "talking"


def test_reinvite_that_gets_no_ack_ends_the_call():
    pair, call, answered = talking()
    pair.network.lose = lambda data: start(data) == "ACK"
    call.hold()
    pair.run(40000)
    assert answered.state == "ended" and answered.status == 408
    assert call.state == "ended"


def test_glare():
    """Both change the session at once: 491 both ways, and both get what they want (14.1)."""
    pair, call, answered = talking()
    call.hold()
    answered.hold()
    pair.run(100)
    assert pair.starts().count("491 INVITE") == 2
    assert not call.media.stream.agreed.holding
    pair.run(2000)
    assert answered.media.stream.agreed.holding  # it did not make the Call-ID: 0 to 2 s
    pair.run(3000)
    assert call.media.stream.agreed.holding  # 2.1 to 4 s
    assert call.held and answered.held
    assert pair.alice.states[-1] == pair.bob.states[-1] == "talking"


def test_refused_change_leaves_all_as_it_was():
    pair, call, answered = talking()
    answered.media.stream.codecs = ()
    call.hold()
    pair.run(100)
    assert "488 INVITE" in pair.starts()
    assert pair.alice.events == [("modified", 488)]
    assert not call.holding and call.media.stream.agreed.sends
    assert answered.media.stream.agreed.sends and call.state == "talking"


def test_hanging_up_on_hold():
    pair, call, answered = talking()
    call.hold()
    pair.run(100)
    answered.hang_up()
    pair.run(1000)
    assert call.state == answered.state == "ended"
    assert not pair.alice.agent.calls[:] and not call.media.hold
    again = pair.call()
    pair.run(1000)
    assert again.state == "talking" and again.media.stream.agreed.sends


def test_dtmf_by_info():
    pair, call, answered = talking()
    for digit in "19*#D":
        call.send_dtmf(digit, 200)
    pair.run(100)
    assert pair.bob.events == [("dtmf", (digit, 200)) for digit in "19*#D"]
    assert pair.starts().count("200 INFO") == 5


def test_no_digit_is_lost_or_out_of_order_by_what_the_network_loses():
    for what in ("INFO", "200 INFO"):
        for number in range(3):
            pair, call, answered = talking()
            came = []

            def lose(data, what=what, number=number, came=came):
                came += [data] if start(data) == what else []
                return start(data) == what and len(came) == number + 1

            pair.network.lose = lose
            for digit in "123":
                call.send_dtmf(digit)
            pair.run(2000)
            assert len(came) == 4, (what, number)
            assert [value[0] for _, value in pair.bob.events] == ["1", "2", "3"], (what, number)


def test_info_of_other_kinds():
    pair, call, answered = talking()
    answered.send_info("application/dtmf", b"5")
    answered.send_info("application/dtmf-relay", b"Signal = 11\nDuration = x")
    answered.send_info("application/dtmf", b"\xff\xfe")
    answered.send_info("application/dtmf-relay", b"Signal=xx")
    answered.send_info("Application/Broadsoft; v=1", b"event flashhook")
    pair.run(100)
    assert pair.alice.events == [
        ("dtmf", ("5", 160)),
        ("dtmf", ("#", 160)),
        ("info", ("application/broadsoft", b"event flashhook")),
    ]
    assert pair.starts().count("400 INFO") == 2


def test_what_needs_a_call_that_stands():
    pair = Pair()
    call = pair.call()
    raises(RuntimeError, call.transfer, "sip:x@192.0.2.9")
    raises(RuntimeError, call.send_dtmf, "1")


def test_gone_call_ends_by_the_answer_to_info():
    pair, call, answered = talking()
    pair.bob.agent.calls.remove(answered)
    call.send_dtmf("1")
    pair.run(1000)
    assert "481 INFO" in pair.starts() and call.state == "ended" and call.status == 481


def test_rtp_stat():
    pair, call, answered = talking()
    pair.alice.agent.rtp_stat = lambda call: "CS=0;PS=%d" % len(call.peer)
    pair.bob.agent.rtp_stat = lambda call: None
    call.hang_up()
    pair.run(1000)
    bye = [data for _, _, data in pair.network.log if start(data) == "BYE"][0]
    assert b"\r\nX-RTP-Stat: CS=0;PS=%d\r\n" % len(call.peer) in bye
    assert b"X-RTP-Stat" not in [d for _, _, d in pair.network.log if start(d) == "200 BYE"][0]


def test_log_has_a_line_for_each_transition():
    pair = Pair()
    lines = []
    pair.alice.agent.log = lambda call_id, text: lines.append((call_id, text))
    call = pair.call()
    pair.run(1000)
    call.hold()
    pair.run(100)
    call.hang_up()
    pair.run(1000)
    assert [text for _, text in lines] == [
        "call to sip:phone@192.0.2.2:5060: calling",
        "call to sip:phone@192.0.2.2:5060: ringing (180 Ringing)",
        "call to sip:phone@192.0.2.2:5060: talking",
        "call to sip:phone@192.0.2.2:5060: holding",
        "call to sip:phone@192.0.2.2:5060: hanging up (hung up here)",
        "call to sip:phone@192.0.2.2:5060: ended (hung up here)",
    ]
    assert {call_id for call_id, _ in lines} == {call.dialog.call_id}


class Trio(Pair):
    """Alice and Bob talk, and there is Carol."""

    def __init__(self, **more):
        super().__init__()
        self.carol = Phone(self.network, self.clock, "192.0.2.3")
        self.first = self.call()
        self.run(1000)
        self.network.log.clear()

    def run(self, ms):
        for _ in range(ms // 10):
            for phone in (self.alice, self.bob, getattr(self, "carol", self.bob)):
                phone.poll()
            self.clock.pass_ms(10)


def test_blind_transfer():
    trio = Trio()
    trio.first.transfer(trio.carol.uri)
    trio.run(3000)
    assert trio.first.state == "ended" and trio.first.reason == "transferred"
    (call,) = trio.bob.agent.calls
    assert call.state == "talking" and call.peer == trio.carol.uri
    assert call.media.stream.peer == ("192.0.2.3", 4000)
    assert trio.alice.events == [("transfer", 100), ("transfer", 180), ("transfer", 200)]
    assert [name for name, _ in trio.bob.events] == ["transferring"]
    assert trio.carol.states == ["ringing", "answered", "talking"]
    invite = [d for _, to, d in trio.network.log if start(d) == "INVITE"][0]
    assert b"\r\nReferred-By: <sip:phone@192.0.2.1:5060>\r\n" in invite
    call.hang_up()
    trio.run(1000)
    assert trio.carol.states[-1] == "ended" and trio.bob.agent.calls == []


def test_transfer_of_a_call_that_has_been_transferred():
    """The NOTIFY that says so is lost, and the peer tries again: its line is another's now."""
    trio = Trio()
    trio.network.lose = lambda data: start(data) == "NOTIFY"
    trio.first.transfer(trio.carol.uri)
    trio.run(500)
    assert trio.carol.states == ["ringing", "answered", "talking"]
    trio.first.transfer(trio.carol.uri)
    trio.run(500)
    assert trio.alice.events[-1] == ("transfer", 603) and trio.bob.agent.faults == 0
    assert [call.state for call in trio.bob.agent.calls] == ["talking"] * 2


def test_transfer_that_comes_to_nothing():
    trio = Trio()
    trio.carol.answers = False
    trio.first.transfer(trio.carol.uri)
    trio.run(1000)
    trio.carol.agent.calls[0].hang_up(486)
    trio.run(1000)
    assert trio.alice.events[-1] == ("transfer", 486)
    (call,) = trio.bob.agent.calls
    assert trio.first.state == call.state == "talking"
    assert call.media.stream.peer == ("192.0.2.1", 4000) and call.media.stream.agreed.sends
    trio.first.hold()  # and all goes on as before
    trio.run(100)
    assert call.held
    trio.first.hang_up()
    trio.run(1000)
    assert trio.bob.agent.calls == [] == trio.alice.agent.calls


def test_transfer_of_a_call_that_is_on_hold():
    """By the end that is held: the new call is as the old one, and can be resumed."""
    trio = Trio()
    (call,) = trio.bob.agent.calls
    call.hold()
    trio.run(100)
    trio.first.transfer(trio.carol.uri)
    trio.run(3000)
    (call,) = trio.bob.agent.calls
    assert call.state == "talking" and call.holding and trio.carol.calls[0].held
    call.resume()
    trio.run(100)
    assert not call.holding and not trio.carol.calls[0].held
    assert call.media.stream.agreed.sends

    trio = Trio()
    (call,) = trio.bob.agent.calls
    call.hold()
    trio.run(100)
    trio.carol.answers = False
    trio.first.transfer(trio.carol.uri)
    trio.run(1000)
    trio.carol.agent.calls[0].hang_up(486)
    trio.run(1000)
    assert call.holding and call.media.hold and trio.first.held
    trio.first.offer()  # nor does an offer of the peer's undo it
    trio.run(100)
    assert trio.first.held and not call.media.stream.agreed.sends


def test_caller_hangs_up_while_the_transfer_goes_on():
    trio = Trio()
    trio.carol.answers = False
    trio.first.transfer(trio.carol.uri)
    trio.run(1000)
    trio.first.hang_up()
    trio.run(1000)
    trio.carol.agent.calls[0].answer()
    trio.run(1000)
    (call,) = trio.bob.agent.calls
    assert call.state == "talking" and call.media.stream.peer == ("192.0.2.3", 4000)


def test_refused_transfer():
    trio = Trio()
    trio.bob.agent.transfers = False
    trio.first.transfer(trio.carol.uri)
    trio.run(100)
    assert trio.alice.events == [("transfer", 603)]
    assert trio.first.state == "talking" and trio.carol.states == []
    raises(ValueError, trio.first.transfer, "tel:1")
