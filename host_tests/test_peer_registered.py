"""The phone and the ATA, as they boot, at Kamailio: registered by digest, called through it.

By address and by name, over UDP and TCP; each message that crossed a socket of theirs is captured.
"""

import time
from contextlib import ExitStack, contextmanager

import pytest
from atas import TIMEOUT_S, Ata, Lab, saw
from peers import dns, kamailio
from uhep_tools.ports import free_pairs
from uhep_tools.sim import Device
from waiting import until

pytestmark = pytest.mark.peer("kamailio")


def account(port, user, **more):
    return {
        "name": user,
        "sip_server": "uhep.test",
        "sip_password": f"pw-{user}",
        "sip_proxy": f"127.0.0.1:{port}",
        **more,
    }


def a_phone(lab, heap="160K", **settings):
    sip, rtp = free_pairs(2)
    name = settings["name"]
    device = Device(
        name,
        lab.folder / name,
        device={
            "sip_port": sip,
            "rtp_port": rtp,
            "answer_after_ms": 50,
            "quit_after_ms": TIMEOUT_S * 1000,
            **settings,
        },
        hep={"capture_address": f"127.0.0.1:{lab.server.port}", "status_s": 0},
        heap=heap,
    )
    device.sip = sip
    return device


@contextmanager
def setting(folder, *personalities, **more):
    """(lab, the registrar's port, the devices, started)."""
    with Lab(folder) as lab, kamailio.registrar(folder, **more) as port, ExitStack() as stack:
        yield lab, port, [stack.enter_context(make(lab, port)) for make in personalities]


def registered(device, user, count=1):
    saw(device, f"registration of sip:{user}@uhep.test: registered", count)


def left(device):
    device.type("quit")
    return device.wait(TIMEOUT_S)


@pytest.mark.parametrize("way", ["udp", "tcp", "tcp, by the proxy's URI"])
def test_two_phones(tmp_path, way):
    """two phones as they boot register with digest and call each other, over UDP and over TCP"""

    def make(user):
        def made(lab, port):
            if way == "udp":
                return a_phone(lab, **account(port, user))
            if way == "tcp":
                return a_phone(lab, **account(port, user, sip_transport="tcp"))
            proxy = f"sip:127.0.0.1:{port};transport=tcp;lr"
            return a_phone(lab, **account(port, user, sip_proxy=proxy))

        return made

    with setting(tmp_path, make("alice"), make("bob")) as (lab, _, (alice, bob)):
        registered(alice, "alice")
        registered(bob, "bob")
        alice.type("call bob")
        saw(alice, "call to sip:bob@uhep.test: talking")
        saw(bob, "call from sip:alice@uhep.test: talking")
        bob.type("hold")
        saw(alice, ": held by the peer")
        bob.type("resume")
        saw(alice, ": no longer held by the peer")
        alice.type("dtmf 7")
        saw(bob, "digit 7 in RTP")
        bob.type("hangup")
        saw(alice, ": ended")
        counts = [left(alice), left(bob)]
        lab.captured(*counts)
        calls = lab.store.calls()
        messages = [m for call in calls for m in lab.store.messages(call.call)]
    assert [each["registration"] for each in counts] == ["off", "off"]
    (call,) = [call for call in calls if call.method == "INVITE"]
    assert call.state == "ended"
    over = {message.packet.proto for message in messages}
    assert over == {17} if way == "udp" else 6 in over


def test_a_wrong_password(tmp_path):
    """a phone with a wrong password: it is said, tried no more, and the phone goes on"""

    def made(lab, port):
        return a_phone(lab, **account(port, "alice", sip_password="wrong", sip_expires_s=5))

    with setting(tmp_path, made) as (lab, _, (phone,)):
        saw(phone, "registration of sip:alice@uhep.test: refused (401 ")
        time.sleep(3)  # longer than it would take to renew
        phone.type("status")
        saw(phone, "registration: refused")
        counts = left(phone)
        lab.captured(counts)
    assert counts["sip"] == {"sent": 2, "received": 2, "dropped": 0, "failed": 0}
    assert counts["registration"] == "off"


RECORDS = {
    "_sip._udp.uhep.test": [(10, 0, 0, "sip.uhep.test")],
    "_sip._tcp.uhep.test": [(10, 0, 0, "sip.uhep.test")],
    "sip.uhep.test": ["127.0.0.1"],
}


@contextmanager
def named(port):
    """DNS that knows the registrar by SRV."""
    records = dict(RECORDS)
    for kind in ("udp", "tcp"):
        records[f"_sip._{kind}.uhep.test"] = [(10, 0, port, "sip.uhep.test")]
    with dns.server(records) as server:
        yield server


@pytest.mark.parametrize("way", ["udp", "tcp"])
def test_a_server_by_its_name(tmp_path, way):
    """a phone that only knows the domain: SRV and A records, then registered and called by it"""
    with (
        Lab(tmp_path) as lab,
        kamailio.registrar(tmp_path) as port,
        named(port) as server,
        a_phone(
            lab,
            **account(port, "alice", sip_proxy="", sip_dns=server.address, sip_transport=way),
        ) as alice,
        a_phone(lab, **account(port, "bob")) as bob,
    ):
        registered(alice, "alice")
        registered(bob, "bob")
        alice.type("call bob")
        saw(bob, ": talking")
        alice.type("hangup")
        saw(bob, ": ended")
        bob.type("call alice")
        saw(alice, "call from sip:bob@uhep.test: talking")
        counts = [left(alice), left(bob)]
        lab.captured(*counts)
    assert server.asked == [(33, f"_sip._{way}.uhep.test"), (1, "sip.uhep.test")]


def test_an_outbound_proxy_by_its_name(tmp_path):
    """an outbound proxy as a host name, for a phone of another domain's account"""
    with (
        Lab(tmp_path) as lab,
        kamailio.registrar(tmp_path) as port,
        dns.server({"edge.uhep.test": ["127.0.0.1"]}) as server,
        a_phone(
            lab,
            **account(port, "alice", sip_proxy=f"edge.uhep.test:{port}", sip_dns=server.address),
        ) as alice,
    ):
        registered(alice, "alice")
        lab.captured(left(alice))
    assert server.asked == [(1, "edge.uhep.test")]


def test_dns_that_does_not_answer_stops_nothing(tmp_path):
    """while a name is looked up, a call goes on and commands are answered; then it is given up"""
    with (
        Lab(tmp_path) as lab,
        kamailio.registrar(tmp_path) as port,
        dns.server({}) as server,
        a_phone(lab, **account(port, "bob")) as bob,
        a_phone(
            lab,
            name="alice",
            sip_dns=server.address,
            sip_server="nowhere.uhep.test",
        ) as alice,
    ):
        server.silent = True
        saw(alice, "registration of sip:alice@nowhere.uhep.test: registering")
        until(lambda: server.asked, "a question")
        alice.type(f"call sip:bob@127.0.0.1:{bob.sip}")
        saw(alice, ": talking")
        alice.type("status")
        saw(alice, "jitter buffer")
        assert not [line for line in alice.lines if "waiting" in line]
        saw(alice, "registration of sip:alice@nowhere.uhep.test: waiting (503 ")
        alice.type("status")
        saw(alice, "jitter buffer", 2)
        sound = [line for line in alice.lines if "jitter buffer" in line]
        before, after = [int(line.split(", ")[1].split()[0]) for line in sound]
        assert after - before > 50  # packets, in the seconds in which nobody answered
        lab.captured(left(alice), left(bob))


def an_ata(**settings):
    def made(lab, port):
        return Ata(lab.folder, lab.server, **account(port, "alice", **settings))

    return made


def bob(lab, port):
    return a_phone(lab, **account(port, "bob"))


def test_an_ata_with_two_accounts(tmp_path):
    """an ATA's lines with an account each: called by name, both busy, hold by a flash"""
    two = an_ata(user2="carol", sip_password2="pw-carol", calls=1)
    with setting(tmp_path, two, bob) as (lab, _, (ata, phone)):
        registered(ata, "alice")
        registered(ata, "carol")
        registered(phone, "bob")
        for number, user in ((1, "alice"), (2, "carol")):
            phone.type(f"call {user}")
            ata.saw(f"telephone {number} rings")
            ata.do(f"lift {number}")
            saw(phone, ": talking", number)
            phone.type("hangup")
            ata.saw(f"telephone {number}: over")
            ata.do(f"lay {number}")
        # By the server, from one line to the other: both are busy then.
        ata.do("call 1 carol")
        ata.saw("telephone 2 rings", 2)
        ata.do("lift 2")
        ata.saw("line 1: call to sip:carol@uhep.test: talking")
        for user in ("alice", "carol"):
            phone.type(f"call {user}")
            saw(phone, f"call to sip:{user}@uhep.test: ended (486 ")
        ata.do("lay 1", "lay 2")
        ata.saw("telephone 2: on the hook", 2)
        counts = [ata.quit(), left(phone)]
        lab.captured(*counts)
    assert [line["registration"] for line in counts[0]["lines"]] == ["off", "off"]
    assert [line["calls"] for line in counts[0]["lines"]] == [{"ended": 2, "talked": 2}] * 2


def test_an_ata_with_one_account(tmp_path):
    """an ATA's lines with one account: both ring, one takes the call, internal calls go past"""
    with setting(tmp_path, an_ata(), bob) as (lab, _, (ata, phone)):
        registered(ata, "alice", 2)
        registered(phone, "bob")
        phone.type("call alice")
        ata.saw("telephone 1 rings")
        ata.saw("telephone 2 rings")
        ata.do("lift 2")
        saw(phone, ": talking")
        ata.saw("telephone 1 rings no more")
        ata.do("flash 2")
        saw(phone, ": held by the peer")
        ata.do("dial 2 **1")
        ata.saw("telephone 1 rings", 3)
        ata.do("lift 1")
        ata.saw("telephone 1: talking")
        ata.saw("telephone 2: talking", 2)
        ata.do("flash 2")
        saw(phone, ": no longer held by the peer")
        ata.saw("line 1: call from sip:alice@uhep.test: held by the peer")
        phone.type("hangup")
        ata.saw("telephone 2: over")
        ata.do("lay 1", "lay 2")
        counts = [ata.quit(), left(phone)]
        lab.captured(*counts)
    assert [line["registration"] for line in counts[0]["lines"]] == ["off", "off"]


def test_an_atas_dial_plan(tmp_path):
    """an ATA dials by its plan, and what is called is what the server has"""
    plan = an_ata(dial_plan="([1-3]xx|<9:00>xx)")
    with setting(tmp_path, plan) as (lab, _, (ata,)):
        registered(ata, "alice")
        ata.do("lift 1", "dial 1 123")
        ata.saw("call to sip:123@uhep.test: ended (404 ")
        ata.saw("telephone 1: over")
        ata.do("lay 1", "lift 1", "dial 1 941")
        ata.saw("call to sip:0041@uhep.test: ended (404 ")
        ata.do("lay 1", "lift 1", "dial 1 4")
        ata.saw("telephone 1: no number begins with 4")
        ata.do("status")
        ata.saw("telephone 1: over, tone: congestion")
        lab.captured(ata.quit())
