"""The sources of `uhep decode`: hex in its many forms, raw, JSON lines, databases, captures."""

import json
import sqlite3
import subprocess
from collections import Counter
from io import BytesIO
from random import Random

import pytest
from hepmake import SIP, good
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import CookedLinux, Dot1Q, Ether
from scapy.utils import PcapNgWriter, PcapWriter
from uhep_tools.hep import HepError
from uhep_tools.hextext import parse_hex
from uhep_tools.readers import cut, read_file, read_stream
from uhep_tools.record import ReadError

ONE = good()
TWO = good({0x11: b"c2@192.0.2.10"})
BIG = good({0x0F: SIP + b"x" * 4000})
JUNK = b"junk"
# With both addresses: else scapy would ask the network for them.
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


def blocks(text):
    return [data for _, data in parse_hex(text)]


def streamed(data):
    return list(read_stream(BytesIO(data)))


def octets(records):
    return [record.data for record in records]


def wrapped(data, width):
    digits = data.hex()
    return "\n".join(digits[at : at + width] for at in range(0, len(digits), width))


def hexdump(data, line):
    """A dump by a format of its own: line(offset, octets as hex, octets as text)."""
    rows = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        seen = "".join(chr(octet) if 33 <= octet < 127 else "." for octet in row)
        rows.append(line(at, [f"{octet:02x}" for octet in row], seen))
    return "\n".join(rows)


HEX = {
    "one line": ONE.hex(),
    "upper case": ONE.hex().upper(),
    "wrapped": wrapped(ONE, 64),
    "wrapped at an odd place": wrapped(ONE, 61),
    "blanks": ONE.hex(" "),
    "groups, a line of which begins with 0000": "\n".join(
        ONE.hex(" ", -2)[at : at + 20] for at in range(0, 363 * 3, 20)
    ),
    "colons": ONE.hex(":"),
    "0x each": ", ".join(f"0x{octet:02x}" for octet in ONE),
    "0x once": "0x" + ONE.hex(),
    "C string": "".join(f"\\x{octet:02x}" for octet in ONE),
    "comment and blank lines": f"# OPTIONS\n\n  {ONE.hex()}  \r\n\n",
    "Wireshark": hexdump(ONE, lambda at, row, seen: f"{at:04x}   {' '.join(row)}   {seen}"),
    "hexdump -C": hexdump(
        ONE, lambda at, row, seen: f"{at:08x}  {' '.join(row[:8])}  {' '.join(row[8:])}  |{seen}|"
    )
    + f"\n{len(ONE):08x}",
    "od": hexdump(ONE, lambda at, row, seen: f"{at:06x} {' '.join(row)}"),
    "tcpdump -X": hexdump(
        ONE,
        lambda at, row, seen: (
            f"\t0x{at:04x}:  {' '.join(map(''.join, zip(row[::2], row[1::2], strict=False)))}"
            f"{' ' + row[-1] if len(row) % 2 else ''}  {seen}"
        ),
    ),
}


@pytest.mark.parametrize("form", HEX)
def test_hex_forms(form):
    assert blocks(HEX[form]) == [ONE]


@pytest.mark.peer("xxd")
@pytest.mark.parametrize("columns", [["-g1"], [], ["-c", "32", "-u"], ["-p"]])
def test_xxd_itself(columns, tmp_path):
    (tmp_path / "one").write_bytes(ONE)
    done = subprocess.run(
        ["xxd", *columns, tmp_path / "one"], capture_output=True, text=True, check=True
    )
    assert blocks(done.stdout) == [ONE]


def test_text_beside_a_dump_that_looks_like_hex_is_not_read():
    """The last line is short, and its text column is all hex digits."""
    line = "0000: 4845 5033 0006                           dead beef cafe"
    assert blocks(line) == [b"HEP3\0\6"]
    assert blocks("0000   48 45 50 33 00 06      de ad be") == [b"HEP3\0\6"]


def test_several_packets_of_hex():
    assert blocks(f"{ONE.hex()}\n{TWO.hex()}") == [ONE, TWO]
    assert blocks(f"{ONE.hex().upper()}\n48\n{TWO.hex()}") == [ONE, b"H", TWO]
    assert blocks(f"{ONE.hex()}00\n{TWO.hex()}") == [ONE + b"\0", TWO]
    assert blocks(f"{wrapped(ONE, 80)}\n\n{wrapped(TWO, 80)}") == [ONE, TWO]
    assert blocks(HEX["hexdump -C"] + "\n" + HEX["hexdump -C"]) == [ONE, ONE]
    joined = streamed(wrapped(ONE + TWO, 80).encode())
    assert octets(joined) == [ONE, TWO]
    assert [record.where for record in joined] == ["line 1", f"line 1, octet {len(ONE)}"]


@pytest.mark.parametrize(
    "text, words",
    [
        ("hello", ["line 1", "hello"]),
        ("48455033\n48z5", ["line 2", "48z5"]),
        ("\n48455", ["line 2", "odd", "5"]),
        ("0000 4845\nxyz", ["line 2", "offset"]),
    ],
)
def test_what_is_no_hex_is_named_with_its_line(text, words):
    with pytest.raises(ReadError) as caught:
        blocks(text)
    assert all(word in str(caught.value) for word in words)


def test_raw_packets_one_behind_the_other():
    records = streamed(ONE + BIG + TWO)
    assert octets(records) == [ONE, BIG, TWO]
    assert [record.where for record in records] == [
        "octet 0",
        f"octet {len(ONE)}",
        f"octet {len(ONE + BIG)}",
    ]


def test_raw_rest_stays_one_piece():
    assert [packet for _, packet in cut(ONE + TWO + JUNK + ONE)] == [ONE, TWO + JUNK + ONE]
    assert [packet for _, packet in cut(ONE + TWO[:-9])] == [ONE, TWO[:-9]]
    assert [packet for _, packet in cut(ONE + b"HEP3")] == [ONE, b"HEP3"]
    assert [packet for _, packet in cut(b"HEP3\0\0" + ONE)] == [b"HEP3\0\0" + ONE]
    assert list(cut(b"")) == []


def test_json_lines():
    lines = [json.dumps({"hex": packet.hex(), "note": "x"}) for packet in (ONE, TWO)]
    records = streamed("\n\n".join(lines).encode())
    assert octets(records) == [ONE, TWO]
    assert [record.where for record in records] == ["line 1", "line 3"]


@pytest.mark.parametrize(
    "line", ['{"hex": "4"}', '{"HEX": "48"}', '{"hex": 48}', '{"hex"', "{} {", '{"hex": null}']
)
def test_bad_json_is_named_with_its_line(line):
    with pytest.raises(ReadError, match='line 2: should be a JSON object with "hex"'):
        streamed(b'{"hex": "48455033"}\n' + line.encode())


def database(path, columns="id INTEGER, received_us INTEGER, peer TEXT, raw BLOB"):
    with sqlite3.connect(path) as made:
        made.execute(f"CREATE TABLE packets ({columns})")
    return made


def test_database(tmp_path):
    path = tmp_path / "calls 100%.db"
    with database(path) as made:
        made.execute("INSERT INTO packets VALUES (7, 1700000000000001, '192.0.2.9:4', ?)", [TWO])
        made.execute("INSERT INTO packets VALUES (3, 1700000000000000, '192.0.2.9:4', ?)", [ONE])
    first, second = read_file(path)
    assert (first.data, second.data) == (ONE, TWO)
    assert (second.where, second.received_us, second.peer) == (
        "row 7",
        1700000000000001,
        "192.0.2.9:4",
    )
    with pytest.raises(ReadError, match="pipe"):
        streamed(path.read_bytes())


def test_database_of_another_program(tmp_path):
    path = tmp_path / "other.db"
    database(path, "id INTEGER, body BLOB").close()
    with pytest.raises(ReadError, match="uhep serve"):
        list(read_file(path))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ReadError, match="uhep serve"):
        list(read_file(path))


def captured(tmp_path, frames, writer=PcapWriter, **options):
    path = tmp_path / "capture"
    with writer(str(path), **options) as out:
        for at, frame in enumerate(frames):
            frame.time = 1767225600 + at / 8
            out.write(frame)
    return list(read_file(path))


def udp(data, sport=40000):
    return IP(src="192.0.2.10", dst="192.0.2.9") / UDP(sport=sport, dport=9060) / data


def udp6(data):
    return IPv6(src="2001:db8::1", dst="2001:db8::9") / UDP(sport=40000, dport=9060) / data


def tcp(seq, data, flags="A", sport=40000):
    return (
        ETHER
        / IP(src="192.0.2.10", dst="192.0.2.9")
        / TCP(sport=sport, dport=9060, seq=seq % (1 << 32), flags=flags)
        / data
    )


@pytest.mark.parametrize("link", [ETHER, ETHER / Dot1Q(vlan=7), CookedLinux(), None])
def test_capture_of_datagrams_on_several_links(link, tmp_path):
    packets = [udp(ONE), udp(b"RTP or whatever"), udp6(TWO)]
    frames = [link / packet if link else packet for packet in packets]
    if link is None:
        frames.pop()  # a raw-IP file of scapy's holds one version
    records = captured(tmp_path, frames)
    assert octets(records) == [ONE, TWO][: len(records)]
    assert (records[0].peer, records[0].received_us) == ("192.0.2.10:40000", 1767225600000000)
    if link is not None:
        assert (records[1].peer, records[1].where) == ("[2001:db8::1]:40000", "frame 3")
        assert records[1].received_us == 1767225600250000


@pytest.mark.parametrize("writer, options", [(PcapNgWriter, {}), (PcapWriter, {"nano": True})])
def test_capture_formats(writer, options, tmp_path):
    records = captured(tmp_path, [ETHER / udp(ONE), ETHER / udp(TWO)], writer, **options)
    assert octets(records) == [ONE, TWO]
    assert records[1].received_us == 1767225600125000


def test_capture_from_a_pipe(tmp_path):
    captured(tmp_path, [ETHER / udp(ONE)])
    assert octets(streamed((tmp_path / "capture").read_bytes())) == [ONE]


def test_the_padding_of_short_frames_is_no_payload(tmp_path):
    short = b"HEP3\0\6"
    frames = [ETHER / udp(short) / b"", tcp(1, short)]
    padded = [Ether(bytes(frame).ljust(60, b"\0")) for frame in frames]
    assert octets(captured(tmp_path, padded)) == [short, short]


def test_the_largest_datagram_is_not_cut(tmp_path):
    largest = good({0x0F: b"x" * (65507 - 144)})
    assert len(largest) == 65507
    assert octets(captured(tmp_path, [ETHER / udp(largest)])) == [largest]


def test_ip_fragments_are_joined(tmp_path):
    parts = [ETHER / part for part in fragment(udp(BIG), fragsize=1480)]
    six = udp6(BIG)
    six = IPv6(src=six.src, dst=six.dst) / IPv6ExtHdrFragment(id=5) / six[UDP]
    parts6 = [ETHER / part for part in fragment6(six, 1400)]
    assert len(parts) > 2 and len(parts6) > 2
    shuffled = parts[::-1] + parts6[::-1] + parts6[:1]
    records = captured(tmp_path, shuffled)
    assert octets(records) == [BIG, BIG]
    assert captured(tmp_path, parts[:-1] + parts6[1:]) == []


def segments(stream, seq, size, sport=40000):
    return [
        tcp(seq + at, stream[at : at + size], sport=sport) for at in range(0, len(stream), size)
    ]


@pytest.mark.parametrize("size", [1, 100, 1460, 60000])
def test_tcp_streams_are_reassembled(size, tmp_path):
    stream = ONE if size == 1 else ONE + BIG + TWO
    frames = [tcp(999, b"", "S"), *segments(stream, 1000, size), tcp(1000 + len(stream), b"", "F")]
    assert b"".join(octets(captured(tmp_path, frames))) == stream


@pytest.mark.parametrize("seed", range(5))
def test_tcp_out_of_order_repeated_overlapping_and_wrapping(seed, tmp_path):
    rng = Random(seed)
    stream = ONE + BIG + TWO
    start = (1 << 32) - 700
    frames = segments(stream, start, 300)
    frames += [tcp(start + at, stream[at : at + 450]) for at in range(0, len(stream), 400)]
    rng.shuffle(frames)
    frames.insert(0, tcp(start - 1, b"", "S"))
    records = captured(tmp_path, frames)
    assert octets(records) == [ONE, BIG, TWO]
    assert not any(record.error for record in records)


def test_tcp_directions_and_connections_do_not_mix(tmp_path):
    one, two = segments(ONE, 1, 50), segments(TWO, 70000, 50, sport=40001)
    frames = [frame for pair in zip(one, two, strict=True) for frame in pair]
    assert sorted(octets(captured(tmp_path, frames))) == sorted([ONE, TWO])
    again = [tcp(0, b"", "S"), *one, tcp(4000, b"", "S"), *segments(TWO, 4001, 50)]
    assert octets(captured(tmp_path, again)) == [ONE, TWO]


def errors(records):
    return [(record.error.name, record.error.sentence) for record in records if record.error]


def test_tcp_faults_are_told_once(tmp_path):
    lost = captured(tmp_path, segments(ONE + JUNK + TWO, 1, 100))
    assert octets(lost)[0] == ONE
    assert [name for name, _ in errors(lost)] == ["magic"]
    bad = captured(tmp_path, [tcp(1, b"HEP3\0\1" + ONE)])
    assert [name for name, _ in errors(bad)] == ["total-length"]
    with pytest.raises(ValueError, match="total-length at offset 4"):
        bad[0].decode()


def test_tcp_that_ends_amid_a_packet_says_so(tmp_path):
    unfinished = captured(tmp_path, segments(ONE + TWO[:120], 1, 100))
    assert octets(unfinished)[0] == ONE
    [(name, sentence)] = errors(unfinished)
    assert name == "total-length" and "120 octets into a packet" in sentence
    frames = segments(ONE + TWO + ONE, 1, 100)
    del frames[5]
    [(name, sentence)] = errors(captured(tmp_path, frames))
    assert name == "total-length" and "some before them are not" in sentence


def test_tcp_that_is_no_hep_is_passed_over(tmp_path):
    frames = [*segments(b"GET / HTTP/1.1\r\n" * 9, 1, 7), *segments(ONE, 1, 7, sport=40001)]
    assert octets(captured(tmp_path, frames)) == [ONE]
    assert captured(tmp_path, segments(ONE, 1, 100)[1:]) == []


def test_a_damaged_capture(tmp_path):
    path = tmp_path / "capture"
    path.write_bytes(b"\xd4\xc3\xb2\xa1\x02\0\4\0")
    with pytest.raises(ReadError, match="capture"):
        list(read_file(path))
    captured(tmp_path, [ETHER / udp(ONE), ETHER / udp(TWO)])
    path.write_bytes(path.read_bytes()[:-5])
    first, second = read_file(path)
    assert first.data == ONE
    assert second.decode().faults[0].name == "total-length"


def damaged(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data))
        data[at : at + rng.randint(0, 8)] = rng.randbytes(rng.randint(0, 8)) or b"\0"
    return bytes(data)


@pytest.mark.soak
def test_damaged_files_give_records_or_a_read_error(cases, tmp_path, caplog):
    """Whatever is in a file: nothing else is raised, by the readers or by the decoder."""
    caplog.set_level("CRITICAL", logger="scapy")
    frames = [ETHER / udp(ONE), ETHER / udp6(TWO), *segments(ONE + TWO, 1, 150)]
    frames += [ETHER / part for part in fragment(udp(ONE), fragsize=104)]
    files = [form.encode() for form in HEX.values()]
    files += [json.dumps({"hex": ONE.hex()}).encode() * 2, ONE + TWO]
    for writer in (PcapWriter, PcapNgWriter):
        assert len(captured(tmp_path, frames, writer)) == 5
        files += [(tmp_path / "capture").read_bytes()] * len(HEX)
    rng = Random(20260103)
    seen = Counter()
    for _ in range(cases(300, 30_000)):
        try:
            for record in streamed(damaged(rng, rng.choice(files))):
                try:
                    record.decode()
                    seen["decoded"] += 1
                except HepError:
                    seen["refused"] += 1
        except ReadError:
            seen["unreadable"] += 1
    assert min(seen[kind] for kind in ("decoded", "refused", "unreadable")) > 10
