"""Our phone with a real peer: the calls work, and each message of them is captured."""

import pytest
from peers import sipp
from uhep_tools.ports import free_pairs
from uhep_tools.server import Server, in_thread
from uhep_tools.sim import Device
from uhep_tools.store import Store
from waiting import until

TIMEOUT_S = 30
CALL = ["INVITE", "100 Trying", "180 Ringing", "200 OK", "ACK", "BYE", "200 OK"]


def phone(tmp_path, server, sip_port, rtp_port, **settings):
    return Device(
        "phone",
        tmp_path / "phone",
        device={"sip_port": sip_port, "rtp_port": rtp_port, "quit_after_ms": 20000, **settings},
        hep={"capture_address": f"127.0.0.1:{server.port}", "capture_name": "phone"},
    )


@pytest.mark.peer("sipp")
def test_sipp_calls_the_phone(tmp_path):
    """sipp calls our phone; what the phone captured is what sipp has logged, byte for byte"""
    port, rtp = free_pairs(2)
    with Store(tmp_path / "uhep.db") as store:
        with (
            in_thread(Server(store, port=0)) as server,
            phone(tmp_path, server, port, rtp, answer_after_ms=50, quit_after_calls=2) as device,
        ):
            until(lambda: any("phone is at" in line for line in device.lines), "the phone")
            logged = sipp.call(tmp_path, port, count=2).messages
            counts = device.wait(TIMEOUT_S)
        calls = store.calls()
        stored = [message for call in calls for message in store.messages(call.call)]
    assert counts["sip"] == {"sent": 8, "received": 6, "dropped": 0, "failed": 0}
    for by_sipp in (True, False):
        theirs = sorted(text for sent, text in logged if sent == by_sipp)
        ours = sorted(m.packet.payload for m in stored if (m.dport == port) == by_sipp)
        assert theirs == ours and len(ours) == (6 if by_sipp else 8)


@pytest.mark.peer("sipp")
def test_the_phone_calls_sipp(tmp_path):
    """our phone calls sipp, talks and hangs up: the whole call is captured"""
    with Store(tmp_path / "uhep.db") as store:
        with in_thread(Server(store, port=0)) as server, sipp.uas(tmp_path) as port:
            plan = {"call": f"sip:x@127.0.0.1:{port}", "call_after_ms": 0, "talk_ms": 200}
            ports = free_pairs(2)
            with phone(tmp_path, server, *ports, **plan, quit_after_calls=1) as device:
                counts = device.wait(TIMEOUT_S)
        (call,) = store.calls()
        labels = [message.label for message in store.messages(call.call)]
    assert counts["calls"] == {"ended": 1, "talked": 1}
    assert call.state == "ended"
    assert labels == [label for label in CALL if label != "100 Trying"]
    assert counts["sip"]["sent"] + counts["sip"]["received"] == len(labels)
