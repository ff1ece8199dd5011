"""What is measured. Each subject does one thing to a packet, as often as it is told."""

import sys
from collections import namedtuple

from message import CALL_ID, HERE, INVITE, KEY, NAME, NODE, THERE
from naive import encode
from receiver import HOST, address, sender
from sink import Sink
from uhep import LOG, OUT, SIP, Agent
from uhep.tap import tap

_STAMPS = ((42, 46), (52, 56))  # where a packet's seconds and microseconds are
_SECRETS = ["auth", "keys", "message", "dtmf"]
_ROUND = 65536  # octets: a ring that holds a round of packets

# run(n) does n packets. queue: the agent whose ring it fills, or None. arrives: octets that
# the receiver gets of each packet.
Subject = namedtuple("Subject", ("name", "run", "queue", "arrives"))


def make(receiver):
    """All subjects, in turn; the first is what the others are compared with.

    Raises ValueError if the naive encoder's packet is not the agent's.
    """
    buf = bytearray(INVITE)  # as a stack has it
    packet = _packet(receiver, buf)
    own, given, other, both, off, tapped = [_agent(receiver, Sink(), _ROUND) for _ in range(6)]
    off.enabled = False
    redact = _agent(receiver, Sink(), _ROUND, redact=_SECRETS, status_s=0)
    kinds, salt = _SECRETS + ["users"], "a salt of the bench"
    users = _agent(receiver, Sink(), _ROUND, redact=kinds, redact_salt=salt, status_s=0)
    to = address(receiver.port)
    hep = len(packet)
    sip = len(buf)
    return (
        Subject("write", _write(sender(receiver.port), packet), None, hep),
        Subject("capture_poll", _capture_poll(_agent(receiver), buf), None, hep),
        Subject("capture", _capture(own, buf), own, 0),
        Subject("capture_given", _capture_given(given, buf), given, 0),
        Subject("capture_no_id", _capture(other, buf, LOG), other, 0),
        Subject("scan", _scan(other, buf), None, 0),
        Subject("capture_poll_sink", _capture_poll(both, buf), both, 0),
        Subject("capture_redact", _capture(redact, buf), redact, 0),
        Subject("capture_users", _capture(users, buf), users, 0),
        Subject("disabled", _capture(off, buf), off, 0),
        Subject("naive", _naive(buf), None, 0),
        Subject("naive_sendto", _naive_sendto(buf, sender(), to), None, hep),
        Subject("sendto", _sendto(buf, sender(), to), None, sip),
        Subject("tapped_sendto", _sendto(buf, tap(sender(), tapped, HERE), to), tapped, sip),
    )


def _agent(receiver, link=None, queue_bytes=8192, **more):
    config = {
        "capture_address": "%s:%d" % (HOST, receiver.port),
        "capture_id": NODE,
        "capture_name": NAME,
        "capture_password": KEY,
        "queue_bytes": queue_bytes,
    }
    config.update(more)
    agent = Agent(config, link=link)
    agent.poll()  # opens the link
    return agent


def _packet(receiver, buf):
    # The agent's packet, and proof that the naive encoder does the same work.
    _capture_poll(_agent(receiver), buf)(1)
    packet = receiver.packet()
    naive = bytearray(encode(buf))
    for start, end in _STAMPS:
        naive[start:end] = packet[start:end]
    if naive != packet:
        raise ValueError("the naive encoder and the agent make different packets")
    return packet


def _write(sock, packet):
    size = len(packet)

    def run(n):
        for _ in range(n):
            sock.write(packet, 0, size)

    return run


def _capture_poll(agent, buf):
    flow = agent.flow(HERE, THERE)
    size = len(buf)

    def run(n):
        for _ in range(n):
            agent.capture(flow, OUT, buf, size)
            agent.poll()

    return run


def _capture(agent, buf, kind=SIP):
    flow = agent.flow(HERE, THERE, kind=kind)
    size = len(buf)

    def run(n):
        for _ in range(n):
            agent.capture(flow, OUT, buf, size)

    return run


def _capture_given(agent, buf):
    flow = agent.flow(HERE, THERE)
    size = len(buf)

    def run(n):
        for _ in range(n):
            agent.capture(flow, OUT, buf, size, CALL_ID)

    return run


def _scan(agent, buf):
    # Finds the Call-ID; nobody has told it.
    st = agent.ring.st
    size = len(buf)
    if "uhep._plain" in sys.modules:
        from uhep._plain import scan

        def run(n):
            for _ in range(n):
                st[28] = -1
                scan(buf, size, st, -1)
    else:
        from uhep._native import record

        def run(n):
            for _ in range(n):
                record(1, size, -1, size, buf, None, st, -1, buf, buf, None, None)

    return run


def _naive(buf):
    def run(n):
        for _ in range(n):
            encode(buf)

    return run


def _naive_sendto(buf, sock, to):
    def run(n):
        for _ in range(n):
            sock.sendto(encode(buf), to)

    return run


def _sendto(buf, sock, to):
    def run(n):
        for _ in range(n):
            sock.sendto(buf, to)

    return run
