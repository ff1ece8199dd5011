"""RTCP of real phones: our JSON beside rtpengine's for the same reports, and Kamailio's rows."""

import json
import socket
import struct
import threading
from contextlib import contextmanager

import pytest
from peers import baresip, kamailio, listener, network, rtpengine
from uhep import IN, OUT, Agent
from uhep.rtcp import Rtcp
from uhep_tools.hep import decode
from waiting import until

_OUTGOING = 4  # of packet(7): the loopback interface shows each packet twice
_REPORTS = 3  # of each phone
_SO_TIMESTAMPNS = 35  # not in Python's socket


class Sniffer:
    """Keeps the UDP datagrams of the loopback interface: (source, target, payload, when).

    when: nanoseconds, as the kernel saw it, however long this thread had to wait.
    """

    def __init__(self, sock):
        self.heard = []
        self._sock = sock
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._closing.is_set():
            try:
                frame, notes, _, address = self._sock.recvmsg(65535, 64)
            except TimeoutError:
                continue
            if address[2] == _OUTGOING and frame[12:14] == b"\x08\0" and frame[23] == 17:
                at = 14 + (frame[14] & 15) * 4
                ports = [int.from_bytes(frame[i : i + 2], "big") for i in (at, at + 2)]
                ends = [socket.inet_ntoa(frame[i : i + 4]) for i in (26, 30)]
                size = int.from_bytes(frame[at + 4 : at + 6], "big")
                when = [struct.unpack("qq", data) for _, _, data in notes]
                self.heard.append(
                    (
                        (ends[0], ports[0]),
                        (ends[1], ports[1]),
                        frame[at + 8 : at + size],
                        when[0][0] * 1_000_000_000 + when[0][1],
                    )
                )

    def close(self):
        self._closing.set()
        self._thread.join()


@contextmanager
def sniffer():
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.bind(("lo", 0))
        sock.settimeout(0.2)
        it = Sniffer(sock)
        try:
            yield it
        finally:
            it.close()


def _talk(folder, collector):
    """baresip calls baresip through Kamailio and rtpengine."""
    with (
        rtpengine.rtpengine(folder, collector.port) as control,
        kamailio.proxy(
            folder, collector.port, {}, "TRACE_ALL", "WITH_RTPENGINE", rtpengine=control
        ) as proxy,
        baresip.phone(folder, "alice", proxy) as alice,
        baresip.phone(folder, "bob", proxy),
    ):
        until(lambda: _said(collector, b"REGISTER", 2), lambda: "two registrations")
        alice.command("dial", "sip:bob@uhep.test")
        until(
            lambda: all(len(of) >= _REPORTS for of in _parties(collector, 2).values()),
            lambda: f"{_REPORTS} reports of each phone: {_parties(collector, 0)}",
            seconds=60,  # a phone reports every 5 s
        )
        alice.command("hangup")
        until(lambda: _said(collector, b"BYE", 1), lambda: "the end of the call")


def _said(collector, method, count):
    replies = [p for p in map(decode, list(collector.packets)) if p.type == 1]
    done = [p for p in replies if p.payload.startswith(b"SIP/2.0 200") and method in p.payload]
    return len(done) >= count


def _parties(collector, least):
    """{RTCP address of a phone: rtpengine's packets of it}; empty lists for `least` unknown."""
    found = {}
    for packet in map(decode, list(collector.packets)):
        if packet.type == 5 and "report_blocks" in json.loads(packet.payload):
            found.setdefault((packet.src, packet.sport), []).append(packet)
    for n in range(least - len(found)):
        found[n] = []
    return found


def _capture(heard, here, call_id, collector):
    """Our packets of the RTCP to and from one phone, as if the agent were in it."""
    now = 0
    agent = Agent(
        {
            "capture_address": f"127.0.0.1:{collector}",
            "capture_id": 2001,
            "capture_name": "desk-17",
            "profile": "kamailio",
            "queue_bytes": 65536,
        },
        ticks=lambda: now,
    )
    rtcp = Rtcp(agent)
    rtcp.cid = call_id
    for source, target, payload, when in heard:
        if here in (source, target):
            now = when // 1000 % (1 << 30)
            there = target if source == here else source
            flow = rtcp.flow(here, there)
            rtcp.capture(flow, OUT if source == here else IN, payload, len(payload))
            while agent.stats()["waiting"]:
                agent.poll()
    return agent.stats()["sent"], rtcp


@pytest.mark.peer("baresip", "kamailio", "rtpengine")
def test_two_phones(tmp_path):
    """baresip calls baresip through rtpengine: its RTCP as JSON and ours, and Kamailio's rows"""
    network.isolated(lambda: _two_phones(tmp_path))


def _two_phones(folder):
    (folder / "table").mkdir()
    with (
        listener.listener() as collector,
        listener.listener() as ours,
        kamailio.receiver(folder / "table") as receiver,
    ):
        with sniffer() as sniffed:
            _talk(folder, collector)
        parties = _parties(collector, 0)
        (here, mine), (_, theirs) = parties.items()
        call_id = mine[0].cid
        count, rtcp = _capture(sniffed.heard, here, call_id, receiver.port)
        rows = receiver.wait_rows("rtcp_capture", count)
        _capture(sniffed.heard, here, call_id, ours.port)
        packets = [decode(packet) for packet in ours.wait(count)]

    out = [json.loads(p.payload) for p in packets if (p.src, p.sport) == here]
    back = [json.loads(p.payload) for p in packets if (p.dst, p.dport) == here]
    for direction, rtpengines in (out, mine), (back, theirs):
        reports = {r["sender_information"]["rtp_timestamp"]: r for r in direction if _sr(r)}
        compared = 0
        for packet in rtpengines:
            report = json.loads(packet.payload)
            if _sr(report):
                assert reports[report["sender_information"]["rtp_timestamp"]] == report
                compared += 1
        assert compared >= _REPORTS
    assert rtcp.counts["sent"] == count and rtcp.counts["truncated"] == rtcp.counts["length"] == 0
    assert rtcp.peer.heard and 0 <= rtcp.peer.rtt_ms < 5000

    assert [row["msg"] for row in rows] == [packet.payload for packet in packets]
    assert {row["correlation_id"] for row in rows} == {call_id.decode()}
    for row, packet in zip(rows, packets, strict=True):
        assert (row["source_ip"], row["source_port"]) == (packet.src, packet.sport)
        assert (row["destination_ip"], row["destination_port"]) == (packet.dst, packet.dport)


def _sr(report):
    return report.get("type") == 200
