"""Our statistics of received RTP against tshark's, on the same arrivals."""

import socket
import threading
import time

import pytest
from faults_udp import UdpProxy
from peers import rtpstream
from peers.rtpstream import lose, pause, reorder, sent, twice
from uhep.port import ticks_us
from uhep.rtpstats import RtpStats

WRAP = 0x3FFFFFFF
STREAMS = {
    "whole": sent(1500),
    "loss 1 %": lose(sent(1500), 1),
    "loss 5 %": lose(sent(1500), 5),
    "loss 20 %": lose(sent(1500), 20),
    "jitter": sent(1500, jitter_us=15_000),
    "reordered": reorder(sent(1500, jitter_us=3_000), 8),
    "twice": twice(sent(1500), 5),
    "a gap of 2 s": pause(sent(1500), 700, 2_000_000),
    "a hole of 2 s": sent(1500)[:700] + sent(1500)[800:],
    "wrap": sent(1500, first=65_000),
    "all at once": twice(reorder(lose(sent(3000, first=64_000, jitter_us=9_000), 5), 5), 3),
}


def replay(arrivals):
    stats = RtpStats()
    counted = [
        stats.feed(packet, len(packet), us + 1_000_000_000 & WRAP) for us, packet in arrivals
    ]
    stats.settle()
    return stats, counted


def by_tshark(numbers):
    """(reordered, duplicates) of sequence numbers as tshark has read them."""
    seen, highest, late, again = set(), -1, 0, 0
    for number in numbers:
        full = number if highest < 0 else highest + (number - highest + 32768) % 65536 - 32768
        if full in seen:
            again += 1
        elif full < highest:
            late += 1
        seen.add(full)
        highest = max(highest, full)
    return late, again


@pytest.mark.peer("tshark")
@pytest.mark.parametrize("name", STREAMS)
def test_one_stream(tmp_path, name):
    """tshark -z rtp,streams: loss, reordering, duplicates, jitter and delta of the same packets"""
    path = tmp_path / "rtp.pcap"
    rtpstream.write(path, STREAMS[name])
    (theirs,) = rtpstream.judged(path).values()
    ours, counted = replay(rtpstream.arrivals(path))
    late, again = by_tshark([seq for _, seq in rtpstream.dissected(path)])

    assert all(counted) and ours.received == theirs["packets"]
    assert ours.lost == theirs["lost"]
    assert (ours.reordered, ours.duplicates) == (late, again)
    assert ours.bursts.lost == ours.missing() == ours.lost + again
    assert ours.mean_jitter_us / 1000 == pytest.approx(theirs["mean_jitter"], rel=0.01, abs=0.002)
    assert ours.max_jitter_us / 1000 == pytest.approx(theirs["max_jitter"], rel=0.01, abs=0.002)
    assert ours.max_delta_us / 1000 == pytest.approx(theirs["max_delta"], abs=0.002)


@pytest.mark.peer("tshark")
def test_another_ssrc(tmp_path):
    """tshark -z rtp,streams: two streams one after the other, each as it counts it"""
    first = lose(sent(700), 5)
    second = lose(sent(900, first=40_000, ssrc=0xF0000001, jitter_us=5_000, after_us=14e6), 5)
    second = [second[0], (second[0][0] + 20_000, rtpstream.packet(40_001, 0xF0000001))] + [
        entry for entry in second[1:] if entry[1][2:4] != (40_001).to_bytes(2, "big")
    ]
    path = tmp_path / "rtp.pcap"
    rtpstream.write(path, [(int(us), packet) for us, packet in first + second])
    theirs = rtpstream.judged(path)
    arrivals = rtpstream.arrivals(path)
    ours, counted = replay(arrivals)
    alone, _ = replay(arrivals[: len(first)])

    old, new = theirs[0x12345678], theirs[0xF0000001]
    assert counted.count(False) == 1  # believed from its second packet on, which counts both
    assert ours.ssrc_changes == 1 and (ours.ssrc_hi, ours.ssrc_lo) == (0xF000, 1)
    assert alone.lost == old["lost"] and alone.received == old["packets"]
    assert (ours.lost, ours.received) == (new["lost"], new["packets"])
    assert ours.missing() == old["lost"] + new["lost"]
    assert ours.max_jitter_us / 1000 == pytest.approx(
        max(old["max_jitter"], new["max_jitter"]), rel=0.01
    )


@pytest.mark.peer("tshark")
@pytest.mark.parametrize("percent", [0, 1, 5, 20])
def test_live(tmp_path, percent):
    """tshark -z rtp,streams: a stream through a proxy that loses packets, judged as it comes"""
    stats, heard, latest = RtpStats(), [], time.monotonic() + 60
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.2)
        with (
            UdpProxy(receiver.getsockname(), drop=percent / 100, seed=7) as proxy,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        ):

            def send():
                for n in range(300):
                    sender.sendto(rtpstream.packet(65_400 + n), ("127.0.0.1", proxy.port))
                    time.sleep(0.004)

            thread = threading.Thread(target=send)
            thread.start()
            while len(heard) + len(proxy.dropped) < 300:
                try:
                    data = receiver.recv(2048)
                except TimeoutError:
                    assert time.monotonic() < latest, f"{len(heard)} of 300 came"
                    continue
                stats.feed(data, len(data), ticks_us())
                heard.append((time.monotonic_ns() // 1000, data))
            thread.join()
            lost = len(proxy.dropped)
    path = tmp_path / "rtp.pcap"
    began = heard[0][0]
    rtpstream.write(path, [(us - began, packet) for us, packet in heard])
    (theirs,) = rtpstream.judged(path).values()
    again, _ = replay(rtpstream.arrivals(path))

    assert stats.received == theirs["packets"] == len(heard)
    assert stats.lost == again.lost == theirs["lost"] <= lost
    assert again.mean_jitter_us / 1000 == pytest.approx(theirs["mean_jitter"], rel=0.01, abs=0.002)
    # Their clocks were read one after the other, so these are only shown.
    print(
        f"live: lost {stats.lost}, jitter {stats.mean_jitter_us} us, {stats.max_jitter_us} at most"
    )
    print(f"tshark: lost {theirs['lost']}, {theirs['mean_jitter']} ms, {theirs['max_jitter']} ms")


@pytest.mark.peer("tshark")
def test_a_wrong_judgement_is_seen(tmp_path):
    """tshark -z rtp,streams: one packet withheld from our statistics makes the two differ"""
    path = tmp_path / "rtp.pcap"
    rtpstream.write(path, STREAMS["jitter"])
    (theirs,) = rtpstream.judged(path).values()
    arrivals = rtpstream.arrivals(path)
    ours, _ = replay(arrivals[:700] + arrivals[701:])
    assert ours.lost == theirs["lost"] + 1
    late = [(us + 40 * n, packet) for n, (us, packet) in enumerate(arrivals)]
    ours, _ = replay(late)
    assert ours.max_delta_us / 1000 != pytest.approx(theirs["max_delta"], abs=0.002)
