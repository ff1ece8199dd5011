"""lib/usip as a caller, against answers written out by hand: redirection, forks, early media,
session timers, publication, the mailbox."""

from doubles import Clock, Network, Phone
from usip import header, message, parse
from usip.account import Account

SERVER = ("192.0.2.5", 5060)
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 192.0.2.5\r\nt=0 0\r\n"
    b"m=audio 7000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


class Server:
    """Reads what the phone sends, and answers what a test says."""

    def __init__(self):
        self.clock = Clock()
        self.network = Network()
        self.sock = self.network.socket(*SERVER)
        self.phone = Phone(self.network, self.clock, "192.0.2.1")
        self.agent = self.phone.agent

    def run(self, ms=50):
        for _ in range(ms // 10):
            self.phone.poll()
            self.clock.pass_ms(10)
        got = [parse.parse(data) for data, _ in self.sock.waiting]
        self.sock.waiting.clear()
        return got

    def call(self):
        self.placed = self.agent.call("sip:x@192.0.2.5")
        self.invite = self.run()[0]
        return self.placed

    def answer(self, request, status, tag="s", body=b"", **fields):
        response = message.reply(request, status, tag)
        response.add("contact", "<sip:%s@192.0.2.5>" % tag)
        for name, value in fields.items():
            response.add(name.replace("_", "-"), value)
        if body:
            response.put("application/sdp", body)
        self.sock.sendto(response.encode(), self.phone.sock.address)
        return self.run()

    def request(self, method, seq, branch, body=b"", **fields):
        """A request of the peer's in the call that the phone has placed."""
        request = message.Message(method, "sip:phone@192.0.2.1")
        request.add("via", "SIP/2.0/UDP 192.0.2.5;rport;branch=z9hG4bK" + branch)
        request.add("from", self.placed.dialog.remote)
        request.add("to", self.placed.dialog.local)
        request.add("call-id", self.placed.dialog.call_id)
        request.add("cseq", "%d %s" % (seq, method))
        request.add("contact", "<sip:s@192.0.2.5>")
        for name, value in fields.items():
            request.add(name.replace("_", "-"), value)
        request.body = body
        self.sock.sendto(request.encode(), self.phone.sock.address)
        return self.run()


def kinds(messages):
    return [each.status or each.method for each in messages]


def test_redirection_to_the_best_contact_first():
    server = Server()
    call = server.call()
    response = message.reply(server.invite, 302, "s")
    response.add("contact", "<sip:b@192.0.2.5>;q=0.5")
    response.add("contact", "<tel:1>;q=1")
    response.add("contact", "<sip:a@192.0.2.5>;q=0.9")
    server.answer(server.invite, 183, "s", SDP)
    assert call.media.stream.peer == ("192.0.2.5", 7000)
    server.sock.sendto(response.encode(), server.phone.sock.address)
    ack, invite = server.run()
    assert ack.method == "ACK" and invite.uri == "sip:a@192.0.2.5"
    assert call.media.stream.peer is None  # who has sent us on hears no more
    assert invite.seq == 2 and invite.get("call-id") == server.invite.get("call-id")
    assert invite.get("to") == "<sip:x@192.0.2.5>"
    assert kinds(server.answer(invite, 200, "a", SDP)) == ["ACK"]
    assert call.state == "talking"
    call.hang_up()
    assert server.run()[0].uri == "sip:a@192.0.2.5"


def test_redirection_in_a_circle_ends():
    server = Server()
    call = server.call()
    invite = server.invite
    for n in range(4):
        invite = server.answer(invite, 302, "t%d" % n)[1]
    assert kinds(server.answer(invite, 302, "t9")) == ["ACK"]
    assert call.state == "ended" and call.status == 302
    server = Server()
    call = server.call()
    invite = server.answer(server.invite, 302, "t")[1]
    server.answer(invite, 302, "t")  # where it was already
    assert call.state == "ended"


def test_second_answer_of_a_fork_is_hung_up():
    server = Server()
    call = server.call()
    server.answer(server.invite, 180, "one")
    server.answer(server.invite, 180, "two")
    assert kinds(server.answer(server.invite, 200, "two", SDP)) == ["ACK"]
    ack, bye = server.answer(server.invite, 200, "one", SDP)
    assert kinds((ack, bye)) == ["ACK", "BYE"]
    assert ack.uri == bye.uri == "sip:one@192.0.2.5" and bye.seq == 2
    assert header.param(bye.get("to"), "tag") == "one"
    assert kinds(server.answer(server.invite, 200, "one", SDP)) == ["ACK"]
    server.answer(bye, 200)
    assert call.state == "talking"
    call.hang_up()
    bye = server.run()[0]
    assert header.param(bye.get("to"), "tag") == "two" and bye.uri == "sip:two@192.0.2.5"
    server.answer(bye, 200)
    server.run(40000)
    assert server.agent.transactions.idle


def test_responses_out_of_order():
    server = Server()
    call = server.call()
    server.answer(server.invite, 183, "s")
    server.answer(server.invite, 100, "s")
    server.answer(server.invite, 200, "s", SDP)
    for status in (100, 180, 183, 404):
        assert server.answer(server.invite, status, "s", SDP) == []
    assert call.state == "talking" and server.phone.states == ["calling", "ringing", "talking"]


def test_early_media():
    server = Server()
    call = server.call()
    server.answer(server.invite, 183, "s", SDP)
    assert call.state == "ringing" and call.media.stream.peer == ("192.0.2.5", 7000)
    other = SDP.replace(b"7000", b"7002")
    server.answer(server.invite, 183, "t", other)
    assert call.media.stream.peer == ("192.0.2.5", 7002)
    server.answer(server.invite, 200, "t")  # no description: the one before stands
    assert call.state == "talking" and call.media.stream.peer == ("192.0.2.5", 7002)
    assert call.media.stream.agreed.event == 101


def test_early_media_of_a_type_with_parameters():
    server = Server()
    call = server.call()
    response = message.reply(server.invite, 183, "s")
    response.put("Application/SDP ;charset=utf-8", SDP)
    server.sock.sendto(response.encode(), server.phone.sock.address)
    server.run()
    assert call.media.stream.peer == ("192.0.2.5", 7000)
    call.hang_up()  # who has hung up hears no more
    assert call.media.stream.peer is None


def test_early_media_of_another_phone_does_not_answer_for_this_one():
    server = Server()
    call = server.call()
    server.answer(server.invite, 183, "s", SDP)
    assert kinds(server.answer(server.invite, 200, "t")) == ["ACK", "BYE"]
    assert call.status == 488


def test_early_media_that_ends_in_nothing():
    server = Server()
    call = server.call()
    server.answer(server.invite, 183, "s", SDP)
    server.answer(server.invite, 480, "s")
    assert call.state == "ended" and call.media.stream.peer is None


def challenge(server, request, nonce, status=401, tag="s"):
    name = "www_authenticate" if status == 401 else "proxy_authenticate"
    value = 'Digest realm="r", nonce="%s", qop="auth"' % nonce
    return server.answer(request, status, tag, **{name: value})


def test_challenge_after_it_has_rung():
    """Of a proxy that forwards first and asks then, or of another one behind it."""
    for early in (180, 183):
        server = Server()
        server.agent.account = Account("201", "192.0.2.5", "secret")
        call = server.call()
        server.answer(server.invite, early, "a", SDP if early == 183 else b"")
        ack, invite = challenge(server, server.invite, "n", 407, "b")
        assert ack.method == "ACK" and invite.get("to") == "<sip:x@192.0.2.5>"
        server.answer(invite, 180, "c")
        assert kinds(server.answer(invite, 200, "c", SDP)) == ["ACK"]
        assert call.state == "talking" and server.phone.states.count("ringing") == 1
        call.hang_up()
        assert kinds(server.run()) == ["BYE"]


def test_too_small_an_interval_after_it_has_rung():
    server = Server()
    server.agent.session_s = 100
    call = server.call()
    server.answer(server.invite, 183, "a", SDP, record_route="<sip:192.0.2.5:5099;lr>")
    ack, invite = server.answer(server.invite, 422, "a", min_se="600")
    assert invite.get("to") == "<sip:x@192.0.2.5>" and invite.uri == "sip:x@192.0.2.5"
    assert invite.all("route") == []
    server.answer(invite, 200, "a", SDP)
    assert call.state == "talking"


def test_challenge_that_crosses_the_cancel():
    server = Server()
    server.agent.account = Account("201", "192.0.2.5", "secret")
    call = server.call()
    server.answer(server.invite, 100)
    call.hang_up()
    assert kinds(server.run()) == ["CANCEL"]
    assert kinds(challenge(server, server.invite, "n")) == ["ACK"]
    assert call.state == "ended"


def test_requests_that_are_challenged_together():
    """Each counts by what it carried itself. With one nonce for all, and one for each."""
    for nonces in ("nnn", "abc"):
        server = Server()
        server.agent.account = Account("201", "192.0.2.5", "secret")
        call = server.call()
        server.answer(server.invite, 200, "s", SDP)
        for digit in "123":
            info = call.dialog.request("INFO")
            info.put("application/dtmf", digit.encode())
            server.agent.send(info, call)
        infos = server.run()
        again = []
        for nonce, info in zip(nonces, infos):
            again += challenge(server, info, nonce)
        assert [each.body for each in again] == [each.body for each in infos]
        fields = [each.get("authorization") for each in again]
        used = [
            (header.param("x;" + f.replace(", ", ";"), "nonce"), f[f.find("nc=") :][:11])
            for f in fields
        ]
        count = 1
        for at, nonce in enumerate(nonces):
            assert used[at] == ('"%s"' % nonce, "nc=%08d" % count), used
            count += nonces == "nnn"
        for info in again:  # a wrong password: not one of them loops
            for _ in range(9):
                last = challenge(server, info, "z%d" % info.seq)
                if not last:
                    break
                info = last[0]
            assert not last
        assert call.state == "talking"


def test_strict_router():
    server = Server()
    call = server.call()
    server.answer(server.invite, 200, "s", SDP, record_route="<sip:192.0.2.5>, <sip:192.0.2.6;lr>")
    server = Server()
    call = server.call()
    routes = "<sip:192.0.2.6;lr>, <sip:r@192.0.2.5>"  # the first of ours is strict
    (ack,) = server.answer(server.invite, 200, "s", SDP, record_route=routes)
    assert ack.uri == "sip:r@192.0.2.5"
    assert ack.all("route") == ["<sip:192.0.2.6;lr>", "<sip:s@192.0.2.5>"]
    call.hang_up()
    assert server.run()[0].uri == "sip:r@192.0.2.5"


def test_session_timer_that_the_peer_refreshes():
    server = Server()
    server.agent.session_s = 1800
    call = server.call()
    assert server.invite.get("session-expires") == "1800"
    assert "timer" in server.invite.get("supported")
    server.answer(server.invite, 200, "s", SDP, session_expires="100;refresher=uas")
    server.run(60000)
    mine = {"session_expires": "100;refresher=uac", "supported": "timer"}
    assert kinds(server.request("UPDATE", 1, "u", **mine)) == [200]
    server.run(60000)
    assert call.state == "talking"
    # 100 s, less a third of it but 32 s at most, and nothing has come:
    assert kinds(server.run(9000))[0] == "BYE" and call.status == 408


def test_session_timer_that_the_peer_turns_off():
    """RFC 4028 7.2: a 2xx without one ends it, whoever asked, and nobody refreshes."""
    for who in ("uas", "uac"):
        server = Server()
        server.agent.session_s = 1800
        call = server.call()
        server.answer(server.invite, 200, "s", SDP, session_expires="100;refresher=" + who)
        server.agent.session_s = 0
        (ok,) = server.request("INVITE", 1, "i", SDP, supported="timer")
        assert ok.status == 200 and ok.get("session-expires") == ""
        server.request("ACK", 1, "a")
        assert server.run(100000) == [] and call.state == "talking"


def test_session_timer_that_we_refresh():
    server = Server()
    call = server.call()
    assert server.invite.get("session-expires") == ""
    ok = {"session_expires": "100;refresher=uac", "require": "timer"}
    server.answer(server.invite, 200, "s", SDP, allow="INVITE, UPDATE", **ok)
    for _ in range(10):
        update = server.run(50000)[0]
        assert update.method == "UPDATE" and update.body == b""
        assert update.get("session-expires") == "100;refresher=uac"
        server.answer(update, 200, **ok)
    assert server.run(49000) == []
    server.run(1000)  # nobody answers this one: 408 after 32 s
    assert "BYE" in kinds(server.run(33000)) and call.status == 408


def test_refresh_by_invite_where_the_peer_has_no_update():
    server = Server()
    call = server.call()
    ok = {"session_expires": "100;refresher=uac", "require": "timer", "allow": "INVITE, BYE"}
    server.answer(server.invite, 200, "s", SDP, **ok)
    first = server.run(50000)[0]
    assert first.method == "INVITE" and b"m=audio" in first.body
    assert first.body == server.invite.body  # no other version: nothing has changed
    assert kinds(server.answer(first, 200, "s", SDP, **ok)) == ["ACK"]
    assert call.state == "talking" and server.phone.events == []


def test_numbers_of_a_response_that_can_not_be():
    """Legal ones that are no small int, and nonsense: nobody could be told."""
    for interval in ("abc", "", "4294967295", "-1;refresher=uas"):
        server = Server()
        call = server.call()
        kind = kinds(server.answer(server.invite, 200, "s", SDP, session_expires=interval))
        assert kind == ["ACK"] and call.state == "talking", interval
    for least in ("99999999999", "abc", "0"):
        server = Server()
        call = server.call()
        server.answer(server.invite, 422, "s", min_se=least)
        assert call.state == "ended" and call.status == 422
    for expires in ("4294967295", "abc"):
        server = Server()
        server.agent.account = Account("201", "192.0.2.5")
        mailbox = server.agent.watch_mailbox(600)
        server.answer(server.run()[0], 200, expires=expires)
        assert mailbox.state == "active"
    assert server.agent.faults == 0


def test_interval_that_the_peer_finds_too_small():
    server = Server()
    server.agent.session_s = 100
    call = server.call()
    ack, invite = server.answer(server.invite, 422, "s", min_se="600")
    assert invite.get("session-expires") == "600" and invite.get("min-se") == "600"
    server.answer(invite, 422, "s", min_se="600")
    assert call.state == "ended" and call.status == 422


def test_interval_that_we_find_too_small():
    server = Server()
    server.call()
    server.answer(server.invite, 200, "s", SDP)
    (refused,) = server.request("UPDATE", 1, "a", session_expires="60", supported="timer, x")
    assert refused.status == 422 and refused.get("min-se") == "90"
    (ok,) = server.request("UPDATE", 2, "b", session_expires="90", supported="timer")
    assert ok.status == 200 and ok.get("session-expires") == "90;refresher=uac"
    assert ok.get("require") == "timer"
    # Who does not support the timer can not refresh: we do.
    (ok,) = server.request("UPDATE", 3, "c", session_expires="90")
    assert ok.get("session-expires") == "90;refresher=uas" and ok.get("require") == ""
    assert server.run(46000)[0].method in ("UPDATE", "INVITE")


def test_update_with_an_offer():
    server = Server()
    call = server.call()
    server.answer(server.invite, 200, "s", SDP)
    (ok,) = server.request("UPDATE", 1, "a", SDP + b"a=sendonly\r\n")
    assert ok.status == 200 and b"a=recvonly" in ok.body
    assert call.held and server.phone.events == [("held", True)]
    (refused,) = server.request("UPDATE", 2, "b", SDP.replace(b"AVP 0", b"AVP 3"))
    assert refused.status == 488 and call.held
    call.hold()
    invite = server.run()[0]
    assert kinds(server.request("UPDATE", 3, "c", SDP)) == [491]
    assert kinds(server.request("UPDATE", 4, "d")) == [200]  # no offer, no glare
    server.answer(invite, 200, "s", SDP)


def test_late_offer_in_reinvite():
    server = Server()
    call = server.call()
    server.answer(server.invite, 200, "s", SDP)
    (ok,) = server.request("INVITE", 1, "a")
    assert ok.status == 200 and b"m=audio 4000 RTP/AVP 0 8 101" in ok.body
    assert kinds(server.request("INVITE", 2, "b", SDP)) == [500]  # not before the ACK
    server.request("ACK", 1, "c", SDP.replace(b"7000", b"7004"))
    assert call.media.stream.peer == ("192.0.2.5", 7004)


def test_hold_as_in_rfc_2543():
    server = Server()
    call = server.call()
    server.answer(server.invite, 200, "s", SDP)
    zero = SDP.replace(b"c=IN IP4 192.0.2.5", b"c=IN IP4 0.0.0.0")
    (ok,) = server.request("INVITE", 1, "a", zero)
    assert b"a=recvonly" in ok.body and call.held
    assert not call.media.stream.agreed.sends
    server.request("ACK", 1, "b")
    (ok,) = server.request("INVITE", 2, "c", SDP)
    assert b"a=sendrecv" in ok.body and not call.held and call.media.stream.agreed.sends


def test_target_refresh():
    server = Server()
    call = server.call()
    server.answer(server.invite, 200, "s", SDP)
    call.hold()
    invite = server.run()[0]
    server.answer(invite, 200, "elsewhere", SDP)  # Contact: <sip:elsewhere@...>
    call.hang_up()
    assert server.run()[0].uri == "sip:elsewhere@192.0.2.5"


def test_digits_that_the_peer_wants_in_rtp():
    server = Server()
    call = server.call()
    body = (
        SDP.replace(b"0 101", b"96 97").replace(b":101 ", b":97 ") + b"a=rtpmap:96 PCMA/8000/1\r\n"
    )
    server.answer(
        server.invite, 200, "s", body + b"a=ptime:30\r\na=rtcp:9001 IN IP4 192.0.2.5\r\n"
    )
    agreed = call.media.stream.agreed
    assert (agreed.payload, agreed.codec, agreed.event) == (96, 8, 97)
    assert agreed.ptime_ms == 30 and agreed.rtcp_port == 9001


def transferring():
    server = Server()
    call = server.call()
    server.answer(server.invite, 200, "s", SDP)
    call.transfer("sip:z@192.0.2.5")
    (refer,) = server.run()
    server.answer(refer, 202)
    server.phone.events.clear()
    return server, call


def test_hold_while_a_transfer_goes_on_comes_when_that_has_failed():
    server, call = transferring()
    call.hold()
    assert server.run() == []
    fields = {"event": "refer", "subscription_state": "terminated;reason=noresource"}
    answers = server.request("NOTIFY", 1, "n", b"SIP/2.0 503 Away\r\n", **fields)
    assert kinds(answers) == [200, "INVITE"] and b"a=sendonly" in answers[1].body
    assert server.phone.events == [("transfer", 503)]


def test_hold_does_not_wait_for_a_notify_for_ever():
    server, call = transferring()
    call.hold()
    assert server.run(31000) == []
    assert kinds(server.run(1500))[0] == "INVITE"
    fields = {"event": "refer", "subscription_state": "terminated;reason=noresource"}
    answers = server.request("NOTIFY", 1, "n", b"SIP/2.0 200 OK\r\n", **fields)
    assert kinds(answers)[:2] == [200, "BYE"] and call.reason == "transferred"


def test_transfer_of_which_no_more_is_heard():
    for body in (b"SIP/2.0 100 Trying\r\n", b""):
        server, call = transferring()
        fields = {"event": "refer", "subscription_state": "Terminated;reason=timeout"}
        assert kinds(server.request("NOTIFY", 1, "n", body, **fields)) == [200]
        assert server.phone.events == [("transfer", 408)] and call.state == "talking"
        call.hold()
        assert kinds(server.run()) == ["INVITE"]
    server, call = transferring()
    fields["subscription_state"] = "active"
    assert kinds(server.request("NOTIFY", 1, "n", b"", **fields)) == [400]


def test_publish():
    server = Server()
    done = []
    server.agent.publish(
        "sip:c@192.0.2.5", "vq-rtcpxr", "application/vq-rtcpxr", b"VQ", done.append
    )
    (publish,) = server.run()
    assert publish.method == "PUBLISH" and publish.get("event") == "vq-rtcpxr"
    assert publish.body == b"VQ" and publish.get("content-type") == "application/vq-rtcpxr"
    server.answer(publish, 200, sip_etag="1")
    assert done == [200]
    server.agent.publish(
        "sip:c@192.0.2.5", "vq-rtcpxr", "application/vq-rtcpxr", b"VQ", done.append
    )
    server.run(33000)
    assert done == [200, 408]


def test_mailbox():
    server = Server()
    server.agent.account = Account("201", "192.0.2.5")
    mailbox = server.agent.watch_mailbox(600)
    (subscribe,) = server.run()
    assert subscribe.method == "SUBSCRIBE" and subscribe.get("event") == "message-summary"
    assert subscribe.get("contact") == "<sip:201@192.0.2.1:5060>"
    server.answer(subscribe, 200, expires="300")
    assert mailbox.state == "active"
    server.placed = mailbox
    body = b"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n"
    fields = {"event": "message-summary", "subscription_state": "active"}
    assert kinds(server.request("NOTIFY", 1, "n", body, **fields)) == [200]
    assert server.phone.events == [("message-waiting", (True, 2, 8))]
    again = server.run(151000)[0]  # half of what was granted
    assert again.method == "SUBSCRIBE" and again.seq == 2
    server.answer(again, 200, expires="300")
    mailbox.stop()
    assert server.run()[0].number("expires") == 0
    assert kinds(server.request("NOTIFY", 2, "m", body, **fields)) == [481]


def test_mailbox_without_a_subscription():
    server = Server()
    server.placed = server  # a dialog with no tags
    server.dialog = type(
        "Dialog", (), {"remote": "<sip:a@b>;tag=1", "local": "<sip:x>", "call_id": "i"}
    )
    fields = {"event": "message-summary;x=1"}
    assert kinds(server.request("NOTIFY", 1, "n", b"messages-waiting: No\n", **fields)) == [200]
    assert server.phone.events == [("message-waiting", (False, 0, 0))]
    assert kinds(server.request("NOTIFY", 1, "o", event="presence")) == [489]
