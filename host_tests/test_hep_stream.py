"""Frames out of a stream: however it is cut, bounded, and dead after a framing fault."""

import json
from pathlib import Path

import pytest
from hepmake import good
from uhep_tools.hep import HepError
from uhep_tools.stream import FramingError, StreamReader

VECTORS = Path(__file__).parent / "vectors/hep3.jsonl"
FRAMES = [
    bytes.fromhex(vector["hex"])
    for vector in map(json.loads, VECTORS.read_text().splitlines())
    if vector["hep"] == 3
]


def fed(pieces, reader=None):
    """Feed pieces; the frames, and the name of the framing fault or None."""
    reader = reader or StreamReader()
    frames = []
    for piece in pieces:
        try:
            frames += reader.feed(piece)
        except FramingError as error:
            return frames + error.frames, error.name
    return frames, None


def test_cut_in_two_at_every_byte():
    two = FRAMES[0] + FRAMES[1]
    for cut in range(len(two) + 1):
        assert fed([two[:cut], two[cut:]]) == (FRAMES[:2], None)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 64, 1460, 100_000])
def test_all_vectors_in_reads_of_one_size(size):
    stream = b"".join(FRAMES)
    assert fed(stream[at : at + size] for at in range(0, len(stream), size)) == (FRAMES, None)


def test_frame_of_65535_octets():
    longest = good({0x0F: b"x" * (65535 - 144)})
    assert len(longest) == 65535
    reader = StreamReader()
    frames, fault = fed([longest[:65534]], reader)
    assert (frames, fault, reader.pending) == ([], None, 65534)
    assert reader.feed(longest[65534:] + longest[:9]) == [longest]
    assert reader.pending == 9


def test_the_smallest_frame():
    assert StreamReader().feed(b"HEP3\0\x06HEP3\0\x06HE") == [b"HEP3\0\x06"] * 2


FAULTS = [
    ("magic", b"GET / HTTP/1.1\r\n\r\n"),
    ("magic", b"HEP2\0\x10"),
    ("eep1", b"EEP1\0\x10"),
    ("hep-v2", b"\x02\x10\x02\x11\x13\xc4"),
    ("total-length", b"HEP3\0\x05"),
    ("total-length", b"HEP3\0\0"),
]


@pytest.mark.parametrize("name, junk", FAULTS)
def test_a_fault_is_the_same_however_it_is_cut(name, junk):
    stream = FRAMES[0] + junk
    for cut in range(len(stream) + 1):
        assert fed([stream[:cut], stream[cut:]]) == ([FRAMES[0]], name)
    assert fed(stream[at : at + 1] for at in range(len(stream))) == ([FRAMES[0]], name)


def test_dead_after_a_fault_it_never_looks_for_the_next_frame():
    reader = StreamReader()
    with pytest.raises(HepError) as caught:
        reader.feed(FRAMES[0] + b"junk" + FRAMES[1])
    assert (caught.value.name, caught.value.offset) == ("magic", 0)
    assert caught.value.frames == [FRAMES[0]]
    with pytest.raises(HepError) as again:
        reader.feed(FRAMES[2])
    assert (again.value.name, again.value.frames) == ("magic", [])
    assert (reader.pending, reader.since) == (0, None)


def test_a_wrong_magic_is_told_before_the_length_is_there():
    reader = StreamReader()
    assert reader.feed(b"XXX") == []
    with pytest.raises(HepError):
        reader.feed(b"X")


def test_limit_refuses_before_the_frame_is_there():
    reader = StreamReader(limit=300)
    with pytest.raises(HepError) as caught:
        reader.feed(b"HEP3\x01\x2d")
    assert (caught.value.name, caught.value.offset) == ("frame-limit", 4)
    assert StreamReader(limit=301).feed(b"HEP3\x01\x2d") == []


def test_what_is_kept_never_grows_past_one_frame():
    reader = StreamReader(limit=65535)
    stream = b"".join(FRAMES) * 20
    for at in range(0, len(stream), 999):
        reader.feed(stream[at : at + 999])
        assert reader.pending < 65535
    drip = StreamReader()
    drip.feed(b"HEP3\xff\xff")
    for _ in range(65535 - 6 - 1):
        assert drip.feed(b"x") == []
    assert drip.pending == 65534
    assert len(drip.feed(b"x")[0]) == 65535
    assert drip.pending == 0


def test_since_is_the_start_of_the_unfinished_frame():
    now = 10.0
    reader = StreamReader(clock=lambda: now)
    assert reader.since is None
    reader.feed(FRAMES[0][:5])
    assert (reader.since, reader.pending) == (10.0, 5)
    now = 20.0
    reader.feed(FRAMES[0][5:50])
    assert reader.since == 10.0, "one octet a second must not look alive"
    now = 30.0
    reader.feed(FRAMES[0][50:] + FRAMES[1][:1])
    assert reader.since == 30.0
    reader.feed(FRAMES[1][1:])
    assert reader.since is None
