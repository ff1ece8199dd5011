"""The capture server among real senders: what they send becomes the call that they saw."""

import json
import time
from collections import Counter

import pytest
from peers import agent, hepjs, kamailio, messages, relay, rtp, rtpengine, sipp, sngrep
from uhep_tools.server import Server, in_thread
from uhep_tools.store import Store
from waiting import until

KEY = b"sesame"


@pytest.fixture
def server(tmp_path):
    """A server that asks for the key, as all the senders below send it."""
    with Store(tmp_path / "hep.db") as store, in_thread(Server(store, port=0, key=KEY)) as it:
        yield it


def _wait(server, accepted):
    counters = server.counters
    until(lambda: counters.accepted >= accepted, lambda: f"{accepted} packets: {counters}")
    assert server.counters.accepted == server.counters.received == accepted


@pytest.mark.peer("kamailio", "sipp")
@pytest.mark.parametrize("hep_over", ["udp", "tcp"])
def test_siptrace(tmp_path, server, hep_over):
    """siptrace to `uhep serve`: the call with its state, users, and whole messages"""
    defines = ["TRACE_ALL", "WITH_KEY"] + ["HEP_TCP"] * (hep_over == "tcp")
    with (
        sipp.uas(tmp_path) as phone,
        kamailio.proxy(tmp_path, server.port, {"udp": phone}, *defines) as proxy,
    ):
        made = sipp.call(tmp_path, proxy)
        _wait(server, 13)

    [call] = server.store.calls()
    assert (call.state, call.method, call.messages) == ("ended", "INVITE", 13)
    assert (call.from_user, call.to_user) == ("sipp", "service")
    assert call.agents == [f"node {kamailio.CAPTURE_ID}"]
    kept = server.store.messages(call.call)
    ours = (("127.0.0.1", made.port), ("127.0.0.1", proxy))
    leg = Counter(
        ((m.src, m.sport) == ours[0], m.packet.payload)
        for m in kept
        if ours[0] in ((m.src, m.sport), (m.dst, m.dport))
    )
    assert leg == Counter(made.messages)


@pytest.mark.peer("kamailio", "sngrep", "sipp")
def test_two_senders_one_call(tmp_path, server):
    """siptrace and sngrep -H to `uhep serve`: one call, seen by two agents"""
    sngrep.needs_sniffing()
    with (
        sipp.uas(tmp_path) as phone,
        kamailio.proxy(tmp_path, server.port, {"udp": phone}, "TRACE_ALL", "WITH_KEY") as proxy,
        sngrep.sender(tmp_path, server.port, [phone], capture_id=7, key=KEY.decode()),
    ):
        sipp.call(tmp_path, proxy)
        # sngrep sees only the callee's leg: 6 messages.
        _wait(server, 13 + 6)

    [call] = server.store.calls()
    assert (call.state, call.messages) == ("ended", 19)
    assert sorted(call.agents) == sorted([f"node {kamailio.CAPTURE_ID}", f"node {7 << 16}"])


@pytest.mark.peer("rtpengine")
@pytest.mark.parametrize("hep_over", ["udp", "tcp"])
def test_rtpengine(tmp_path, hep_over):
    """rtpengine to `uhep serve`: its RTCP stands in the call of its correlation id"""
    with Store(tmp_path / "hep.db") as store, in_thread(Server(store, port=0)) as server:
        with (
            rtpengine.rtpengine(tmp_path, server.port, hep_over) as control,
            rtpengine.call(control, "call-1@uhep.test") as (caller, _),
        ):
            caller.send_rtp(rtp.rtp(1, 0, 0))
            # Over TCP the first one makes rtpengine connect, and leaves with the second.
            for packets in 5, 6:
                caller.send_rtcp(rtp.sender_report(1, 2, 3, 4, packets, 860))
            _wait(server, 2)
        reports = store.messages("call-1@uhep.test")
    ends = (caller.rtcp_port, caller.relay + 1)
    assert [(m.type, m.sport, m.dport) for m in reports] == [(5, *ends)] * 2
    assert [_sent(m) for m in reports] == [5, 6]


def _sent(report):
    return json.loads(report.packet.payload)["sender_information"]["packets"]


@pytest.mark.peer("hep-js")
def test_key(tmp_path, server):
    """hep-js to `uhep serve`: the right key is asked for"""
    info = {"protocolFamily": 2, "protocol": 17, "payloadType": 100, "captureId": 1}
    info |= {"correlation_id": "c", "timeSeconds": int(time.time()), "timeUseconds": 1}
    packets = hepjs.encode(
        [(key, info | {"capturePass": key}) for key in ("sesame", "sesameXYZ", "wrong", "")]
    )
    with relay.to_tcp(server.port) as line:
        for packet in packets:
            line.put(packet)
    until(lambda: server.counters.received == 4, "four packets")
    assert server.counters.rejected == {"auth-key": 3}
    [kept] = server.store.messages("c")
    assert kept.packet.payload == b"sesame"


@pytest.mark.parametrize("cuts", [(), (1, 2, 3, 4, 5, 6, 7, 11, 12), (92, 99, 140)])
def test_agent(micropython, tmp_path, server, cuts):
    """The agent to `uhep serve` over TCP, cut anywhere: every octet"""
    captures = messages.CALL + messages.CALL_V6 + messages.AWKWARD + messages.RTCP
    with relay.to_tcp(server.port, cuts) as line:
        agent.send(micropython, tmp_path, f"127.0.0.1:{line.port}", captures)
        _wait(server, len(captures))

    kept = {m.raw for call in server.store.calls() for m in server.store.messages(call.call)}
    assert kept == set(line.packets)
