"""Our user agent with sipp, by scenarios of our own, either way round.

Every test ends with the count of what crossed the phone's socket: all of it was captured. Where
nothing is lost on purpose, the captured messages are what sipp has logged, octet for octet.
"""

import re

import pytest
from peers import sipp
from peers.phone import lab
from peers.scenario import (
    G729,
    HOLD,
    SDP,
    ack,
    answer,
    invite,
    late,
    pause,
    request,
    ringing,
    takes,
    write,
)
from waiting import until

pytestmark = pytest.mark.peer("sipp")

BYE_OK = takes("BYE") + answer(200)
TO = "To: <sip:sipp@[local_ip]:[local_port]>"
HANGS_UP = request("BYE", 9) + takes(200)


class Calls:
    """sipp, and what comes of it."""

    def __init__(self, folder, found):
        self.folder = folder
        self.found = found

    def place(self, phone, *steps):
        """sipp calls the phone. A context of a running sipp."""
        return sipp.scenario(self.folder, write(self.folder / "caller.xml", *steps), phone.port)

    def wait(self, *steps, name="called"):
        """sipp waits for a call."""
        return sipp.scenario(self.folder, write(self.folder / f"{name}.xml", *steps))

    def heard(self, label, count):
        """Wait until so many messages of a kind were captured."""
        until(
            lambda: sum(m.label.startswith(label) for m in self.found.messages()) >= count,
            f"{count} x {label}",
        )

    def end(self, *logs, same=True):
        """All was captured; by octets, where sipp logs each message that it sends and hears."""
        counts = self.found.end()
        stored = sorted(m.packet.payload for m in self.found.messages())
        if same:
            assert stored == sorted(message for log in logs for _, message in log)
        return counts


@pytest.fixture
def calls(tmp_path):
    with lab(tmp_path) as found:
        yield Calls(tmp_path, found)


def uri(sipp_):
    return f"sip:sipp@127.0.0.1:{sipp_.port}"


def test_whole_call_from_sipp(calls):
    """sipp calls: several Vias, Record-Route, hold and resume, UPDATE, INFO, OPTIONS, BYE"""
    routes = (
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa, SIP/2.0/TCP 192.0.2.10;branch=z9hG4bKb\n"
        "Record-Route: <sip:127.0.0.1:[local_port];lr;a=1>\n"
        "Record-Route: <sip:192.0.2.10;lr>\n"
    )
    copied = "192.0.2.9;branch=z9hG4bKa.*192.0.2.10;branch=z9hG4bKb.*a=1.*<sip:192.0.2.10;lr>"
    dtmf = "Content-Type: application/dtmf-relay\n"
    phone = calls.found.phone()
    with calls.place(
        phone,
        invite(fields=routes),
        takes(100, optional=True),
        takes(180, check=copied),
        takes(200, check=copied),
        ack(),
        pause(100),
        invite(2, HOLD, tag="[peer_tag_param]"),
        takes(200, check="a=recvonly"),
        ack(2),
        request("INFO", 3, "Signal=5\nDuration=100\n", dtmf),
        takes(200),
        request("UPDATE", 4, SDP),
        takes(200, check="a=sendrecv"),
        request("OPTIONS", 5),
        takes(200, check="Allow: .*UPDATE"),
        request("INFO", 5),  # a number that has been used
        takes(500),
        takes("BYE", check="Route: <sip:127.0.0.1:[0-9]*;lr;a=1>.*Route: <sip:192.0.2.10;lr>"),
        answer(200),
    ) as caller:
        phone.saw("event dtmf ('5', 100)")
        phone.saw("event held False")
        calls.heard("500", 1)
        phone.say("hang_up")
        log = caller.end()
    calls.end(log)
    assert [line for line in phone.lines if line.startswith("event held")] == [
        "event held True",
        "event held False",
    ]
    assert phone.states() == ["ringing", "answered", "talking", "hanging", "ended"]


def test_whole_call_to_sipp(calls):
    """we call sipp: hold, resume, digits by INFO, BYE, along its Record-Route"""
    rr = "Record-Route: <sip:127.0.0.1:[local_port];lr>\n"
    phone = calls.found.phone()
    with calls.wait(
        takes("INVITE", check="m=audio [0-9]* RTP/AVP 0 8 101"),
        answer(180, fields=rr),
        answer(200, SDP, rr),
        takes("ACK", check="Route: <sip:127.0.0.1"),
        takes("INVITE", check="a=sendonly"),
        answer(200, SDP + "a=recvonly\n", tag=""),
        takes("ACK"),
        takes("INVITE", check="a=sendrecv"),
        answer(200, SDP, tag=""),
        takes("ACK"),
        takes("INFO", check="Signal=7"),
        answer(200, tag=""),
        takes("BYE", check="Route: <sip:127.0.0.1"),
        answer(200, tag=""),
    ) as called:
        phone.say("call", uri(called))
        phone.saw("state talking")
        phone.say("hold")
        phone.saw("event holding True")
        phone.say("resume")
        phone.saw("event holding False")
        phone.say("send_dtmf", "7")
        phone.say("hang_up")
        phone.saw("state ended")
        log = called.end()
    calls.end(log)


def test_cancelled_by_sipp(calls):
    """sipp cancels after 180"""
    cancel = request("CANCEL", 1, tag="", again="500", branch="").replace("[branch]", "[branch-3]")
    phone = calls.found.phone(answers=False)
    with calls.place(
        phone,
        invite(),
        ringing(),
        cancel,
        takes(200),
        takes(487),
        ack().replace("[branch]", "[branch-6]"),
    ) as caller:
        phone.saw("state ended 487")
        log = caller.end()
    calls.end(log)


@pytest.mark.parametrize("rings", [False, True])
def test_cancelled_by_us(calls, rings):
    """we cancel before sipp's 180, and after it"""
    phone = calls.found.phone()
    with calls.wait(
        takes("INVITE"),
        answer(180) if rings else answer(100, tag=""),
        takes("CANCEL"),
        answer(200),
        # The CSeq of the INVITE, with the Via that both have.
        answer(487).replace("[last_CSeq:]", "CSeq: 1 INVITE"),
        takes("ACK"),
    ) as called:
        phone.say("call", uri(called))
        phone.saw("state ringing" if rings else "state calling")
        phone.say("hang_up")
        phone.saw("state ended 487")
        log = called.end()
    calls.end(log)


def test_busy_both_ways(calls):
    """486 to a second call, and 486 of sipp's"""
    phone = calls.found.phone()
    with calls.wait(
        takes("INVITE"), answer(180), answer(200, SDP), takes("ACK"), BYE_OK
    ) as called:
        phone.say("call", uri(called))
        phone.saw("state talking")
        with calls.place(
            phone, invite(), takes(486), ack().replace("[branch]", "[branch-2]")
        ) as caller:
            refused = caller.end()
        phone.say("hang_up")
        first = called.end()
    with calls.wait(takes("INVITE"), answer(486), takes("ACK"), name="busy") as called:
        phone.say("call", uri(called))
        phone.saw("state ended 486")
        second = called.end()
    calls.end(refused, first, second)


def test_redirected(calls):
    """a 302 of sipp's is followed to another sipp"""
    phone = calls.found.phone()
    with calls.wait(takes("INVITE"), answer(180), answer(200, SDP), takes("ACK"), BYE_OK) as there:
        moved = answer(302).replace(
            "sip:sipp@[local_ip]:[local_port]", f"sip:x@127.0.0.1:{there.port}"
        )
        with calls.wait(takes("INVITE"), moved, takes("ACK"), name="moved") as first:
            phone.say("call", uri(first))
            phone.saw("state talking")
            phone.say("hang_up")
            phone.saw("state ended")
            calls.end(first.end(), there.end())


@pytest.mark.parametrize("status, field", [(401, "WWW"), (407, "Proxy")])
def test_challenged(calls, status, field):
    """401 and 407 of sipp's: credentials, a stale nonce, then a new one"""

    def ask(nonce, stale=""):
        digest = f'Digest realm="sipp", nonce="{nonce}", algorithm=MD5, qop="auth"{stale}'
        return answer(status, fields=f"{field}-Authenticate: {digest}\n")

    name = "Authorization" if status == 401 else "Proxy-Authorization"
    phone = calls.found.phone(domain="127.0.0.1", password="secret")
    with calls.wait(
        takes("INVITE"),
        ask("one"),
        takes("ACK"),
        takes("INVITE", check=f'{name}: Digest username="device".*nonce="one".*nc=00000001'),
        ask("two", ", stale=true"),
        takes("ACK"),
        takes("INVITE", check=f'{name}: Digest username="device".*nonce="two".*nc=00000001'),
        answer(180),
        answer(200, SDP),
        takes("ACK", check=f'{name}: Digest username="device".*nonce="two".*nc=00000001'),
        takes("BYE", check=f'{name}: Digest username="device".*nonce="two".*nc=00000002'),
        answer(200),
    ) as called:
        phone.say("call", uri(called))
        phone.saw("state talking")
        phone.say("hang_up")
        phone.saw("state ended")
        log = called.end()
    calls.end(log)


def test_wrong_password_ends_the_call(calls):
    """a second 407 with a new nonce: no third INVITE"""

    def ask(nonce):
        return answer(407, fields=f'Proxy-Authenticate: Digest realm="sipp", nonce="{nonce}"\n')

    phone = calls.found.phone(domain="127.0.0.1", password="wrong")
    steps = (takes("INVITE"), ask("one"), takes("ACK"), takes("INVITE"), ask("two"), takes("ACK"))
    with calls.wait(*steps) as called:
        phone.say("call", uri(called))
        phone.saw("state ended 407")
        log = called.end()
    calls.end(log)


def test_lost_messages_when_we_call(calls):
    """lost: the first 200, our first ACK, the answer to our BYE; each is made good"""
    phone = calls.found.phone()
    with calls.wait(
        takes("INVITE"),
        answer(180),
        answer(200, SDP, lost="100"),
        pause(200),
        answer(200, SDP),
        takes("ACK"),  # as good as lost:
        late(answer(200, SDP)),
        takes("BYE"),
        pause(800),  # it comes again
        answer(200),
    ) as called:
        phone.say("call", uri(called))
        phone.saw("state talking")
        calls.heard("ACK", 2)
        phone.say("hang_up")
        phone.saw("state ended")
        called.end()
    calls.end(same=False)
    for method in ("ACK", "BYE"):
        found = [m.packet.payload for m in calls.found.messages() if m.label.startswith(method)]
        assert len(found) >= 2 and len(set(found)) == 1, (method, found)


def test_lost_messages_when_sipp_calls(calls):
    """lost: sipp's first ACK, so that our 200 comes again, the same"""
    phone = calls.found.phone()
    with calls.place(
        phone,
        invite(again=""),
        ringing(),
        takes(200),
        pause(1200),
        ack(),
        pause(100),
        HANGS_UP,
    ) as caller:
        phone.saw("state ended")
        caller.end()
    calls.end(same=False)
    answers = [m for m in calls.found.messages() if m.status == 200 and m.method == "INVITE"]
    assert len(answers) >= 2 and len({m.packet.payload for m in answers}) == 1
    assert phone.states() == ["ringing", "answered", "talking", "ended"]


def test_invite_that_comes_again(calls):
    """an INVITE that is sent again gets the same 180"""
    phone = calls.found.phone(answers=False)
    with calls.place(
        phone,
        invite(again=""),
        ringing(),
        invite(again="").replace("[branch]", "[branch-3]"),
        takes(603),
        ack().replace("[branch]", "[branch-5]"),
    ) as caller:
        phone.saw("state ringing")
        calls.heard("180", 2)
        phone.say("hang_up")
        caller.end()
    calls.end(same=False)


def test_late_offer(calls):
    """an INVITE without an offer: ours is in the 200, sipp's answer in the ACK"""
    phone = calls.found.phone()
    with calls.place(
        phone,
        invite(body=""),
        ringing(),
        takes(200, check="m=audio [0-9]* RTP/AVP 0 8 101"),
        ack(body=SDP),
        pause(100),
        HANGS_UP,
    ) as caller:
        log = caller.end()
    calls.end(log)
    assert "talking" in phone.states()


@pytest.mark.parametrize(
    "status, wanted",
    [
        (488, {"body": G729}),
        (420, {"fields": "Require: 100rel, x\n"}),
        (415, {"body": "x", "fields": "Content-Type: text/plain\n"}),
        (422, {"fields": "Session-Expires: 30\nSupported: timer\n"}),
        (416, {"uri": "mailto:x@y"}),
    ],
)
def test_refused(calls, status, wanted):
    """what we can not do is refused with the status that says so"""
    phone = calls.found.phone()
    with calls.place(
        phone,
        invite(**wanted),
        takes(100, optional=True),
        takes(status, check={420: "Unsupported: 100rel, x", 422: "Min-SE: 90"}.get(status, "SIP")),
        ack().replace("[branch]", "[branch-3]"),
    ) as caller:
        log = caller.end()
    calls.end(log)


@pytest.mark.parametrize("has_update", [True, False])
def test_session_timer(calls, has_update):
    """sipp leaves the refreshing to us: UPDATE where it allows that, INVITE where not"""
    allow = "Allow: INVITE, ACK, BYE, UPDATE\n" if has_update else "Allow: INVITE, ACK, BYE\n"
    timer = "Session-Expires: 90;refresher=uas\nSupported: timer\n"
    ok = answer(200, "" if has_update else SDP, "Session-Expires: 90;refresher=uac\n", tag="")
    again = (
        takes("UPDATE" if has_update else "INVITE", check="Session-Expires: 90;refresher=uac") + ok
    )
    if not has_update:
        again += takes("ACK")
    phone = calls.found.phone(pace=30)  # half of 90 s are 1.5 s
    with calls.place(
        phone,
        invite(fields=timer + allow),
        ringing(),
        takes(200, check="Session-Expires: 90;refresher=uas"),
        ack(),
        again,
        again,
        pause(300),  # on a slow machine the last one comes again: T1 is 17 ms at this pace
        HANGS_UP,
    ) as caller:
        caller.end()
    calls.end(same=False)
    assert phone.states()[-2:] == ["talking", "ended"]


def test_responses_out_of_order(calls):
    """180 and 100 after the 200 change nothing"""
    phone = calls.found.phone()
    others = [late(answer(status)) for status in (180, 183)]
    with calls.wait(
        takes("INVITE"), answer(183), answer(200, SDP), takes("ACK"), *others, BYE_OK
    ) as called:
        phone.say("call", uri(called))
        phone.saw("state talking")
        calls.heard("18", 3)
        phone.say("hang_up")
        log = called.end()
    calls.end(log)
    assert phone.states() == ["calling", "ringing", "talking", "hanging", "ended"]


def test_forked(calls):
    """two phones behind one INVITE answer: the second is hung up, the first is talked to"""
    phone = calls.found.phone()
    one, two = ";tag=one[call_number]", ";tag=two[call_number]"
    with calls.wait(
        takes("INVITE"),
        answer(180, tag=one),
        answer(180, tag=two),
        answer(200, SDP, tag=two),
        takes("ACK", check="To: .*;tag=two"),
        late(answer(200, SDP, tag=one)).replace("[last_To:]", TO),
        takes("ACK", check="To: .*;tag=one"),
        takes("BYE", check="To: .*;tag=one"),
        answer(200, tag=""),
        takes("BYE", check="To: .*;tag=two"),
        answer(200, tag=""),
    ) as called:
        phone.say("call", uri(called))
        calls.heard("BYE", 1)
        phone.say("hang_up")
        phone.saw("state ended")
        log = called.end()
    calls.end(log)
    assert re.fullmatch("calling ringing talking hanging ended", " ".join(phone.states()))
