"""lib/usip against a peer written out by hand: requests in and outside of calls, and nonsense."""

from doubles import Clock, Network, Phone, start
from usip import message, parse

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.8\r\ns=-\r\nc=IN IP4 192.0.2.8\r\nt=0 0\r\n"
    b"m=audio 7000 RTP/AVP 8 0\r\n"
)


class Peer:
    """The other end: sends the requests it is told to, and reads what comes back."""

    def __init__(self, lines=1):
        self.clock = Clock()
        self.network = Network()
        self.phone = Phone(self.network, self.clock, "192.0.2.2", lines)
        self.sock = self.network.socket("192.0.2.8", 5070)
        self.branch = 0

    def request(self, method, to=b"<sip:phone@192.0.2.2>", seq=1, fields=b"", body=b"", **more):
        self.branch += 1
        return b"".join(
            (
                method + b" sip:phone@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.8:5070;",
                more.get("via", b"rport;") + b"branch=z9hG4bK%d\r\n" % self.branch,
                b"From: <sip:peer@192.0.2.8>;tag=p\r\nTo: " + to + b"\r\nCall-ID: ",
                more.get("call", b"c") + b"\r\nCSeq: %d %s\r\n" % (seq, method),
                b"Contact: <sip:peer@192.0.2.8:5070>\r\n" if method == b"INVITE" else b"",
                fields,
                b"Content-Length: %d\r\n\r\n" % len(body) + body,
            )
        )

    def send(self, data):
        """Sends a datagram; the messages that come back within a moment."""
        self.sock.sendto(data, self.phone.sock.address)
        return self.run(50)

    def run(self, ms):
        for _ in range(ms // 10):
            self.phone.poll()
            self.clock.pass_ms(10)
        waiting = [_message(data) for data, _ in self.sock.waiting]
        self.sock.waiting.clear()
        return waiting

    def call(self, fields=b"", body=SDP):
        """Calls the phone, which answers; the 200."""
        ok = self.send(self.request(b"INVITE", fields=fields, body=body))[-1]
        assert ok.status == 200, ok.status
        self.to = ok.get("to").encode()
        self.send(self.request(b"ACK", self.to))
        assert self.phone.states[-1] == "talking"
        return ok


def _message(data):
    try:
        return parse.parse(data)
    except parse.Bad:  # the answer to what was as bad
        assert data.startswith((b"SIP/2.0 400 ", b"SIP/2.0 505 ")), data
        return None


def statuses(messages):
    return [each.status for each in messages]


def test_options():
    answer = Peer().send(Peer().request(b"OPTIONS"))[0]
    assert answer.status == 200
    assert "INVITE" in answer.get("allow") and answer.get("accept") == "application/sdp"


def test_unknown_method():
    for method in (b"MESSAGE", b"PUBLISH", b"SUBSCRIBE", b"!nv*nted"):
        answer = Peer().send(Peer().request(method))[0]
        assert answer.status == 405 and "BYE" in answer.get("allow"), method


def test_unknown_dialog():
    peer = Peer()
    stranger = b"<sip:phone@192.0.2.2>;tag=nobody"
    for method in (b"BYE", b"INVITE", b"OPTIONS", b"INFO"):
        assert statuses(peer.send(peer.request(method, stranger))) == [481], method
    for method in (b"BYE", b"INFO", b"REFER"):
        assert statuses(peer.send(peer.request(method))) == [481], method
    assert peer.send(peer.request(b"ACK", stranger)) == []


def test_required_extension():
    answer = Peer().send(Peer().request(b"INVITE", fields=b"Require: 100rel, x\r\n", body=SDP))[0]
    assert answer.status == 420 and answer.get("unsupported") == "100rel, x"


def test_a_notify_that_is_not_wanted_does_not_end_the_call():
    peer = Peer()
    peer.call()
    refer = peer.request(b"REFER", peer.to, 2, b"Refer-To: <sip:x@192.0.2.8:5070>\r\n")
    accepted, notify, invite = peer.send(refer)
    assert (accepted.status, notify.method, invite.method) == (202, "NOTIFY", "INVITE")
    for answered, status in ((notify, 481), (invite, 486)):
        peer.send(message.reply(answered, status, "x").encode())
    assert [call.state for call in peer.phone.agent.calls] == ["talking"]


def test_busy():
    peer = Peer()
    peer.call()
    assert statuses(peer.send(peer.request(b"INVITE", body=SDP, call=b"d"))) == [486]
    assert peer.phone.states[-1] == "talking"


def test_two_lines_take_two_calls():
    peer = Peer(lines=2)
    peer.call()
    answers = peer.send(peer.request(b"INVITE", body=SDP, call=b"d"))
    assert statuses(answers) == [100, 180, 200]
    ports = [call.media.offer().split(b"m=audio ")[1].split()[0] for call in peer.phone.calls]
    assert ports == [b"4000", b"4002"]
    assert statuses(peer.send(peer.request(b"INVITE", body=SDP, call=b"e"))) == [486]


def test_nothing_to_talk_in():
    for body in (
        SDP.replace(b"8 0", b"3 9"),
        SDP.replace(b"audio 7000", b"audio 0"),
        SDP.replace(b"audio", b"video"),
        SDP.replace(b"RTP/AVP", b"RTP/SAVP"),
        SDP.replace(b"192.0.2.8\r\nt", b"nowhere.invalid\r\nt"),
        SDP.replace(b"m=audio 7000 RTP/AVP 8 0", b"m=audio"),
        SDP.replace(b"7000", b"70\xff0"),
        SDP.replace(b"7000", b"65536"),
        SDP.replace(b"7000", b"-7000"),
        SDP.replace(b"7000", b"9999999999999999999999"),
        SDP.replace(b"8 0", b"999") + b"a=rtpmap:999 PCMU/8000\r\n",  # RTP has 7 bits for it
        SDP.replace(b"8 0", b"x") + b"a=rtpmap:x PCMU/8000\r\n",
        b"\x00\xff" * 50,
        b"m=\r\n",
    ):
        peer = Peer()
        assert statuses(peer.send(peer.request(b"INVITE", body=body)))[:2] == [100, 488], body
        assert peer.phone.agent.calls == []


def test_answer_keeps_the_order_of_the_offer():
    offer = SDP.replace(b"m=audio", b"m=video 9 RTP/AVP 31\r\nc=IN IP4 192.0.2.99\r\nm=audio")
    peer = Peer()
    answer = peer.call(body=offer + b"m=audio 7002 RTP/AVP 0\r\n").body
    streams = [line for line in answer.split(b"\r\n") if line.startswith(b"m=")]
    assert streams == [
        b"m=video 0 RTP/AVP 31",
        b"m=audio 4000 RTP/AVP 8",  # the first of the offer that we have
        b"m=audio 0 RTP/AVP 0",
    ]
    assert b"c=IN IP4 192.0.2.2\r\n" in answer
    assert peer.phone.calls[0].media.stream.peer == ("192.0.2.8", 7000)


def test_late_offer():
    peer = Peer()
    ok = peer.send(peer.request(b"INVITE"))[-1]
    assert b"m=audio 4000 RTP/AVP 0" in ok.body
    stream = peer.phone.calls[0].media.stream
    assert stream.peer is None
    peer.send(peer.request(b"ACK", ok.get("to").encode(), body=SDP))
    assert stream.peer == ("192.0.2.8", 7000)
    assert peer.phone.states == ["ringing", "answered", "talking"]


def test_late_offer_without_an_answer():
    peer = Peer()
    ok = peer.send(peer.request(b"INVITE"))[-1]
    sent = peer.send(peer.request(b"ACK", ok.get("to").encode()))
    assert [each.method for each in sent] == ["BYE"]
    assert peer.phone.calls[0].status == 488


def test_it_is_said_each_minute_that_it_rings():
    """13.3.1.1: or a proxy takes us for gone."""
    peer = Peer()
    peer.phone.answers = False
    assert statuses(peer.send(peer.request(b"INVITE", body=SDP))) == [100, 180]
    call = peer.phone.calls[0]
    for _ in range(2):
        assert peer.run(59900) == [] and statuses(peer.run(100)) == [180]
    call.progress()
    assert statuses(peer.run(60000)) == [183, 183]
    call.answer()
    (ok,) = peer.run(50)
    peer.send(peer.request(b"ACK", ok.get("to").encode()))
    assert peer.run(100000) == [] and call.state == "talking"
    peer = Peer()
    peer.phone.answers = False
    peer.send(peer.request(b"INVITE", body=SDP))
    peer.phone.calls[0].hang_up()
    assert set(statuses(peer.run(100000))) == {603}


def test_repeated_requests_get_the_same_answer():
    peer = Peer()
    peer.phone.answers = False
    invite = peer.request(b"INVITE", body=SDP)
    ringing = peer.send(invite)[-1]
    assert [each.encode() for each in peer.send(invite)] == [ringing.encode()]
    options = peer.request(b"OPTIONS")
    assert peer.send(options)[0].encode() == peer.send(options)[0].encode()
    assert peer.phone.states == ["ringing"]


def test_requests_that_only_look_alike():
    """What tells transactions apart: the branch, if it is one, and who sent it (17.2.3)."""
    peer = Peer()
    options = peer.request(b"OPTIONS")
    first = peer.send(options)[0]
    other = peer.send(options.replace(b"192.0.2.8:5070;", b"192.0.2.9:5070;"))[0]
    assert first.get("to") != other.get("to")
    no_branch = options.replace(b"branch=z9hG4bK1", b"branch=z9hG4bK")  # RFC 4475 3.2.1
    first = peer.send(no_branch)[0]
    assert peer.send(no_branch)[0].get("to") == first.get("to")
    other = peer.send(no_branch.replace(b"Call-ID: c", b"Call-ID: d"))[0]
    assert first.get("to") != other.get("to")


def test_what_makes_a_dialog_says_who_we_are():
    peer = Peer()
    for answer in peer.send(peer.request(b"INVITE", body=SDP))[1:]:
        assert answer.get("contact") == "<sip:phone@192.0.2.2:5060>", answer.status
        assert "BYE" in answer.get("allow")


def test_response_goes_where_the_request_came_from():
    peer = Peer()
    via = peer.send(peer.request(b"OPTIONS"))[0].get("via")
    assert ";received=192.0.2.8" in via and ";rport=5070" in via
    # Without rport it goes to the port of the Via (RFC 3261 18.2.2).
    other = peer.network.socket("192.0.2.8", 5099)
    other.sendto(peer.request(b"OPTIONS", via=b""), peer.phone.sock.address)
    assert statuses(peer.run(50)) == [200]
    other.sendto(peer.request(b"OPTIONS", via=b"RPort;"), peer.phone.sock.address)
    assert peer.run(50) == [] and len(other.waiting) == 1


def test_bye_follows_the_route_set():
    peer = Peer()
    routes = b"Record-Route: <sip:192.0.2.8:5070;lr>, <sip:192.0.2.7;lr>\r\n"
    ok = peer.call(fields=routes)
    assert ok.all("record-route") == ["<sip:192.0.2.8:5070;lr>", "<sip:192.0.2.7;lr>"]
    peer.phone.agent.calls[0].hang_up()
    bye = peer.run(50)[0]
    assert bye.uri == "sip:peer@192.0.2.8:5070"
    assert bye.all("route") == ["<sip:192.0.2.8:5070;lr>", "<sip:192.0.2.7;lr>"]
    assert bye.get("to") == "<sip:peer@192.0.2.8>;tag=p" and bye.get("from").encode() == peer.to
    assert bye.seq == 1


def test_caller_turns_the_route_set_round():
    peer = Peer()
    call = peer.phone.agent.call("sip:peer@192.0.2.8:5070")
    invite = peer.run(50)[0]
    ok = message.reply(invite, 200, "p")
    ok.add("record-route", "<sip:192.0.2.7;lr>")
    ok.add("record-route", "<sip:192.0.2.8:5070;lr>")
    ok.add("contact", "Peer <sip:other@192.0.2.66>")
    ok.body = SDP
    ack = peer.send(ok.encode())[0]
    assert call.state == "talking"
    assert ack.method == "ACK" and ack.uri == "sip:other@192.0.2.66" and ack.seq == 1
    assert ack.all("route") == ["<sip:192.0.2.8:5070;lr>", "<sip:192.0.2.7;lr>"]
    assert ack.get("via") != invite.get("via")
    call.hang_up()
    bye = peer.run(50)[0]
    assert bye.seq == 2 and bye.all("route") == ack.all("route")


def test_answer_that_cannot_be_used():
    peer = Peer()
    call = peer.phone.agent.call("sip:peer@192.0.2.8:5070")
    ok = message.reply(peer.run(50)[0], 200, "p")
    assert [each.method for each in peer.send(ok.encode())] == ["ACK", "BYE"]
    assert call.status == 488 and call.state == "hanging up"


def test_answer_with_a_contact_that_leads_nowhere():
    peer = Peer()
    call = peer.phone.agent.call("sip:peer@192.0.2.8:5070")
    ok = message.reply(peer.run(50)[0], 200, "p")
    ok.add("contact", "<sip:x@nowhere.invalid>")
    ok.body = SDP
    for _ in range(2):
        assert peer.send(ok.encode()) == []
    assert call.state == "ended" and peer.phone.states.count("ended") == 1


def test_refusal_after_the_answer_changes_nothing():
    peer = Peer()
    call = peer.phone.agent.call("sip:peer@192.0.2.8:5070")
    ok = message.reply(peer.run(50)[0], 200, "p")
    ok.body = SDP
    assert [each.method for each in peer.send(ok.encode())] == ["ACK"]
    assert peer.send(ok.encode().replace(b"200 OK", b"486 Busy")) == []
    assert call.state == "talking"


def test_bye_that_is_being_tried_is_sent_less_often():
    peer = Peer()
    peer.call()
    peer.phone.agent.calls[0].hang_up()
    bye = peer.run(50)[0]
    assert peer.send(message.reply(bye, 100).encode()) == []
    assert len(peer.run(1000)) == 1  # the one that was due already
    assert len(peer.run(8000)) == 2  # then every 4 s (RFC 3261 17.1.2.2)
    peer.send(message.reply(bye, 200).encode())
    assert peer.phone.states[-1] == "ended" and peer.run(8000) == []


def test_refusal_is_acked_each_time_and_told_once():
    peer = Peer()
    call = peer.phone.agent.call("sip:peer@192.0.2.8:5070")
    invite = peer.run(50)[0]
    refusal = message.reply(invite, 486, "p")
    for _ in range(2):
        ack = peer.send(refusal.encode())
        assert [each.method for each in ack] == ["ACK"]
        assert ack[0].get("via") == invite.get("via")
        assert ack[0].get("to") == refusal.get("to")
    assert call.status == 486 and peer.phone.states == ["calling", "ended"]


def test_within_the_call():
    peer = Peer()
    peer.call()
    assert statuses(peer.send(peer.request(b"OPTIONS", peer.to, seq=2))) == [200]
    assert statuses(peer.send(peer.request(b"PRACK", peer.to, seq=3))) == [405]
    bad = SDP.replace(b"8 0", b"3 9")
    assert statuses(peer.send(peer.request(b"INVITE", peer.to, seq=4, body=bad))) == [488]
    assert statuses(peer.send(peer.request(b"OPTIONS", peer.to, seq=4))) == [500]
    for wrong, right in ((b"Call-ID: x", b"Call-ID: c"), (b";tag=x", b";tag=p")):
        bye = peer.request(b"BYE", peer.to, seq=5).replace(right, wrong)
        assert statuses(peer.send(bye)) == [481]
    assert peer.phone.states[-1] == "talking"
    assert statuses(peer.send(peer.request(b"BYE", peer.to, seq=5))) == [200]
    assert peer.phone.states[-1] == "ended"
    assert statuses(peer.send(peer.request(b"BYE", peer.to, seq=6))) == [481]


def test_caller_without_branch_or_tags():
    """A sender of RFC 2543 times (RFC 4475 3.4.1)."""
    peer = Peer()
    invite = peer.request(b"INVITE", body=SDP, via=b"")
    invite = invite.replace(b";branch=z9hG4bK1", b"").replace(b";tag=p", b"")
    assert statuses(peer.send(invite)) == [100, 180, 200]
    to = peer.phone.calls[0].dialog.local.encode()
    ack = peer.request(b"ACK", to, via=b"").replace(b";branch=z9hG4bK2", b"")
    peer.send(ack.replace(b";tag=p", b""))
    assert peer.phone.states[-1] == "talking"


def test_invite_that_leads_to_no_dialog():
    peer = Peer()
    for at, contact in enumerate((b"Contact: nobody\r\n", b"Contact: <sip:>\r\n")):
        invite = peer.request(b"INVITE", body=SDP)
        invite = invite.replace(b"Contact: <sip:peer@192.0.2.8:5070>\r\n", contact)
        invite = invite.replace(b"Call-ID: c", b"Call-ID: c%d" % at)
        assert statuses(peer.send(invite)) == [400]
    assert peer.phone.agent.calls == []


def test_nonsense_is_dropped_and_counted():
    peer = Peer()
    options = peer.request(b"OPTIONS")
    for data in (
        b"",
        b"\r\n\r\n",
        b"\x00",
        b"\x00\x01\x00\x08\x21\x12\xa4\x42" + b"\xff" * 20,
        b"HEP3" + b"\xff" * 100,
        options.replace(b"SIP/2.0/UDP 192.0.2.8:5070;rport", b"junk"),
        options.replace(b"192.0.2.8:5070;rport", b"192.0.2.8:x"),
        options.replace(b"192.0.2.8:5070;rport", b"nowhere.invalid:\xff"),
        bytes(range(256)) * 16,
    ):
        before = peer.phone.transport.dropped
        assert peer.send(data) == [], data
        assert peer.phone.transport.dropped == before + 1, data
    peer.phone.sock.failure = OSError(111)
    assert statuses(peer.send(options)) == [200]
    assert peer.phone.transport.received == 1


def test_ports_that_can_not_be():
    """MicroPython's getaddrinfo() raises TypeError for what is no small int."""
    huge = b"9999999999999999999999"
    peer = Peer()
    options = peer.request(b"OPTIONS", via=b"")
    assert statuses(peer.send(options)) == [200]
    assert peer.send(options.replace(b":5070;", b":%s;" % huge).replace(b"bK1", b"bK1x")) == []
    assert peer.phone.transport.dropped == 1
    contact = peer.request(b"INVITE", body=SDP).replace(b"8:5070>", b"8:%s>" % huge)
    assert statuses(peer.send(contact)) == [400]
    peer = Peer()
    peer.call(body=SDP + b"a=rtcp:%s\r\n" % huge)
    assert peer.phone.calls[-1].media.agreed.rtcp_port == 7001
    moved = peer.request(b"INVITE", peer.to, 2, body=SDP).replace(b"8:5070>", b"8:%s>" % huge)
    assert statuses(peer.send(moved)) == [200]
    peer.send(peer.request(b"ACK", peer.to, 2))
    peer.phone.calls[-1].hang_up()
    peer.run(50)
    assert peer.phone.agent.calls == [] and peer.phone.states[-1] == "ended"  # no way to it
    assert peer.phone.agent.faults == 0
    peer = Peer()
    peer.call(body=SDP.replace(b"7000", b"65535"))
    assert peer.phone.calls[-1].media.agreed.rtcp_port == 65535


def test_events_of_no_payload_type():
    for number in (b"999", b"99999999999999999999"):
        peer = Peer()
        body = SDP.replace(b"8 0", b"0 " + number)
        peer.call(body=body + b"a=rtpmap:%s telephone-event/8000\r\n" % number)
        assert peer.phone.calls[-1].media.agreed.event is None


def test_session_timer_of_nonsense_changes_nothing():
    fields = b"Supported: timer\r\nSession-Expires: 1800\r\nMin-SE: abc\r\n"
    peer = Peer()
    peer.phone.agent.session_s = 1800
    assert peer.send(peer.request(b"INVITE", fields=fields, body=SDP))[0].status == 400
    assert peer.send(peer.request(b"INVITE", fields=b"Min-SE: abc\r\n"))[0].status == 400
    assert peer.phone.agent.calls == []
    peer.call()
    call = peer.phone.calls[-1]
    target, agreed = call.dialog.target, call.media.agreed
    body = SDP.replace(b"192.0.2.8\r\nt", b"192.0.2.55\r\nt")
    reinvite = peer.request(b"INVITE", peer.to, 2, fields, body).replace(b"8:5070>", b"66>")
    assert statuses(peer.send(reinvite)) == [400]
    assert call.dialog.target == target and call.media.agreed is agreed and not call.held


def test_fault_of_ours_ends_neither_the_device_nor_the_call():
    """The last guard. What of all that is faulty is put in here."""
    peer = Peer(lines=2)
    agent = peer.phone.agent
    said = []
    agent.log = lambda call_id, text: said.append(text)
    peer.call()
    peer.phone.calls[0].media.stream.poll = lambda: None
    media = peer.phone.agent.free_line()

    def fails(*_):
        raise TypeError("what nobody thought of")

    answer, media.answer = media.answer, fails
    invite = peer.request(b"INVITE", body=SDP, call=b"d")
    assert statuses(peer.send(invite)) == [100]
    assert agent.faults == 1 and "what nobody thought of" in said[-1]
    assert len(agent.calls) == 1 and agent.free_line() is media
    media.answer = answer
    assert statuses(peer.send(invite)) == [100, 180, 200]  # as if it had been lost
    assert peer.phone.states.count("talking") == 1

    client = agent.send(agent.begin("sip:x@192.0.2.8").request("OPTIONS"), peer.phone.calls[0])
    client.poll = fails
    agent.plan.after(0, fails)
    peer.run(1000)
    assert agent.faults == 3  # and no more: neither is tried again
    assert statuses(peer.send(peer.request(b"OPTIONS"))) == [200]


def test_datagram_that_is_too_large():
    """What is cut off can not be known: 513, wherever the cut is."""
    peer = Peer()
    for fields, body in ((b"", b"a=x\r\n" * 1000), (b"X-Y: z\r\n" * 600, b"")):
        large = peer.request(b"INVITE", fields=fields, body=SDP + body, call=b"d")
        assert len(large) > 4096
        (answer,) = peer.send(large)
        assert answer.status == 513 and answer.reason == "Message Too Large"
    assert peer.phone.transport.dropped == 2 and peer.phone.calls == []
    peer.sock.sendto(b"SIP/2.0 200 OK" + large[large.find(b"\r\n") :], ("192.0.2.2", 5060))
    assert peer.run(50) == [] and peer.phone.transport.dropped == 3
    peer.call(fields=b"X-Y: z\r\n" * 400)


def test_every_byte_of_an_invite_damaged():
    """Whatever one wrong byte does, poll() does not raise and the phone goes on."""
    whole = Peer().request(b"INVITE", fields=b"Record-Route: <sip:192.0.2.8;lr>\r\n", body=SDP)
    for at in range(len(whole)):
        peer = Peer()
        peer.send(whole[:at] + b"\xff" + whole[at + 1 :])
        assert statuses(peer.send(peer.request(b"OPTIONS"))[-1:]) == [200], at


def test_stray_responses_are_ignored():
    peer = Peer()
    peer.call()
    for status in (100, 180, 200, 486):
        stray = message.reply(parse.parse(peer.request(b"INVITE")), status, "x")
        assert peer.send(stray.encode()) == []
    assert peer.phone.states[-1] == "talking"


def test_flood_is_bounded_and_the_call_goes_on():
    peer = Peer()
    peer.call()
    for _ in range(100):
        assert statuses(peer.send(peer.request(b"OPTIONS"))) == [200]
    refused = [
        peer.send(peer.request(b"INVITE", body=SDP, call=b"x%d" % n))[0].status for n in range(100)
    ]
    assert set(refused) == {486, 503}
    assert peer.phone.states[-1] == "talking"
    peer.phone.agent.calls[0].hang_up()
    assert "BYE" in [start(data) for _, _, data in peer.network.log]


def test_calling_takes_a_sip_uri_and_a_free_line():
    peer = Peer()
    for uri in ("", "tel:1", "sip:", "sip:x@"):
        try:
            peer.phone.agent.call(uri)
        except ValueError:
            continue
        raise AssertionError(uri)
    peer.phone.agent.call("sip:x@192.0.2.8:5070")
    try:
        peer.phone.agent.call("sip:x@192.0.2.8:5070")
    except RuntimeError as error:
        assert "line" in str(error)
    else:
        raise AssertionError("two calls on one line")
