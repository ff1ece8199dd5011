"""RTP streams with faults, as a capture file has them and as tshark judges them."""

import random
import re
import struct
import subprocess

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import PcapWriter, RawPcapReader

START_US = 1_767_225_600_000_000
PORT = 5000
PACKET_US = 20_000
_MACS = ("02:00:00:00:00:02", "02:00:00:00:00:01")
_HEAD = 14 + 20 + 8


def packet(seq, ssrc=0x12345678, stamp=None, marker=False):
    stamp = seq * 160 if stamp is None else stamp
    head = struct.pack(">BBHII", 0x80, marker << 7, seq % 65536, stamp % (1 << 32), ssrc)
    return head + b"\xff" * 160


def sent(count, first=1000, ssrc=0x12345678, jitter_us=400, seed=1, after_us=0):
    """[(arrival in us, packet)], a packet each 20 ms and up to jitter_us late."""
    draw = random.Random(seed)
    return [
        (after_us + n * PACKET_US + draw.randrange(jitter_us), packet(first + n, ssrc))
        for n in range(count)
    ]


def lose(stream, percent, seed=2):
    """Without the first and last, so that those who count by them count alike."""
    draw = random.Random(seed)
    middle = [p for p in stream[1:-1] if draw.random() * 100 >= percent]
    return [stream[0], *middle, stream[-1]]


def reorder(stream, percent, seed=3):
    """Some come up to 70 ms later."""
    draw = random.Random(seed)
    moved = [
        (us + draw.randrange(70_000) if draw.random() * 100 < percent else us, p)
        for us, p in stream[1:-4]
    ]
    return sorted([stream[0], *moved, *stream[-4:]], key=lambda entry: entry[0])


def twice(stream, percent, seed=4):
    draw = random.Random(seed)
    more = [(us + 700, p) for us, p in stream[1:-1] if draw.random() * 100 < percent]
    return sorted(stream + more, key=lambda entry: entry[0])


def pause(stream, at, us):
    """A sender that stops for a while and goes on where it was."""
    return stream[:at] + [(when + us, p) for when, p in stream[at:]]


def write(path, stream):
    ends = IP(src="127.0.0.1", dst="127.0.0.2") / UDP(sport=4000, dport=PORT)
    head = bytes(Ether(dst=_MACS[0], src=_MACS[1]) / ends / stream[0][1])[:_HEAD]
    with PcapWriter(str(path), linktype=1, snaplen=1 << 16) as out:
        out.write_header(None)
        for us, payload in stream:  # all of one length
            out.write_packet(head + payload, *divmod(START_US + us, 1_000_000))


def arrivals(path):
    """[(us since the epoch, UDP payload)] of a capture file."""
    with RawPcapReader(str(path)) as frames:
        return [(meta.sec * 1_000_000 + meta.usec, frame[_HEAD:]) for frame, meta in frames]


def judged(path, port=PORT):
    """What tshark says of each stream: {SSRC: dict}; times in ms, packets lost as counted."""
    command = ["tshark", "-n", "-r", path, "-d", f"udp.port=={port},rtp"]
    done = subprocess.run(
        [*command, "-q", "-z", "rtp,streams"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        row = re.search(r"(0x[0-9A-F]{8})\s+\S+\s+(\d+)\s+(-?\d+) \(.*?%\)(.*)", line)
        if row:
            numbers = [float(n) for n in re.findall(r"-?\d+\.\d+", row[4])]
            names = ("min_delta", "mean_delta", "max_delta", "min_jitter", "mean_jitter")
            stream = dict(zip((*names, "max_jitter"), numbers, strict=True))
            found[int(row[1], 16)] = {"packets": int(row[2]), "lost": int(row[3]), **stream}
    return found


def dissected(path, port=PORT):
    """[(SSRC, sequence number)] of each packet, as tshark reads it."""
    command = ["tshark", "-n", "-r", path, "-d", f"udp.port=={port},rtp", "-T", "fields"]
    done = subprocess.run(
        [*command, "-e", "rtp.ssrc", "-e", "rtp.seq"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return [(int(ssrc, 16), int(seq)) for ssrc, seq in rows]
