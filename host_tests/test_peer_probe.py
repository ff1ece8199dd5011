"""The probe between real phones and a real server: the calls work, both legs are captured."""

from collections import Counter

import pytest
from peers import sipp
from peers.listener import listener
from peers.probe import probe
from uhep_tools.hep import decode
from waiting import until

MESSAGES = 6  # of a call of sipp's, on one leg


def captured(packets, port):
    """(to the port, from the port): how often each message was captured."""
    return (
        Counter(p.payload for p in packets if p.dport == port),
        Counter(p.payload for p in packets if p.sport == port),
    )


def as_logged(messages, there=False):
    """The same of what sipp logged at the other end of that port, or at the port itself."""
    return tuple(Counter(m for sent, m in messages if sent != back) for back in (there, not there))


@pytest.mark.peer("sipp")
@pytest.mark.parametrize(
    "phone, server, count",
    [("udp", "udp", 100), ("udp", "tcp", 20), ("tcp", "udp", 20), ("tcp", "tcp", 20)],
)
def test_calls(tmp_path, phone, server, count):
    """sipp calls sipp through the probe, UDP and TCP: both legs are captured, each message once"""
    with (
        listener() as collector,
        sipp.uas(tmp_path, server) as uas,
        probe(tmp_path, uas, collector.port, server_transport=server) as it,
    ):
        call = sipp.call(tmp_path, it.sip_port, phone, count=count, rate=10)
        seen = [message for _, message in call.messages]
        until(
            lambda: len(sipp.logged(tmp_path, uas)) == len(seen),
            lambda: f"{len(seen)} messages at the server: {len(sipp.logged(tmp_path, uas))}",
        )
        packets = [decode(packet) for packet in collector.wait(2 * len(seen))]
        answered = sipp.logged(tmp_path, uas)
    assert len(seen) >= count * MESSAGES and len(packets) == 2 * len(seen)
    # The probe's port for phones, and sipp's as the server, are each of one leg only.
    assert captured(packets, it.sip_port) == as_logged(call.messages)
    assert captured(packets, uas) == as_logged(answered, there=True)
    if (phone, server) == ("udp", "udp"):
        ends = {(p.sport, p.dport) for p in packets}
        near, far = (call.port, it.sip_port), (it.server_port, uas)
        assert ends == {near, near[::-1], far, far[::-1]}
