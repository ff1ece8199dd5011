"""What a phone captures beside its SIP: a line for each transition, and RTCP."""

from uhep_tools.ports import free_pairs
from uhep_tools.server import Server, in_thread
from uhep_tools.sim import Device
from uhep_tools.store import Store
from waiting import until

RTCP, LOG = 5, 100
TIMEOUT_S = 60


def test_transitions_and_reports_are_captured_with_the_call_id(tmp_path):
    sip, rtp, far, far_rtp = free_pairs(4)
    with Store(tmp_path / "hep.db") as store:
        with in_thread(Server(store, port=0)) as server:
            more = {"quit_after_calls": 1, "quit_after_ms": 50000}
            hep = {"capture_address": f"127.0.0.1:{server.port}", "capture_name": "phone"}
            bob = Device(
                "bob",
                tmp_path / "bob",
                device={"sip_port": far, "rtp_port": far_rtp, "answer_after_ms": 50, **more},
                heap="256K",
            )
            alice = Device(
                "alice",
                tmp_path / "alice",
                device={
                    "sip_port": sip,
                    "rtp_port": rtp,
                    "hep_log": True,
                    "hep_rtcp": True,
                    **more,
                },
                hep=hep,
                heap="256K",
            )
            with bob, alice:
                until(lambda: any("is at" in line for line in bob.lines), "bob")
                alice.type(f"call sip:bob@127.0.0.1:{far}")
                until(lambda: any("talking" in line for line in alice.lines), lambda: alice.lines)
                alice.type("dtmf 9")
                alice.type("hangup")
                counts = alice.wait(TIMEOUT_S)
                bob.wait(TIMEOUT_S)
        (call,) = store.calls()
        packets = [message.packet for message in store.messages(call.call)]
    kinds = [packet.type for packet in packets]
    told = [packet.payload.decode() for packet in packets if packet.type == LOG]
    assert [text.rpartition(": ")[2].split(" (")[0] for text in told] == [
        "calling",
        "ringing",
        "talking",
        "hanging up",
        "ended",
    ]
    assert kinds.count(RTCP) >= 1  # the last report, with BYE
    assert len(packets) == counts["capture"]["captured"]
