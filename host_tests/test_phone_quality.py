"""Two emulated phones tell how their call sounds: to the capture server, and by PUBLISH."""

import json
import re
import socket
import threading

from atas import saw
from peers.program import until
from uhep_tools import quality, vqreport
from uhep_tools.ports import free_block
from uhep_tools.server import Server, in_thread
from uhep_tools.sim import Device
from uhep_tools.store import Store

HEAP = "192K"
KEEP = re.compile(rb"(?im)^(?:via|from|to|call-id|cseq):.*\r\n")


class Collector:
    """Answers each PUBLISH with 200 and keeps its body."""

    def __init__(self):
        self.bodies = []
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.settimeout(0.2)
        self.uri = f"sip:collector@127.0.0.1:{self._sock.getsockname()[1]}"
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._closing.set()
        self._thread.join()
        self._sock.close()

    def _run(self):
        while not self._closing.is_set():
            try:
                data, peer = self._sock.recvfrom(65535)
            except TimeoutError:
                continue
            head, _, body = data.partition(b"\r\n\r\n")
            kept = b"".join(KEEP.findall(head + b"\r\n"))
            self._sock.sendto(b"SIP/2.0 200 OK\r\n" + kept + b"Content-Length: 0\r\n\r\n", peer)
            if body not in self.bodies:  # sent again, if our answer was late
                self.bodies.append(body)


def test_a_small_max_packet_stops_no_phone(tmp_path):
    port = free_block(4)
    device = {"sip_port": port + 2, "rtp_port": port, "hep_rtcp": True, "hep_quality": True}
    hep = {"capture_address": "127.0.0.1:9", "max_packet": 1399}
    with Device(
        "bob", tmp_path, device=device | {"quit_after_ms": 100}, hep=hep, heap=HEAP
    ) as bob:
        counts = bob.wait(30)
        said = [line for line in bob.lines if "RTCP" in line]
    assert counts["capture"]["dropped"] == 0
    assert len(said) == 1 and "no capture of RTCP: hep.json: max_packet" in said[0]


def test_a_call_is_reported(tmp_path):
    with (
        Store(tmp_path / "uhep.db") as store,
        in_thread(Server(store, port=0)) as server,
        Collector() as collector,
    ):
        hep = {"capture_address": f"127.0.0.1:{server.port}", "quality_s": 2, "status_s": 0}
        alice, bob = free_block(4), free_block(4)
        both = {"hep_quality": True, "hep_rtcp": True, "quit_after_calls": 1}
        called = both | {"sip_port": bob + 2, "rtp_port": bob, "answer_after_ms": 100}
        caller = both | {
            "sip_port": alice + 2,
            "rtp_port": alice,
            "call": f"sip:bob@127.0.0.1:{bob + 2}",
            "talk_ms": 7000,
            "quality_collector": collector.uri,
            "quality_interval_s": 3,
            "quality_alert_mos": 450,
        }
        with (
            Device("bob", tmp_path / "b", device=called, hep=hep, heap=HEAP) as b,
            Device("alice", tmp_path / "a", device=caller, hep=hep, heap=HEAP) as a,
        ):
            counts = [a.wait(60), b.wait(60)]
        messages = [message for call in store.calls() for message in store.messages(call.call)]
        call = next(call for call in store.calls() if call.method == "INVITE")
        points = quality.series(store, call.call)

    assert all(each["bytes_per_packet"] == 0 for each in counts), counts
    assert all(each["capture"]["dropped"] == 0 for each in counts)
    byes = [m.packet.payload for m in messages if m.method == "BYE"]
    stats = re.findall(rb"(?im)^X-RTP-Stat: CS=\d+;PS=(\d+);PR=(\d+);ER=\d+;PL=(\d+),", byes[0])
    assert stats and int(stats[0][0]) > 200 and int(stats[0][1]) > 200, byes[0]

    streams = quality.summary(points)
    assert len(streams) == 2
    for stream in streams:
        assert 1 <= stream.mos_least <= stream.mos <= 4.41 and stream.rtt_ms is not None
        assert stream.agents and stream.jitter_ms is not None
    finals = [p for p in points if p.final and p.source == "report"]
    assert len(finals) == 4 and all(p.mos for p in finals)  # two phones, two directions
    assert {p.source for p in points} == {"rtcp", "xr", "report", "vq"}

    reports = [vqreport.parse(body) for body in collector.bodies]
    kinds = [report.kind for report in reports]
    assert kinds[-1] == "session" and "interval" in kinds and "alert" in kinds
    last = reports[-1]
    assert last.call_id == call.call and last.what == "CallTerm"
    assert last.address("Local")[:2] == ("127.0.0.1", alice)
    assert last.address("Remote")[:2] == ("127.0.0.1", bob)
    final = next(p for p in finals if p.agent and p.stream.endswith(f":{alice}"))
    assert last.number("MOSCQ") is not None and abs(last.number("MOSCQ") - final.mos) < 0.06
    assert last.local["START"] < last.local["STOP"]
    assert last.remote["NLR"]


def hears(phone):
    """Wait until a phone has had some packets in its call."""
    before = len(phone.lines)

    def told():
        phone.type("status")
        found = [re.search(r", (\d+) received, \d+ lost", line) for line in phone.lines[before:]]
        return any(each and int(each[1]) > 5 for each in found)

    until(told, lambda: phone.lines[before:])


def test_a_call_that_is_transferred_away_is_reported(tmp_path):
    """Bob is passed on to Carol: what he heard of Alice is told, too."""
    with Store(tmp_path / "uhep.db") as store, in_thread(Server(store, port=0)) as server:
        hep = {"capture_address": f"127.0.0.1:{server.port}", "status_s": 0}

        def phone(name):
            port = free_block(4)
            keys = {"sip_port": port + 2, "rtp_port": port, "answer_after_ms": 1, "rtcp": False}
            keys |= {"hep_quality": True, "quit_after_ms": 60000}
            found = Device(name, tmp_path / name, device=keys, hep=hep, heap=HEAP)
            found.uri = f"sip:{name}@127.0.0.1:{port + 2}"
            return found

        with phone("alice") as alice, phone("bob") as bob, phone("carol") as carol:
            for each in (bob, carol):
                saw(each, "is at")
            alice.type("call " + bob.uri)
            saw(alice, ": talking")
            hears(alice)
            hears(bob)
            alice.type("transfer " + carol.uri)
            saw(alice, ": ended (transferred)")
            saw(bob, ": ended (hung up there)")
            hears(bob)
            hears(carol)
            carol.type("hangup")
            saw(bob, ": ended", 2)
            for each in (alice, bob, carol):
                each.type("quit")
                each.wait(30)

        def reports():
            calls = [call.call for call in store.calls() if call.method == "INVITE"]
            return [
                [
                    json.loads(m.packet.payload)["TOTAL_PK"]
                    for m in store.messages(call)
                    if m.type == 34
                ]
                for call in calls
            ]

        # Of two calls, by two phones; what these did not hear of each other they do not tell.
        until(lambda: [len(each) for each in reports()] == [2, 2], reports)
        assert all(packets > 5 for each in reports() for packets in each), reports()
