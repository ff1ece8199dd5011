"""sngrep as a reader of what the agent sends."""

import pytest
from peers import agent, messages, relay, sngrep, tshark
from uhep_tools.hep import decode

# sngrep writes a pcap of IPv4 and UDP, takes packets below 20480 octets, and of SIP only what
# has its Call-ID on one line without a blank before the colon.
_NOT_FOR_SNGREP = ("spaced-1", "folded-1", "large-1")
TO_SNGREP = messages.CALL + [
    each for each in messages.AWKWARD if each.says["callid"] not in _NOT_FOR_SNGREP
]
DIALOGS = len({each.says["callid"] for each in TO_SNGREP})


@pytest.mark.peer("sngrep", "tshark")
@pytest.mark.parametrize("key", [None, "sesame"], ids=["no key asked", "key"])
def test_sngrep_reads(micropython, tmp_path, key):
    """sngrep -L, its pcap read by tshark: addresses, ports, microseconds, whole messages"""
    with sngrep.receiver(tmp_path, key) as collector, relay.to_udp(collector.port) as tee:
        agent.send(micropython, tmp_path, f"127.0.0.1:{tee.port}", TO_SNGREP)
        collector.wait_dialogs(DIALOGS)

    frames = tshark.read(collector.pcap, sip_ports=[5060])
    for capture, packet, frame in zip(TO_SNGREP, tee.packets, frames, strict=True):
        packet = decode(packet)
        assert (frame["ip.src"], int(frame["udp.srcport"])) == capture.source
        assert (frame["ip.dst"], int(frame["udp.dstport"])) == capture.destination
        assert frame["frame.time_epoch"] == f"{packet.sec}.{packet.usec:06d}000"
        assert bytes.fromhex(frame["udp.payload"]) == capture.payload
        assert frame["sip.Call-ID"] == capture.says["callid"]
        assert frame["sip.CSeq"] == capture.says["cseq"]
        assert capture.says["method"] in (frame["sip.Method"], frame["sip.Status-Code"])


@pytest.mark.peer("sngrep", "tshark")
def test_sngrep_largest(micropython, tmp_path):
    """sngrep -L takes the largest packet of profile sngrep, 20479 octets: the message is cut"""
    [large] = [each for each in messages.AWKWARD if each.says["callid"] == "large-1"]
    with sngrep.receiver(tmp_path) as collector, relay.to_udp(collector.port) as tee:
        agent.send(
            micropython,
            tmp_path,
            f"127.0.0.1:{tee.port}",
            # It counts no dialog for messages above 10 KB: the second one tells that it got both.
            [large, messages.AWKWARD[0]],
            truncated=1,
            profile="sngrep",
            max_packet=20479,
        )
        collector.wait_dialogs(1)

    packet = tee.packets[0]
    assert len(packet) == 20479
    frame, _ = tshark.read(collector.pcap, sip_ports=[5060])
    payload = bytes.fromhex(frame["udp.payload"])
    assert payload == decode(packet).payload
    assert large.payload.startswith(payload)


@pytest.mark.peer("sngrep", "tshark")
def test_sngrep_refuses_key(micropython, tmp_path):
    """sngrep -L with a password takes the packets with the right key only"""
    refused, taken = messages.CALL, messages.AWKWARD[:1]
    with sngrep.receiver(tmp_path, "sesame") as collector:
        address = f"127.0.0.1:{collector.port}"
        for key in "wrong", "":
            agent.send(micropython, tmp_path, address, refused, capture_password=key)
        agent.send(micropython, tmp_path, address, taken)
        collector.wait_dialogs(1)

    frames = tshark.read(collector.pcap, sip_ports=[5060])
    assert [bytes.fromhex(frame["udp.payload"]) for frame in frames] == [taken[0].payload]
