"""The tolerant reader of SIP text: what it finds, and that nothing makes it raise."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uhep_tools import sip
from uhep_tools.hep import decode
from uhep_tools.text import clock, parse_endpoint, printable, span

INVITE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP a.example.com;rport;branch=z9hG4bK77\r\n"
    b"Via: SIP/2.0/UDP second.example.com;branch=z9hG4bKsecond\r\n"
    b'From: "Al <ice>; tag=no \\" x" <sip:alice:secret@example.com;user=phone>;tag=from-1\r\n'
    b"To: sip:bob@example.com;tag=to-1\r\n"
    b"Call-ID: 843817637684230@998sdasdh09\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"Content-Type: Application/SDP\r\n\r\n"
    b"v=0\r\n\r\nFrom: <sip:mallory@body>\r\n"
)


def test_reads_a_request():
    found = sip.read(INVITE)
    assert (found.method, found.uri, found.status) == ("INVITE", "sip:bob@example.com", None)
    assert found.call_id == "843817637684230@998sdasdh09"
    assert (found.cseq, found.cseq_method) == (314159, "INVITE")
    assert (found.from_user, found.from_tag) == ("alice", "from-1")
    assert (found.to_user, found.to_tag) == ("bob", "to-1")
    assert found.branch == "z9hG4bK77"
    assert found.content_type == "application/sdp"
    assert INVITE[found.body :].startswith(b"v=0")


def test_reads_a_response():
    found = sip.read(b"SIP/2.0 486 Busy  Here\r\nCSeq: 2 INVITE\r\n\r\n")
    assert (found.method, found.status, found.reason) == (None, 486, "Busy  Here")
    assert (found.cseq, found.cseq_method) == (2, "INVITE")


def test_reads_compact_folded_and_odd_case():
    found = sip.read(
        b"\r\n\r\nOPTIONS sip:h SIP/2.0\r\n"
        b"v :SIP/2.0/UDP h\r\n ;branch = z9hG4bKfold\r\n"
        b"F:\r\n\t<tel:+49301>\r\n ;TAG=f\r\n"
        b"t: <sip:gate.example.com:5060>\r\n"
        b"i:\r\n  compact@h\r\n"
        b"cSEQ:\t7\tOPTIONS\r\n"
        b"C: text/plain\r\n\r\nbody"
    )
    assert found.branch == "z9hG4bKfold"
    assert (found.from_user, found.from_tag) == ("+49301", "f")
    assert found.to_user == "gate.example.com:5060"
    assert found.call_id == "compact@h"
    assert (found.cseq, found.cseq_method) == (7, "OPTIONS")
    assert found.content_type == "text/plain"


def test_line_feeds_alone_end_lines():
    found = sip.read(b"BYE sip:h SIP/2.0\nCall-ID: a\nCSeq: 1 BYE\n\nbody")
    assert (found.method, found.call_id, found.cseq) == ("BYE", "a", 1)
    assert found.body == len(b"BYE sip:h SIP/2.0\nCall-ID: a\nCSeq: 1 BYE\n\n")


@pytest.mark.parametrize(
    "data",
    [b"", b"\r\n\r\n", b"\x00\x01\x02", b"SIP/2.0", b"SIP/2.0 99 X\r\n\r\n", b'{"a": 1}'],
)
def test_what_is_no_sip_has_neither_method_nor_status(data):
    found = sip.read(data)
    assert found.method is None and found.status is None and found.call_id is None


def test_a_cut_message_gives_what_is_there():
    found = sip.read(INVITE[: INVITE.index(b"CSeq") + 9])
    assert found.call_id == "843817637684230@998sdasdh09"
    assert found.cseq is None and found.body == INVITE.index(b"CSeq") + 9


def test_octets_that_are_not_text_become_escapes():
    found = sip.read(b"SIP/2.0 200 \x1b[2J\xff\r\nCall-ID: \xe2\x80\xaea\x00b\r\n\r\n")
    assert found.reason == r"\x1b[2J\xff"
    assert found.call_id == r"\u202ea\x00b"


def test_agrees_with_the_recorded_messages():
    """Every recorded SIP packet has a method or status, a Call-ID and a CSeq."""
    path = Path(__file__).parent / "vectors/hep3.jsonl"
    vectors = [json.loads(line) for line in path.read_text().splitlines()]
    payloads = [
        decode(bytes.fromhex(vector["hex"])).payload
        for vector in vectors
        if vector["hep"] == 3 and vector["expect"]["type"] == 1
    ]
    assert len(payloads) > 50
    for payload in payloads:
        found = sip.read(payload)
        assert found.method or found.status
        assert found.call_id and found.call_id.encode() in payload
        assert found.cseq is not None and found.method in (None, found.cseq_method)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(INVITE.split(b"\r\n")) | st.binary(max_size=30), max_size=12))
def test_never_raises_and_is_printable(lines):
    data = b"\r\n".join(lines)
    found = sip.read(data)
    assert 0 <= found.body <= len(data)
    for name in ("uri", "reason", "from_user", "to_tag", "branch", "content_type"):
        assert getattr(found, name).isprintable()


@pytest.mark.parametrize("part", [b'"\\', b"<", b";tag", b" ;", b"\r\n ", b":", b"sip:", b"@"])
def test_hostile_repetition_is_read(part):
    value = (part * 65536)[:60000]
    found = sip.read(b"BYE sip:h SIP/2.0\r\nCall-ID: x\r\nFrom: " + value + b"\r\n\r\n")
    assert found.call_id == "x"


def test_quotes_without_an_end_are_looked_for_once(monkeypatch):
    monkeypatch.setattr(sip, "_LONGEST", 1 << 21)
    found = sip.read(b"OPTIONS sip:h SIP/2.0\r\nFrom: <sip:100@h>;x=" + rb"\"" * 1_000_000)
    assert (found.method, found.from_user) == ("OPTIONS", "100")
    assert sip.read(b'A sip:h SIP/2.0\r\nTo: "Bo <sip:200@h>;tag=7').to_user == "200"


def test_printable_is_idempotent():
    once = printable(b"a\\\x1b\xff\n\xc3\xa9 \xc2\xa0")
    assert once == "a\\\\x1b\\xff\\n\u00e9 \\xa0" and printable(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9060", ("127.0.0.1", 9060)),
        ("localhost", ("localhost", 5)),
        ("[::1]:80", ("::1", 80)),
        ("[::1]", ("::1", 5)),
        ("2001:db8::1", ("2001:db8::1", 5)),
    ],
)
def test_endpoint_is_parsed(text, expected):
    assert parse_endpoint(text, 5) == expected


@pytest.mark.parametrize("text", ["h:65536", "h:x", ":80", "80", "h:-1", "h:"])
def test_wrong_endpoint_is_named(text):
    with pytest.raises(ValueError, match=r"port must be|has no address"):
        parse_endpoint(text, 5)


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (400, "0.4 ms"),
        (12_000, "12 ms"),
        (3_210_000, "3.21 s"),
        (125_000_000, "2:05 min"),
        (3_725_000_000, "1:02:05 h"),
    ],
)
def test_span(us, text):
    assert span(us) == text


def test_clock_tells_the_day_if_it_is_another():
    def at(day):
        return int(time.mktime((*day, 12, 5, 9, 0, 0, -1))) * 1_000_000

    now = at((2026, 11, 28))
    assert clock(now, now) == "12:05:09"
    assert clock(at((2026, 11, 27)), now) == "11-27 12:05"
    assert clock(at((2027, 1, 1)), now) == "2027-01-01"
