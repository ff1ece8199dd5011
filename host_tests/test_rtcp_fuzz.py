"""Whatever comes to an RTCP port: nothing raises, and what is sent is JSON that is true."""

import json
import struct
import sys

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from test_interpreters import unix, wasm

sys.path.insert(0, str(ROOT / "host_tests" / "device"))
from capture_doubles import agent, drain, field
from rtcp_doubles import app, block, bye, chunk, padded, rr, sdes, sr, voip, xr
from test_rtcp import Ends
from uhep import IN, OUT, RTCP
from uhep.rtcp import Rtcp
from uhep.rtpstats import RtpStats
from uhep.tap import tap

_U32 = st.integers(0, 0xFFFFFFFF)
_TEXT = st.binary(max_size=40)
BLOCKS = st.builds(
    block, _U32, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), _U32, _U32, _U32, _U32
)
PACKETS = st.one_of(
    st.builds(
        lambda b, s, n: sr(*b, ssrc=s, sec=n, frac=s), st.lists(BLOCKS, max_size=4), _U32, _U32
    ),
    st.builds(lambda b, s: rr(*b, ssrc=s), st.lists(BLOCKS, max_size=4), _U32),
    st.builds(
        lambda t, s: sdes(chunk(s, *[(k, x) for k, x in t])),
        st.lists(st.tuples(st.integers(1, 8), _TEXT), max_size=3),
        _U32,
    ),
    st.builds(lambda s, t: bye(*s, reason=t), st.lists(_U32, max_size=3), st.none() | _TEXT),
    st.builds(lambda s: app(ssrc=s), _U32),
    st.builds(lambda s: xr(voip(s)), _U32),
    st.builds(lambda s: xr(ssrc=s), _U32),
)
# Padding may be anything, and so what stands in front of a block, or a whole one.
FILL = st.one_of(
    st.none(),
    st.just(b"\x07\0\0"),
    st.builds(lambda s: voip(s, quality=(90, 90, 45, 45)) + bytes(3), _U32),
    st.integers(1, 12).flatmap(lambda n: st.binary(min_size=4 * n - 1, max_size=4 * n - 1)),
)
COMPOUND = st.builds(
    lambda packets, last, fill: b"".join(packets) + (last if fill is None else padded(last, fill)),
    st.lists(PACKETS, max_size=3),
    PACKETS,
    FILL,
)


def reports(data, **config):
    made = agent(status_s=0, **config)
    rtcp = Rtcp(made)
    flow = rtcp.flow(("192.0.2.1", 4001), ("192.0.2.2", 5001))
    for way in (OUT, IN):
        rtcp.capture(flow, way, data, len(data), b"c")
    return rtcp, [json.loads(field(packet, 15)) for packet in drain(made)]


def true(found, data):
    """Each number of the JSON stands in the octets."""
    for b in found.get("report_blocks", ()):
        head = struct.pack(">IB", b["source_ssrc"], b["fraction_lost"])
        rest = [int(b[key]) for key in ("highest_seq_no", "ia_jitter", "lsr", "dlsr")]
        at = data.index(head)
        while data[at + 8 : at + 24] != struct.pack(">IIII", *rest):
            at = data.index(head, at + 1)  # ValueError: made up
    assert struct.pack(">I", found["ssrc"]) in data or found["ssrc"] == 0


@settings(max_examples=150, deadline=None)
@given(COMPOUND)
def test_whole_packets_are_told_as_they_are(data):
    rtcp, found = reports(data, rtcp_rr_compat=False)
    assert found and sum(rtcp.counts[k] for k in ("length", "truncated", "srtcp")) == 0
    for each in found:
        true(each, data)
        assert each.get("report_count", 0) == len(each.get("report_blocks", ()))
    peer = rtcp.peer
    assert (peer.r_factor, peer.mos_lq, peer.mos_cq) in ((-1, -1, -1), (91, 43, 42))


@settings(max_examples=150, deadline=None)
@given(COMPOUND, st.data())
def test_damaged_packets(data, draw):
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        damaged[draw.draw(st.integers(0, len(damaged) - 1))] = draw.draw(st.integers(0, 255))
    damaged = bytes(damaged[: draw.draw(st.integers(0, len(damaged)))])
    for config in ({"rtcp_rr_compat": False}, {"rtcp_style": "asterisk"}):
        rtcp, found = reports(damaged, **config)
        counted = sum(n for k, n in rtcp.counts.items() if k not in ("dropped", "cut"))
        assert counted >= 1 or not found
        for each in found:
            true(each, damaged)


@settings(max_examples=100, deadline=None)
@given(st.lists(COMPOUND | st.binary(max_size=300), min_size=1, max_size=3))
def test_a_phone_that_reads_them_behind_a_tap(datagrams):
    ends = Ends()
    ends.stats = RtpStats()
    ends.start()
    captured = Rtcp(agent(status_s=0))
    ends.rtcp._sock = tap(ends.near, captured, ends.near.address, kind=RTCP)
    for data in datagrams:
        ends.arrive(data)
    assert ends.rtcp.received + ends.rtcp.invalid == len(datagrams)
    assert ends.rtcp.remote_fraction == -1  # its SSRC is one of 2^32


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets(data):
    rtcp, found = reports(data)
    for each in found:
        true(each, data)


def _mutated(run, count):
    found = json.loads(run("mutate_rtcp.py", str(count)))
    assert found["sent"] > count // 20 and found["refused"] > count // 20
    assert found["strange"] > 0 and found["asked"] in (0, None)


@pytest.mark.soak
def test_mutations(micropython, cases):
    """Under MicroPython, both statistics and reports: no exception, no allocation"""
    _mutated(lambda *args: unix(micropython, *args), cases(2000, 200_000))


@pytest.mark.soak
@pytest.mark.peer("wasm")
def test_mutations_on_32_bits(cases):
    """The same with ints of 31 bits"""
    _mutated(wasm, cases(1000, 50_000))
