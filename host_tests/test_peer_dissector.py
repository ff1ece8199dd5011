"""Wireshark with uhep.lua reads what the agent sends."""

import pytest
from peers import agent, messages, relay
from peers.dissector import column
from test_dissector import compare_all
from uhep_tools.hep import decode

CAPTURES = [
    *messages.CALL,
    *messages.CALL_TCP,
    *messages.CALL_V6,
    *messages.AWKWARD,
    *messages.RTCP,
    *messages.LOGS,
]


@pytest.mark.peer("tshark")
def test_agent_in_the_dissector(micropython, tmp_path):
    """uhep.lua reads the agent: every field as the strict decoder, no fault, no remark"""
    with relay.relay(lambda packet: None) as tee:
        agent.send(micropython, tmp_path, f"127.0.0.1:{tee.port}", CAPTURES)
    assert len(tee.packets) == len(CAPTURES)
    assert compare_all(tmp_path, tee.packets) == set()
    shown = column(tmp_path / "batch.pcap")
    for capture, packet, (_, info) in zip(CAPTURES, tee.packets, shown, strict=True):
        assert decode(packet).payload == capture.payload
        assert "desk-17" in info
