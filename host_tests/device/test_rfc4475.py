"""Each message of RFC 4475 through a tapped UDP socket: every octet, and its Call-ID."""

import binascii
import hashlib

from capture_doubles import agent, drain, field
from real_sockets import HOST, at, udp
from rfc4475 import call_id, messages
from test_capture_classes import METHODS
from uhep import OUT
from uhep.flow import STRICT
from uhep.tap import tap


def test_the_files_are_the_rfcs():
    # Sizes and SHA-256 of the copies that other SIP stacks test with.
    rows = messages()
    assert len(rows) == 49
    for row, message in rows:
        assert len(message) == row["size"], row["name"]
        digest = binascii.hexlify(hashlib.sha256(message).digest()).decode()
        assert digest[:12] == row["sha256"], row["name"]


def test_over_udp():
    a = agent()
    sock, port = udp()
    peer, peer_port = udp()
    here = tap(sock, a, (HOST, port))
    there = tap(peer, a, (HOST, peer_port))
    for row, message in messages():
        assert there.sendto(message, at(port)) == len(message)
        assert here.recvfrom(4096)[0] == message
        packets = drain(a)
        assert len(packets) == 2
        for packet in packets:
            assert field(packet, 15) == message, row["name"]
            assert field(packet, 17) == call_id(row), row["name"]
            assert field(packet, 7) == bytes((peer_port >> 8, peer_port & 255))
            assert field(packet, 8) == bytes((port >> 8, port & 255))
    here.untap().close()
    there.untap().close()


# Method and status of each message of RFC 4475, from its descriptions.
TORTURE = {
    "intmeth": (15, 0),
    "esc02": (15, 0),
    "mismatch01": (5, 0),
    "mismatch02": (15, 0),
    "unreason": (1, 200),
    "noreason": (1, 100),
    "scalarlg": (5, 503),
    "bigcode": (1, 999),
    "bcast": (1, 200),
    "badvers": (5, 0),
    "mpart01": (7, 0),
    "dblreq": (6, 0),
    "scalar02": (6, 0),
    "trws": (5, 0),
    "zeromf": (5, 0),
}


def test_method_and_status():
    a = agent()
    flow = a.flow((HOST, 5060), (HOST, 5060), mode=STRICT)
    for row, message in messages():
        assert a.capture(flow, OUT, message, len(message)), row["name"]
        first = message.lstrip().split(b" ")[0].decode()
        code = METHODS.index(first) + 1 if first in METHODS else 15
        found = a.ring.st[25], a.ring.st[26]
        expected = TORTURE.get(row["name"], (code, 0))
        assert found == expected, (row["name"], found)
        drain(a)
