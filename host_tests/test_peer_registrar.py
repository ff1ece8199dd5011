"""Our user agent at Kamailio: it registers, stays registered, and calls through it.

Every test ends with the count of what crossed the phones' sockets: all of it was captured.
"""

import time

import pytest
from peers import kamailio
from peers.phone import lab
from uhep_tools.ports import free_port

pytestmark = pytest.mark.peer("kamailio")


def account(port, user, **more):
    return {
        "user": user,
        "password": f"pw-{user}",
        "domain": "uhep.test",
        "proxy": f"127.0.0.1:{port}",
        **more,
    }


def registered(found, port, user, **more):
    phone = found.phone(**account(port, user, **more))
    phone.say("register")
    phone.saw("event registration registered")
    return phone


def labels(found, method):
    """The CSeq method's messages in order: requests and their answers."""
    return [m.label for m in found.messages() if method in m.label]


@pytest.mark.parametrize("tcp", ["", "tcp"])
def test_register_and_call(tmp_path, tcp):
    """two of our phones register with digest and talk through the proxy, over UDP and TCP"""
    more = {"tcp": tcp} if tcp else {}
    with lab(tmp_path) as found, kamailio.registrar(tmp_path) as port:
        alice = registered(found, port, "alice", **more)
        bob = registered(found, port, "bob", **more)
        alice.say("call", "sip:bob@uhep.test")
        alice.saw("state talking")
        bob.saw("state talking")
        bob.say("hold")
        alice.saw("event held True")
        alice.say("send_dtmf", "#")
        bob.saw("event dtmf ('#', 160)")
        bob.say("resume")
        alice.saw("event held False")
        bob.say("hang_up")
        alice.saw("state ended")
        bob.saw("state ended")
        bob.say("unregister")
        bob.saw("event registration off")
        alice.say("call", "sip:bob@uhep.test")
        alice.saw("state ended 404")
        alice.say("unregister")
        alice.saw("event registration off")
        found.end()
        invites = [m for m in found.messages() if m.label.startswith("INVITE")]
    assert alice.states() == [
        *("calling", "ringing", "talking", "ended"),
        *("calling", "ended"),
    ]
    # 407, then the INVITE with credentials; Bob's copy of that and of the two that hold.
    assert len(invites) >= 2 + 1 + 2 + 2
    assert all(
        b"\r\nRecord-Route: <sip:127.0.0.1" in b"\r\n" + m.packet.payload
        for m in invites
        if m.dport == bob.port and b"tag=" not in to(m)
    )


def to(message):
    return message.packet.payload.split(b"\r\nTo: ")[1].split(b"\r\n")[0]


def test_wrong_password(tmp_path):
    """a wrong password is tried once; then the registration says so and stops"""
    with lab(tmp_path) as found, kamailio.registrar(tmp_path) as port:
        phone = found.phone(**account(port, "alice") | {"password": "wrong", "pace": 20})
        phone.say("register")
        phone.saw("event registration refused")
        time.sleep(3)  # a minute, to the phone
        (counts,) = found.end()
        assert counts["crossed"] == 4
    assert phone.lines[-2] == "event registration refused"


def test_nonce_that_expires(tmp_path):
    """a nonce that has expired is replaced at the renewal (stale); the phone stays registered"""
    with lab(tmp_path) as found, kamailio.registrar(tmp_path, nonce_s=1) as port:
        phone = registered(found, port, "alice", expires_s=5)
        time.sleep(6)
        found.end()
        answers = [m for m in found.messages() if b"401" in m.packet.payload[:12]]
    stale = [m for m in answers if b"stale=true" in m.packet.payload]
    assert len(answers) >= 3 and len(stale) == len(answers) - 1
    assert [line for line in phone.lines if "registration" in line][-1].endswith("registered")


@pytest.mark.soak
def test_refresh(tmp_path, cases):
    """an expiry of 5 s, renewed at half of it: 10 cycles without a gap (whole in make soak)"""
    cycles = cases(2, 10)
    with lab(tmp_path) as found, kamailio.registrar(tmp_path) as port:
        bob = registered(found, port, "bob", expires_s=5)
        alice = registered(found, port, "alice")
        time.sleep(2.5 * cycles)
        alice.say("call", "sip:bob@uhep.test")  # and it can be reached
        bob.saw("state talking")
        alice.say("hang_up")
        bob.saw("state ended")
        found.end()
        renewals = [m for m in found.messages() if m.sport == bob.port and "REGISTER" in m.label]
    assert len(renewals) >= 2 + cycles - 1
    assert sum(line.startswith("log registration") for line in bob.lines) == 2


@pytest.mark.parametrize("tcp", ["", "tcp"])
def test_restart_and_outage(tmp_path, tcp):
    """the server restarts and is away for a minute; the phone comes back by itself"""
    more = {"tcp": tcp} if tcp else {}
    with lab(tmp_path) as found:
        port = free_port()
        with kamailio.registrar(tmp_path, port):
            # Its clock runs 16 times faster: a minute is 4 s.
            phone = registered(found, port, "alice", pace=16, **more)
        phone.saw("event registration waiting")
        time.sleep(4)
        with kamailio.registrar(tmp_path, port):
            phone.saw("event registration registered", 2)
            phone.say("unregister")
            phone.saw("event registration off")
            (counts,) = [each.end() for each in found._phones]
            assert counts["captured"] == counts["crossed"] + (0 if tcp else counts["failed"])
    said = [line.split()[2] for line in phone.lines if line.startswith("event registration")]
    assert said[:3] == ["registering", "registered", "waiting"]
    assert said[-4:] == ["registering", "registered", "unregistering", "off"]
