"""Whatever the encoder is given, it makes packets that are right and harm no receiver.

Under CPython with the encoder in bytecode, by hypothesis; under MicroPython, with the encoder
in machine code, over random messages. What a packet must hold comes from the specification
and from tests against real receivers, not from the encoder.
"""

import random
from ipaddress import IPv6Address, ip_address

import pytest
from conftest import SOAK
from harmless import LARGEST, assert_harmless
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peers import agent as device
from peers import relay
from uhep import IN, OUT, Agent
from uhep.chunks import GROUP, JITTER, MOS, R_FACTOR, VLAN
from uhep_tools.hep import decode

LABEL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-"


def ends(local, remote):
    """Both addresses as receivers want them: of one family."""
    pair = [ip_address(local), ip_address(remote)]
    pair = [a.ipv4_mapped or a if a.version == 6 else a for a in pair]
    if pair[0].version != pair[1].version:
        pair = [
            IPv6Address(b"\0" * 10 + b"\xff\xff" + a.packed) if a.version == 4 else a for a in pair
        ]
    return pair


def assert_faithful(packet, local, remote, proto, kind, out, payload, cid, config):
    """The strict decoder reads what was captured. Returns the packet's stamp."""
    read = decode(packet)
    mine, peer = ends(local[0], remote[0])
    source, target = (mine, local[1]), (peer, remote[1])
    if not out:
        source, target = target, source
    assert (ip_address(read.src), read.sport) == source
    assert (ip_address(read.dst), read.dport) == target
    assert read.family == (2 if mine.version == 4 else 10)
    assert (read.proto, read.type) == (proto, kind)
    assert read.node_id == config["capture_id"]
    assert (read.key or b"").decode() == config["capture_password"]
    assert (read.node_name or b"").decode() == config["capture_name"]
    if cid is not None:
        assert (read.cid or b"") == cid.partition(b"\0")[0][:255]
    # Cut if it is above the limit, and only then.
    rest = len(packet) - len(read.payload)
    assert read.payload == payload[: max(config["max_packet"] - rest, 0)]
    return read.stamp_us


def assert_chunks(packet, chunks):
    """What the flow carries besides is there, once, and nothing else of that kind."""
    read = decode(packet)
    assert read.mos == chunks.get(MOS)
    assert read.r_factor == chunks.get(R_FACTOR)
    assert read.vlan == chunks.get(VLAN)
    assert read.jitter == chunks.get(JITTER)
    assert read.group == chunks.get(GROUP)


class Sink:
    """A link that always takes a packet, and keeps it."""

    def __init__(self):
        self.errors = self.refused = self.opened = self.unconfirmed = 0
        self.packets = []

    def open(self):
        return True

    def write(self, buf, at, n):
        self.packets.append(bytes(buf[at : at + n]))
        return n

    def failed(self, error):
        raise error

    def close(self):
        pass


hosts = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.ip_addresses(v=4).map(lambda a: f"::ffff:{a}"),
)
places = st.tuples(hosts, st.integers(0, 65535))
labels = st.text(LABEL, max_size=64)


def _config(profile, size, **rest):
    return {"profile": profile, "max_packet": min(size, LARGEST[profile]), **rest}


configs = st.builds(
    _config,
    profile=st.sampled_from(sorted(LARGEST)),
    size=st.integers(600, 65507),
    capture_id=st.integers(0, 0xFFFFFFFF),
    capture_name=labels,
    capture_password=labels,
)
# Lengths at the copy's steps and at the limits are what goes wrong, if anything does.
lengths = st.one_of(st.integers(1, 3000), st.sampled_from([255, 256, 257, 4096, 65000, 70000]))
payloads = st.one_of(
    st.binary(min_size=1, max_size=600),
    st.builds(lambda head, n: (head + b"\r\n" * n)[:n] or b"x", st.binary(max_size=40), lengths),
    st.builds(
        lambda name, value: b"OPTIONS sip:a SIP/2.0\r\n" + name + b":" + value + b"\r\n\r\n",
        st.sampled_from([b"Call-ID", b"i", b"CALL-ID ", b"I\t"]),
        st.binary(max_size=300),
    ),
)
cids = st.one_of(st.none(), st.binary(max_size=20), st.binary(min_size=250, max_size=400))
captures = st.lists(st.tuples(st.booleans(), payloads, cids), min_size=1, max_size=6)


chunks = st.fixed_dictionaries(
    {},
    optional={
        MOS: st.integers(0, 0xFFFF),
        R_FACTOR: st.integers(0, 0xFFFF),
        VLAN: st.integers(0, 0xFFFF),
        JITTER: st.integers(0, 0xFFFFFFFF),
        GROUP: st.binary(min_size=1, max_size=64).filter(lambda group: 0 not in group),
    },
)


@pytest.mark.soak
@given(
    config=configs,
    local=places,
    remote=places,
    proto=st.integers(0, 255),
    kind=st.one_of(st.sampled_from([1, 5, 32, 34, 35, 99, 100]), st.integers(0, 255)),
    chunks=chunks,
    captures=captures,
)
@settings(
    max_examples=20000 if SOAK else 400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_any_capture(config, local, remote, proto, kind, chunks, captures):
    config = {"capture_address": "127.0.0.1:9060", "queue_bytes": 1 << 20} | config
    link = Sink()
    agent = Agent(config, link=link)
    flow = agent.flow(local, remote, proto=proto, kind=kind, chunks=chunks)
    proto = 6 if proto == 22 else proto
    wanted = config["profile"] != "kamailio" or kind not in (34, 35)
    for out, payload, cid in captures:
        assert agent.capture(flow, OUT if out else IN, payload, len(payload), cid) == wanted
    captures = captures if wanted else []
    while len(link.packets) < len(captures):
        agent.poll()
    last = 0
    for packet, (out, payload, cid) in zip(link.packets, captures, strict=True):
        assert_harmless(packet, config["profile"])
        assert_chunks(packet, chunks)
        stamp = assert_faithful(packet, local, remote, proto, kind, out, payload, cid, config)
        assert stamp > last
        last = stamp


@given(payload=st.binary(max_size=50), n=st.integers(-5, 60))
def test_any_length(payload, n):
    """A length that is not the buffer's: never octets that are not its own"""
    link = Sink()
    agent = Agent({"capture_address": "127.0.0.1:9060"}, link=link)
    flow = agent.flow(("192.0.2.1", 1), ("192.0.2.2", 2))
    used = payload[: max(n, 0)]
    assert agent.capture(flow, OUT, payload, n, b"c") == bool(used)
    while used and not link.packets:
        agent.poll()
    assert [decode(packet).payload for packet in link.packets] == [used] * bool(used)


_BLANK = st.text(" \t", max_size=3).map(str.encode)
_VALUE = st.text("abcXYZ019@.-_:~%!*", min_size=1, max_size=300).map(str.encode)


@given(
    name=st.sampled_from([b"Call-ID", b"call-id", b"CALL-ID", b"i", b"I"]),
    before=_BLANK,
    after=st.one_of(_BLANK, st.just(b"\r\n "), st.just(b" \r\n\t")),
    value=_VALUE,
    trailing=_BLANK,
    end=st.sampled_from([b"\r\n", b"\n"]),
    decoy=st.sampled_from(
        [b"X-Call-ID: x", b"Call-IDs: x", b"Subject: Call-ID: x", b"Via: a\r\n Call-ID: x"]
    ),
)
def test_any_call_id(name, before, after, value, trailing, end, decoy):
    """A SIP message's Call-ID in any form of RFC 3261 becomes the correlation id"""
    line = name + before + b":" + after + value + trailing
    message = end.join([b"OPTIONS sip:a SIP/2.0", decoy, line, b"Call-ID: second", b"", b"body"])
    link = Sink()
    agent = Agent({"capture_address": "127.0.0.1:9060"}, link=link)
    flow = agent.flow(("192.0.2.1", 1), ("192.0.2.2", 2))
    assert agent.capture(flow, IN, message, len(message))
    while not link.packets:
        agent.poll()
    assert decode(link.packets[0]).cid == value[:255]


@pytest.mark.soak
def test_machine_code(micropython, tmp_path, cases):
    """The same of the encoder in machine code: random messages, captured under MicroPython"""
    rng = random.Random(0x48455033)
    families = [("192.0.2.1", "198.51.100.2"), ("2001:db8::1", "fe80::2"), ("192.0.2.1", "::2")]
    captures = []
    for _ in range(cases(300, 5000)):
        mine, peer = rng.choice(families)
        payload = rng.randbytes(rng.choice([1, 2, 255, 256, 257, rng.randrange(1, 2000)]))
        if rng.random() < 0.5:
            payload = b"OPTIONS sip:a SIP/2.0\r\ni: " + rng.randbytes(20) + b"\r\n\r\n" + payload
        captures.append(
            device.Capture(
                payload,
                out=rng.random() < 0.5,
                local=(mine, rng.randrange(65536)),
                remote=(peer, rng.randrange(65536)),
                proto=rng.choice([6, 17, 132]),
                kind=rng.choice([1, 1, 5, 34, 100, rng.randrange(256)]),
                cid=rng.choice([None, rng.randbytes(rng.randrange(400))]),
            )
        )
    with relay.relay(lambda packet: None) as tee:
        device.send(micropython, tmp_path, f"127.0.0.1:{tee.port}", captures)
    last = 0
    for each, packet in zip(captures, tee.packets, strict=True):
        assert_harmless(packet, "homer")
        stamp = assert_faithful(
            packet,
            each.local,
            each.remote,
            each.proto,
            each.kind,
            each.out,
            each.payload,
            each.cid,
            device.CONFIG,
        )
        assert stamp > last
        last = stamp
