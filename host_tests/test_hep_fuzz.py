"""Broken packets by the thousand: the decoder's own error, or a packet; nothing else.

Short here; in the soak run 100,000 wounded packets and as many streams, 20,000 made-up ones.
"""

import json
import random
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hepmake import SIP, chunk, frame, good
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uhep_tools.chunks import GENERIC
from uhep_tools.hep import FAULTS, HepError, decode
from uhep_tools.stream import FramingError, StreamReader

VECTORS = Path(__file__).parent / "vectors/hep3.jsonl"
SEEDS = [
    bytes.fromhex(vector["hex"]) for vector in map(json.loads, VECTORS.read_text().splitlines())
]
SEEDS.append(good({0x0F: None}, last=chunk(0x10, zlib.compress(SIP))))
SEEDS.append(good({0x0F: None}, last=chunk(0x10, zlib.compress(bytes(2_000_000)))))
EDGES = [0, 1, 5, 6, 7, 0x7F, 0xFF]


def mutate(rng, data):
    """One to four small wounds."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data)) if data else 0
        match rng.randrange(7):
            case 0 if data:
                data[at] = rng.randrange(256)
            case 1 if data:
                data[at] = rng.choice(EDGES)
            case 2:
                del data[at : at + rng.randint(1, 20)]
            case 3:
                data[at:at] = rng.randbytes(rng.randint(1, 20))
            case 4:
                data[at:at] = data[at : at + rng.randint(1, 60)]
            case 5:
                del data[at:]
            case 6 if len(data) > 6:
                data[4:6] = len(data).to_bytes(2, "big")  # reach what is behind the total
    return bytes(data)


def judged(data):
    """The names that strict decoding gives; checks what always holds."""
    try:
        strict = decode(data)
    except HepError as error:
        refused = error
    else:
        refused = None
        assert strict.faults == []
        assert strict.src and strict.dst and strict.type is not None
        assert sum(length for _, _, length in strict.order) + 6 == strict.total == len(data)
    try:
        packet = decode(data, strict=False)
    except HepError as error:
        assert refused and (refused.name, refused.offset) == (error.name, error.offset)
        return {error.name}
    first = packet.faults[0] if packet.faults else None
    assert (first is None) == (refused is None)
    assert first == (refused and refused.fault)
    assert all(fault.name in FAULTS and 0 <= fault.offset <= len(data) for fault in packet.lint)
    assert len(packet.payload) <= max(len(data), 262144)
    return {fault.name for fault in packet.lint}


@pytest.mark.soak
def test_mutated_packets(cases):
    rng = random.Random(20260101)
    names = set()
    tracemalloc.start()
    for _ in range(cases(3000, 100_000)):
        names |= judged(mutate(rng, rng.choice(SEEDS)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Twice the largest inflated payload, and small change: nothing heaps up.
    assert peak < 4_000_000
    # The mutations reach every part of the decoder, not only its front door.
    reached = {"magic", "total-length", "chunk-length", "chunk-overrun", "chunk-width"}
    reached |= {"duplicate-chunk", "missing-chunk", "family", "inflate-limit", "nul-in-string"}
    assert reached <= names


chunks = st.builds(
    chunk,
    st.one_of(st.sampled_from([0, *GENERIC]), st.integers(0, 65535)),
    st.one_of(st.binary(max_size=20), st.sampled_from([b"\2", b"\x0a", bytes(4), bytes(16)])),
    vendor=st.sampled_from([0, 0, 0, 1, 0x8888]),
    length=st.one_of(st.none(), st.none(), st.none(), st.integers(0, 65535)),
)
packets = st.builds(
    lambda base, extra, total: frame(base[6:], *extra, total=total),
    st.sampled_from([b"HEP3\0\6", good(), good({0x0F: None}), *SEEDS[:5]]),
    st.lists(chunks, max_size=8),
    st.one_of(st.none(), st.none(), st.none(), st.integers(0, 65535)),
)
quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.soak
def test_made_up_packets(cases):
    @settings(max_examples=cases(500, 20_000), deadline=None, suppress_health_check=quiet)
    @given(st.one_of(packets, st.binary(max_size=200)))
    def check(data):
        judged(data)

    check()


@pytest.mark.soak
def test_mutated_streams(cases):
    rng = random.Random(20260102)
    died = set()
    for _ in range(cases(1000, 100_000)):
        whole = rng.choices(SEEDS[:-2], k=3)
        stream = b"".join(mutate(rng, seed) if rng.random() < 0.5 else seed for seed in whole)
        once = take([stream])
        assert once == take(pieces(rng, stream))
        frames, fault = once
        joined = b"".join(frames)
        assert stream.startswith(joined)
        assert all(one.startswith(b"HEP3") for one in frames)
        died.add(fault)
    assert {"magic", "total-length", None} <= died


def pieces(rng, stream):
    at = 0
    while at < len(stream):
        size = rng.choice([1, 4, 6, 100, 1460])
        yield stream[at : at + size]
        at += size


def take(parts):
    """Every frame of a stream, and the name of what ended it."""
    reader, frames = StreamReader(), []
    for part in parts:
        try:
            frames += reader.feed(part)
        except FramingError as error:
            return frames + error.frames, error.name
        assert reader.pending < 65535
    return frames, None
