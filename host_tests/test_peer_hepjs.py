"""hep-js: it reads what the agent sends, and our decoder reads what it makes."""

import pytest
from peers import agent, hepjs, messages, relay
from uhep_tools.hep import decode

# hep-js turns octets that are no UTF-8 into something else.
TO_HEPJS = [
    *messages.CALL,
    *messages.CALL_TCP,
    *messages.CALL_V6,
    *(each for each in messages.AWKWARD if each.says["callid"] != "binary-1"),
    *messages.RTCP,
    *messages.LOGS,
]


@pytest.mark.peer("hep-js")
def test_hepjs_reads(micropython, tmp_path):
    """hep-js decodes: every field but IPv6 addresses, node name, types 1, 5, 100"""
    with relay.relay(lambda packet: None) as tee:
        agent.send(micropython, tmp_path, f"127.0.0.1:{tee.port}", TO_HEPJS)
    read = hepjs.decode(tee.packets)

    for capture, octets, found in zip(TO_HEPJS, tee.packets, read, strict=True):
        packet = decode(octets)
        cid = capture.cid.decode() if capture.cid else capture.says["callid"]
        expected = {
            "protocolFamily": capture.family,
            "protocol": capture.proto,
            "srcPort": capture.source[1],
            "dstPort": capture.destination[1],
            "timeSeconds": packet.sec,
            "timeUseconds": packet.usec,
            "payloadType": capture.kind,
            "captureId": agent.CONFIG["capture_id"],
            "capturePass": agent.CONFIG["capture_password"],
            "hepNodeName": agent.CONFIG["capture_name"],
            "correlation_id": cid,
        }
        if capture.family == 2:
            expected |= {"srcIp": capture.source[0], "dstIp": capture.destination[0]}
        assert found == {"rcinfo": expected, "payload": capture.payload.decode()}


_INFO = {
    "protocolFamily": 2,
    "protocol": 17,
    "srcIp": "192.0.2.10",
    "dstIp": "203.0.113.255",
    "srcPort": 5060,
    "dstPort": 65535,
    "timeSeconds": 1767225600,
    "timeUseconds": 999999,
    "payloadType": 1,
    "captureId": 4294967295,
    "capturePass": "sesame",
    "hepNodeName": "ams01",
}


@pytest.mark.peer("hep-js")
@pytest.mark.parametrize(
    "payload, changes",
    [
        ("OPTIONS sip:a SIP/2.0\r\n\r\n", {}),
        ('{"ssrc":1}', {"payloadType": 5, "correlation_id": "c1@x", "protocol": 6}),
        ("a log line", {"payloadType": 100, "correlation_id": "c2@x", "captureId": 0}),
        ("{}", {"proto_type": 32, "payloadType": 32, "correlation_id": "c3@x", "mos": 410}),
        ("X" * 60000, {"correlation_id": "c4@x"}),
    ],
    ids=["sip", "rtcp", "log", "mos", "60000 octets"],
)
def test_hepjs_encodes(payload, changes):
    """hep-js encodes: every field, MOS, 60,000 octets of payload"""
    info = _INFO | changes
    [octets] = hepjs.encode([(payload, info)])
    packet = decode(octets)
    read = {
        "protocolFamily": packet.family,
        "protocol": packet.proto,
        "srcIp": packet.src,
        "dstIp": packet.dst,
        "srcPort": packet.sport,
        "dstPort": packet.dport,
        "timeSeconds": packet.sec,
        "timeUseconds": packet.usec,
        "payloadType": packet.type,
        "captureId": packet.node_id,
        "capturePass": packet.key.decode(),
        "hepNodeName": packet.node_name.decode(),
    }
    assert read == {name: info[name] for name in read}
    assert packet.payload == payload.encode()
    assert packet.cid == (info["correlation_id"].encode() if "correlation_id" in info else None)
    assert packet.mos == info.get("mos")


@pytest.mark.peer("hep-js")
def test_hepjs_cuts_text_beyond_ascii():
    """hep-js counts characters, not octets: its own cut is read as what is on the wire"""
    [octets] = hepjs.encode([("Zoë: grüße", _INFO)])
    assert decode(octets).payload == "Zoë: grü".encode()
