"""`uhep decode` as its user sees it: text, JSON, exit status, and the capture it writes."""

import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hepmake import GOOD, SIP, chunk, good
from hepmake import frame as packet_of
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.utils import rdpcap
from typer.testing import CliRunner
from uhep_tools.cli import app
from uhep_tools.hep import decode

VECTORS = Path(__file__).parent / "vectors/hep3.jsonl"
FAULTY = good({0x0A: (5_000_000).to_bytes(4, "big"), 0x0E: b"a\0b"})


def uhep(*arguments, stdin=b""):
    return CliRunner().invoke(app, ["decode", *map(str, arguments)], input=stdin)


def test_text():
    done = uhep(stdin=good({0x20: b"\x01\x9a", 0x12: b"\0\x07"}).hex())
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "#1  2026-01-01 00:00:00.123456 UTC  192.0.2.10:5060 > 192.0.2.20:5060  UDP  SIP"
    )
    assert lines[1].strip() == (
        "379 octets, capture id 12345, node esp32-01, correlation c1@192.0.2.10, key foobar, "
        "VLAN 7, MOS 4.10 (line 1)"
    )
    assert lines[2].strip() == "chunks 1 2 3 4 7 8 9 a b c e[6] 11[13] 13[8] 20 12 f[219]"
    assert [line.strip() for line in lines[4:13]] == SIP.decode().split("\r\n")[:9]
    assert done.stderr == "1 packet\n"
    assert "\x1b" not in done.stdout, "no colour into a pipe"


def test_colour_on_a_terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[31mfault" in uhep(stdin=FAULTY.hex()).stdout


def test_nothing_from_the_network_reaches_the_terminal_as_it_is():
    evil = b"\x1b[2J\x9b1m\x07\x00caf\xc3\xa9 \xff\xe2\x80\xae[red]x[/red]\r\nnext\tline\r\n"
    data = good({0x0F: evil, 0x11: b"\x1b]0;x\x07", 0x13: b"a\nb\x7f", 0x0E: b"\x08k"})
    out = uhep(stdin=data.hex()).stdout
    assert not {char for char in out if not char.isprintable()} - {"\n"}
    assert r"\x1b[2J\x9b1m\x07\x00café \xff\u202e[red]x[/red]" in out
    assert r"correlation \x1b]0;x\x07" in out
    assert r"node a\nb\x7f" in out and r"key \x08k" in out
    assert "\n    next\\tline\n" in out


def test_what_has_no_value_is_said_so():
    out = uhep(stdin=packet_of(chunk(0x0F, SIP)).hex()).stdout
    assert "no time  ?:0 > ?:0  no protocol  no payload type" in out
    out = uhep(stdin=good({0x02: b"\x84", 0x0B: b"\xc8"}).hex()).stdout
    assert "SCTP  payload type 200" in out


def test_faults_and_remarks_are_shown_and_strict_fails():
    for strict in ([], ["--strict"]):
        done = uhep(*strict, stdin=FAULTY.hex())
        assert done.exit_code == len(strict)
        assert "fault   microseconds at offset 66: 5000000" in done.stdout
        assert "fault   nul-in-string at offset 93: " in done.stdout
        assert done.stderr == "1 packet, 1 faulty\n"
    swapped = uhep("--strict", stdin=good({0x0C: b"\x07\xd2\0\0"}).hex())
    assert swapped.exit_code == 0
    assert "remark  node-id-swapped at offset 83: capture id 131203072; 2002" in swapped.stdout


def test_one_bad_packet_does_not_hide_the_others():
    done = uhep("--strict", stdin=f"{good().hex()}\n48455034 0006\n\n{good().hex()}")
    assert done.exit_code == 1
    assert "#2  " in done.stdout and "fault   magic at offset 0" in done.stdout
    assert done.stdout.count("OPTIONS sip:192.0.2.20") == 2
    assert done.stderr == "3 packets, 1 faulty\n"


def test_old_version_is_named():
    vector = next(line for line in VECTORS.read_text().splitlines() if '"hep": 2' in line)
    done = uhep(stdin=json.loads(vector)["hex"])
    assert done.exit_code == 1
    assert "hep-v2 at offset 0: HEPv2 received, please switch to v3" in done.stdout


def test_json_of_all_vectors():
    done = uhep("--json", VECTORS)
    assert done.exit_code == 0
    vectors = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(vectors) == 99
    for vector, one in zip(vectors, found, strict=True):
        assert one["hex"] == vector["hex"]
        if vector["hep"] != 3:
            assert one["faults"][0]["name"] == f"hep-v{vector['hep']}"
            continue
        renamed = one | {"capid": one["node_id"], "node": one["node_name"]}
        assert {name: renamed[name] for name in vector["expect"]} == vector["expect"]
        assert one["faults"] == []
    assert uhep("--json", "--strict", VECTORS).exit_code == 1


def test_json_feeds_decode_again():
    once = uhep("--json", stdin=FAULTY.hex() + "\n" + good().hex()).stdout
    again = uhep("--json", stdin=once).stdout
    assert json.loads(once.splitlines()[0])["faults"][0] == {
        "name": "microseconds",
        "offset": 66,
        "sentence": "5000000 microseconds; 999999 is the most",
    }
    assert [json.loads(line)["hex"] for line in again.splitlines()] == [FAULTY.hex(), good().hex()]


@pytest.mark.parametrize(
    "stdin, status, words",
    [
        (b"", 1, "no HEP packet found"),
        (b"SQLite format 3\0", 2, "standard input: a database can not come from a pipe"),
        (b"what?", 2, "standard input: line 1: 'what?' is no hex"),
        (b'{"a": 1}', 2, "standard input: line 1: should be a JSON object"),
    ],
)
def test_bad_input_is_told(stdin, status, words):
    done = uhep(stdin=stdin)
    assert (done.exit_code, done.stdout) == (status, "")
    assert words in done.stderr


def test_bad_files_are_told(tmp_path):
    missing = uhep(tmp_path / "nope")
    assert missing.exit_code == 2 and "nope: No such file" in missing.stderr
    folder = uhep(tmp_path)
    assert folder.exit_code == 2 and "Is a directory" in folder.stderr
    (tmp_path / "raw").write_bytes(good())
    out = uhep(tmp_path / "raw", "--pcap", tmp_path / "no/out.pcap")
    assert out.exit_code == 2 and "out.pcap: No such file" in out.stderr
    same = uhep(tmp_path / "raw", "--pcap", tmp_path / "raw")
    assert same.exit_code == 2 and "overwritten" in same.stderr
    assert (tmp_path / "raw").read_bytes() == good()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "standard output: No space left on device"),
        (["--json"], "standard output: No space left on device"),
        (["--pcap", "/dev/full"], "/dev/full: No space left on device"),
        (["--json", "--pcap", "x.pcap"], "x.pcap or standard output: No space left on device"),
    ],
)
def test_full_disk_is_told_of_what_is_written(tmp_path, args, said):
    (tmp_path / "raw").write_bytes(good())
    uhep = str(Path(sys.executable).parent / "uhep")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [uhep, "decode", "raw", *args], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE
        )
    assert (done.returncode, done.stderr.decode()) == (2, f"uhep decode: {said}\n")


V6 = {
    0x01: b"\x0a",
    0x03: None,
    0x04: None,
    0x05: bytes.fromhex("20010db8" + "0" * 23 + "1"),
    0x06: bytes.fromhex("20010db8" + "0" * 23 + "2"),
}
TURNED = {0x03: GOOD[0x04], 0x04: GOOD[0x03], 0x07: (5061).to_bytes(2, "big")}
CALL = [
    (b"INVITE", b"1 INVITE", False),
    (b"SIP/2.0 100 Trying", b"1 INVITE", True),
    (b"SIP/2.0 200 OK", b"1 INVITE", True),
    (b"ACK", b"1 ACK", False),
    (b"BYE", b"2 BYE", False),
    (b"SIP/2.0 200 OK", b"2 BYE", True),
]


def sip(start, cseq, call):
    first = start if start.startswith(b"SIP") else start + b" sip:200@192.0.2.20 SIP/2.0"
    lines = [
        first,
        b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK" + cseq[:1],
        b"From: <sip:100@192.0.2.10>;tag=a1",
        b"To: <sip:200@192.0.2.20>" + (b"" if start in (b"INVITE", b"ACK") else b";tag=b2"),
        b"Call-ID: " + call,
        b"CSeq: " + cseq,
        b"Content-Length: 0",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def call(name, extra, swap):
    """The six packets of a call; swap: chunks of the two ends to exchange for replies."""
    for at, (start, cseq, back) in enumerate(CALL):
        bodies = {0x0F: sip(start, cseq, name), 0x0A: at.to_bytes(4, "big"), 0x08: b"\x13\xc5"}
        bodies |= extra
        if back:
            there = GOOD | bodies
            for one, other in swap:
                bodies |= {one: there[other], other: there[one]}
        yield good(bodies)


ENDS4, ENDS6 = [(0x03, 0x04), (0x07, 0x08)], [(0x05, 0x06), (0x07, 0x08)]
CALLS = [
    *call(b"udp4", {}, ENDS4),
    *call(b"tcp4", {0x02: b"\6"}, ENDS4),
    *call(b"udp6", V6, ENDS6),
    *call(b"tls6", V6 | {0x02: b"\x16"}, ENDS6),
]


@pytest.fixture
def written(tmp_path):
    """The calls, and what else happens, as a capture file."""
    raw, out = tmp_path / "raw", tmp_path / "out.pcap"
    raw.write_bytes(b"".join(CALLS))
    done = uhep(raw, "--pcap", out)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"24 packets\n24 packets written to {out}\n"
    return out


def test_pcap_reads_back(written):
    frames = rdpcap(str(written))
    assert len(frames) == len(CALLS)
    for data, frame in zip(CALLS, frames, strict=True):
        packet = decode(data)
        ip = frame[IPv6] if packet.family == 10 else frame[IP]
        layer = ip[UDP] if packet.proto == 17 else ip[TCP]
        assert (ip.src, ip.dst) == (packet.src, packet.dst)
        assert (layer.sport, layer.dport) == (packet.sport, packet.dport)
        assert layer.load == packet.payload
        assert int(frame.time * 1_000_000) == packet.stamp_us
        right = type(frame)(bytes(frame))
        del right.getlayer(type(layer)).chksum
        assert type(frame)(bytes(right)).getlayer(type(layer)).chksum == layer.chksum


def test_pcap_tcp_numbers_run_on(written):
    frames = [frame[TCP] for frame in rdpcap(str(written)) if TCP in frame and IP in frame]
    sent = {5060: 1, 5061: 1}
    for tcp in frames:
        assert (tcp.seq, tcp.ack) == (sent[tcp.sport], sent[tcp.dport])
        sent[tcp.sport] += len(tcp.load)
    assert len(frames) == 6


def test_pcap_says_what_it_leaves_out(tmp_path):
    huge = good({0x0F: None}, last=chunk(0x10, zlib.compress(b"x" * 70000)))
    tcp = good({0x02: b"\6", 0x0F: None}, last=chunk(0x10, zlib.compress(b"y" * 70000)))
    packets = [huge, good({0x03: None}), good({0x0F: b""}), b"HEP4\0\0", tcp]
    out = tmp_path / "out.pcap"
    done = uhep("--strict", "--pcap", out, stdin="\n\n".join(map(bytes.hex, packets)))
    assert done.exit_code == 1
    assert "#2 (line 3): missing-chunk at offset 353: " in done.stderr
    assert "#4 (line 7): magic at offset 0: " in done.stderr
    assert "1 packet written" in done.stderr
    for reason in ("too long for a datagram", "without addresses", "without payload", "no HEP"):
        assert f"1 left out: {reason}" in done.stderr
    frames = [frame[TCP] for frame in rdpcap(str(out))]
    assert b"".join(frame.load for frame in frames) == b"y" * 70000
    assert frames[1].seq == 1 + len(frames[0].load)


def test_pcap_time_of_a_sender_without_clock(tmp_path):
    """Then it is the time of reception, if the input knows it."""
    out, again = tmp_path / "one.pcap", tmp_path / "two.pcap"
    uhep("--pcap", out, stdin=good({0x0F: good({0x09: bytes(4), 0x0A: bytes(4)})}).hex())
    uhep("--pcap", again, out)
    [frame] = rdpcap(str(again))
    assert (int(frame.time * 1_000_000), frame.load) == (1767225600123456, SIP)


@pytest.mark.peer("tshark")
def test_wireshark_reads_what_was_written(written):
    names = ["frame.time_epoch", "ip.src", "ipv6.src", "udp.srcport", "tcp.srcport"]
    names += ["sip.Call-ID", "sip.CSeq", "_ws.malformed", "tcp.analysis.flags"]
    fields = [part for name in names for part in ("-e", name)]
    sip_on_tcp = ["-d", "tcp.port==5061,sip"]  # else 5061 is taken for TLS
    done = subprocess.run(
        ["tshark", "-r", written, *sip_on_tcp, "-T", "fields", *fields],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(rows) == len(CALLS)
    for data, row in zip(CALLS, rows, strict=True):
        packet = decode(data)
        time, ip4, ip6, udp, tcp, call_id, cseq, malformed, analysis = row
        assert time == f"{packet.sec}.{packet.usec:06}000"
        assert (ip4 or ip6, udp or tcp) == (packet.src, str(packet.sport))
        assert f"Call-ID: {call_id}\r\nCSeq: {cseq}\r\n".encode() in packet.payload
        assert (malformed, analysis) == ("", "")


@pytest.mark.peer("sngrep")
def test_sngrep_reads_what_was_written(written, tmp_path):
    subprocess.run(
        ["sngrep", "-N", "-q", "-I", written, "-O", tmp_path / "sngrep.pcap"],
        capture_output=True,
        timeout=30,
        check=True,
    )
    seen = [bytes(frame) for frame in rdpcap(str(tmp_path / "sngrep.pcap"))]
    for name in (b"udp4", b"tcp4", b"udp6"):
        assert sum(b"Call-ID: " + name + b"\r\n" in frame for frame in seen) == len(CALL)


def test_help_is_quick_and_complete():
    """Without the libraries that take long to import."""
    script = (
        "import sys\nfrom uhep_tools.cli import app\n"
        "try:\n    app(['decode', '--help'])\n"
        "finally:\n    print('loaded', 'scapy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "loaded False" in done.stdout
    assert all(option in done.stdout for option in ("--json", "--strict", "--pcap"))
