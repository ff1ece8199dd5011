"""What a scenario accepts and what it refuses, and what the report says of it."""

import itertools
import json
import socket

import pytest
from hepmake import good
from hypothesis import given, settings
from hypothesis import strategies as st
from sipmake import ALICE, BOB, CALL, CALL_ID, START_US, packet, sip
from uhep_tools.expect import Capture, check, parse
from uhep_tools.expect.pairing import pair
from uhep_tools.hep import HepError, decode

# Alice's device captures her call to Bob.
SCENARIO = """
defaults: {key: sesame, correlation: $call, name: desk-17, sip: {headers: {Call-ID: $call}}}
packets:
- {src: $device, dst: $peer, sip: {method: INVITE, body: true}}
- {src: $peer, dst: $device, sip: {status: 100, body: false}}
- {src: $peer, dst: $device, sip: {status: 180}}
- {src: $peer, dst: $device, sip: {status: 200, headers: {CSeq: 1 INVITE}, body: /^v=0$/}}
- {src: $device, dst: $peer, sip: {method: ACK}}
- {src: $device, dst: $peer, sip: {method: BYE}}
- {src: $peer, dst: $device, sip: {status: 200, headers: {CSeq: /BYE$/}}}
"""
ZERO = ("0.0.0.0", 5060)


def captured(*packets):
    capture = Capture()
    for raw in packets:
        try:
            capture.add(decode(raw), raw, "127.0.0.1:40000")
        except HepError as error:
            capture.reject(error, len(raw), "127.0.0.1:40000")
    return capture


def judge(scenario, *packets, **given_values):
    return check(parse(scenario, given_values), captured(*packets))


def call(changes=None, default=None):
    """The packets of the call; changes: {index: arguments of packet()} for single ones."""
    packets = []
    for index, (sender, ms, payload) in enumerate(CALL):
        source, target = (ALICE, BOB) if sender == "A" else (BOB, ALICE)
        how = {"payload": payload, "source": source, "target": target, "after_us": ms * 1000}
        how |= (
            {"key": b"sesame", "cid": CALL_ID} | (default or {}) | (changes or {}).get(index, {})
        )
        packets.append(packet(**how))
    return packets


def log(text, after_us=0, **how):
    return packet(text, after_us=after_us, kind=100, **how)


def rtcp(content, source=ALICE, target=BOB, after_us=0):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return packet(text, source, target, after_us, kind=5)


def lines(report):
    return str(report).splitlines()


def told(report):
    """Of each packet that is not as expected, what the report's main line begins with."""
    kinds = ("differs", "missing", "surplus", "order")
    return [line.split(",")[0] for line in lines(report) if line.startswith(kinds)]


def test_the_call_passes():
    report = judge(SCENARIO, *call())
    assert report.ok
    assert lines(report) == ["PASS  scenario: 7 packets, all as expected"]


def test_a_wrong_key_is_told_in_its_packet():
    report = judge(SCENARIO, *call({4: {"key": b"foobar"}}))
    assert not report.ok
    assert told(report) == ["differs ACK (line 8) #5 ACK"]
    at = lines(report).index(next(line for line in lines(report) if line.startswith("differs")))
    assert [line.split() for line in lines(report)[at + 1 : at + 3]] == [
        ["key", "expected", '"sesame"'],
        ["got", '"foobar"'],
    ]


def test_an_absent_key_is_told():
    report = judge(SCENARIO, *call({0: {"key": None}}))
    [difference] = report.outcomes[0].differences
    assert (difference.check.label, difference.got) == ("key", "nothing")


def test_a_swapped_direction_is_told_in_its_packet_even_if_it_is_the_first():
    for index, label in (0, "INVITE"), (3, "200"), (6, "200"):
        sender = CALL[index][0]
        ends = {"source": BOB, "target": ALICE} if sender == "A" else {"source": ALICE}
        report = judge(SCENARIO, *call({index: {"target": BOB} | ends}))
        [wrong] = [each for each in report.outcomes if each.kind != "ok"]
        assert wrong.expected.what == label and wrong.view.number == index + 1
        alice, bob = '"192.0.2.10:5060"', '"192.0.2.20:5062"'
        right, other = (alice, bob) if sender == "A" else (bob, alice)
        names = ("$device", "$peer") if sender == "A" else ("$peer", "$device")
        assert [(d.check.label, d.expected, d.got) for d in wrong.differences] == [
            ("src", f"{names[0]} = {right}", other),
            ("dst", f"{names[1]} = {other}", right),
        ]
        assert f"$device is {alice} in " in str(report) and f"{bob} in #{index + 1}" in str(report)


def test_all_directions_swapped_are_told_when_the_device_is_known():
    swapped = [{"source": BOB, "target": ALICE}, {"source": ALICE, "target": BOB}]
    packets = call({at: swapped[CALL[at][0] == "B"] for at in range(len(CALL))})
    assert judge(SCENARIO, *packets).ok, "nothing says which end the device is"
    report = judge(SCENARIO, *packets, device="192.0.2.10:5060")
    assert [each.kind for each in report.outcomes] == ["differs"] * 7
    # A header can say it too.
    tied = SCENARIO.replace("body: true", "body: true, headers: {From: '/@(?P<host>[^>]+)/'}")
    tied = tied.replace("- {src: $device", "- {src_address: $host, src: $device")
    assert judge(tied, *call()).ok
    assert not judge(tied, *packets).ok


@pytest.mark.parametrize("index", range(len(CALL)))
def test_a_missing_packet_is_named(index):
    packets = call()
    del packets[index]
    report = judge(SCENARIO, *packets)
    [line] = told(report)
    assert line == f"missing {report.scenario.packets[index].what} (line {index + 4})"
    assert lines(report)[0] == "FAIL  scenario: 7 packets expected, 6 came"
    assert "SIP: 7 expected, 6 came" in lines(report)[1]


@pytest.mark.parametrize("index", range(len(CALL)))
def test_one_packet_too_many_is_named(index):
    packets = call()
    again = {"payload": CALL[index][2], "key": b"sesame", "cid": CALL_ID}
    ends = {"A": (ALICE, BOB), "B": (BOB, ALICE)}[CALL[index][0]]
    packets.insert(
        index + 1,
        packet(**again, source=ends[0], target=ends[1], after_us=CALL[index][1] * 1000 + 1),
    )
    report = judge(SCENARIO, *packets)
    [line] = told(report)
    assert line.startswith("surplus #")
    assert [each.kind for each in report.outcomes].count("ok") == 7
    assert "SIP: 7 expected, 8 came" in lines(report)[1]


def test_a_packet_of_another_type_is_too_many():
    report = judge(SCENARIO, *call(), log(b"status", 6_000_000))
    assert told(report) == ["surplus #8 log"]
    assert "log: 0 expected, 1 came" in lines(report)[1]
    assert judge(SCENARIO + "ignore: [log]", *call(), log(b"status", 6_000_000)).ok
    assert not judge(SCENARIO + "ignore: [rtcp]", *call(), log(b"status", 6_000_000)).ok


@pytest.mark.parametrize(
    "change, said",
    [
        ({"source": ZERO}, "#2 has 0.0.0.0 for the source address"),
        ({"target": ZERO}, "#2 has 0.0.0.0 for the destination address"),
    ],
)
def test_zero_addresses_are_told(change, said):
    packets = call({1: change})
    report = judge("packets: [{times: 7}]", *packets)
    assert not report.ok and f"addresses {said}" in lines(report)
    assert judge("{packets: [{times: 7}], rules: {addresses: false}}", *packets).ok


@pytest.mark.parametrize("host", ["::", "::ffff:0.0.0.0"])
def test_zero_ipv6_addresses_are_told(host):
    one = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    zero = socket.inet_pton(socket.AF_INET6, host)
    for kind, which in (0x05, "source"), (0x06, "destination"):
        six = {0x01: b"\x0a", 0x03: None, 0x04: None, 0x05: one, 0x06: one, kind: zero}
        report = judge("packets: [{family: ipv6}]", good(six))
        assert f"addresses #1 has {host} for the {which} address" in lines(report)
    six[kind] = one
    assert judge("packets: [{family: ipv6}]", good(six)).ok


@pytest.mark.parametrize(
    "after_us, said",
    [
        ((5, 5), "#2 (desk-17) has the same stamp as #1"),
        ((5, 3), "#2 (desk-17) is stamped 2 µs before #1, which came before it"),
        ((5, -START_US), "#2 (desk-17) has no time: its seconds are 0"),
    ],
)
def test_stamps_must_increase(after_us, said):
    packets = [log(b"x", us) for us in after_us]
    report = judge("packets: [{times: 2}]", *packets)
    assert f"stamps    {said}" in lines(report)
    assert judge("{packets: [{times: 2}], rules: {stamps: false}}", *packets).ok


def test_stamps_are_of_one_agent_and_may_have_no_microseconds():
    packets = [log(b"x", 5), log(b"y", 5, name=b"lobby"), log(b"z", 1_000_000, node=7)]
    assert judge("packets: [{times: 3}]", *packets).ok


def test_what_the_strict_decoder_refuses_is_told():
    packets = [log(b"x"), good({0x0A: (5_000_000).to_bytes(4, "big")}), b"OPTIONS sip:x SIP/2.0"]
    report = judge("packets: [{type: log}]", *packets)
    assert [line.split(", ")[1] for line in lines(report) if line.startswith("strict")] == [
        "microseconds at offset 66: 5000000 microseconds; 999999 is the most",
        r"magic at offset 0: begins with b'OPTI'",
    ]
    assert judge("{packets: [{type: log}], rules: {strict: false}}", *packets).ok


def test_two_packets_that_change_places_are_told_as_that():
    packets = call()
    packets[1], packets[2] = packets[2], packets[1]
    report = judge(SCENARIO + "rules: {stamps: false}", *packets)
    [line] = told(report)
    assert line == "order   100 (line 5) came out of turn: #3 100 Trying"
    assert [each.kind for each in report.outcomes].count("ok") == 6
    assert judge(SCENARIO + "rules: {stamps: false}\norder: any", *packets).ok


def test_another_answer_in_its_place_is_one_difference():
    busy = sip(b"SIP/2.0 486 Busy Here", b"1 INVITE")
    report = judge(SCENARIO, *call({3: {"payload": busy}}))
    assert told(report) == ["differs 200 (line 7) #4 486 Busy Here"]
    labels = {d.check.label: (d.expected, d.got) for d in report.outcomes[3].differences}
    assert labels == {"status": ("200", "486"), "body": ("/^v=0$/", "nothing")}


def test_nothing_came():
    report = judge(SCENARIO)
    assert [each.kind for each in report.outcomes] == ["missing"] * 7
    assert lines(report)[0].endswith("7 packets expected, 0 came")
    assert judge("packets: []").ok
    assert not judge("packets: []", log(b"x")).ok


def test_surplus_is_fine_where_the_scenario_says_so():
    loose = SCENARIO + "rules: {exact: false, stamps: false}"
    noise = [log(b"boot"), packet(sip(b"OPTIONS sip:x SIP/2.0", b"1 OPTIONS"))]
    packets = call()
    assert judge(loose, *noise, *packets[:3], *noise, *packets[3:], *noise).ok
    # Half a call of another peer comes first: the whole one is found.
    other = call(default={"cid": b"other", "payload": CALL[0][2].replace(CALL_ID, b"other")})
    assert judge(loose, other[0], *packets).ok
    assert told(judge(loose, *packets[:3], *noise, *packets[4:])) == ["missing 200 (line 7)"]
    assert len(told(judge(SCENARIO, *noise, *packets))) == 2


# Any order


ANY = """
order: any
rules: {stamps: false}
packets:
- {type: rtcp, src: $a, dst: $b, json: {ssrc: $one, type: 200}}
- {type: rtcp, src: $b, dst: $a, json: {ssrc: $two, type: 200}}
- {type: rtcp, src: $a, dst: $b, json: {ssrc: $one, type: 200}}
- {type: rtcp, src: $b, dst: $a, json: {ssrc: $two, type: 201}}
"""
REPORTS = [
    rtcp({"ssrc": 1, "type": 200}),
    rtcp({"ssrc": 2, "type": 200}, BOB, ALICE),
    rtcp({"ssrc": 1, "type": 200}, after_us=9),
    rtcp({"ssrc": 2, "type": 201}, BOB, ALICE),
]


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
def test_any_order_of_arrival_passes(order):
    assert judge(ANY, *(REPORTS[at] for at in order)).ok


def test_in_any_order_variables_still_must_agree():
    wrong = rtcp({"ssrc": 3, "type": 201}, BOB, ALICE)
    report = judge(ANY, *REPORTS[:3], wrong)
    assert told(report) == ["differs RTCP (line 8) #4 RTCP JSON"]
    [outcome] = [each for each in report.outcomes if each.kind == "differs"]
    assert [(d.check.label, d.got) for d in outcome.differences] == [("json.ssrc", "3")]
    report = judge(ANY, *REPORTS[:3])
    assert [each.kind for each in report.outcomes].count("missing") == 1
    report = judge(ANY, *REPORTS, REPORTS[1])
    assert told(report) == ["surplus #5 RTCP JSON"]


def test_times_counts_exactly():
    six = "order: any\npackets: [{type: log, payload: /^line/, times: 6}]"
    packets = [log(b"line %d" % at, at) for at in range(6)]
    assert judge(six, *packets).ok
    assert told(judge(six, *packets[:5])) == ["missing log (line 2)"]
    assert told(judge(six, *packets, log(b"line 6", 6))) == ["surplus #7 log"]
    assert told(judge(six, *packets[:5], log(b"no line", 6))) == ["differs log (line 2) #6 log"]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_perfect_pairing_is_found_if_there_is_one(data):
    wanted, packets = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 5))
    row = st.lists(st.sampled_from([0.0, 0.5, 1.1]), min_size=packets, max_size=packets)
    costs = data.draw(st.lists(row, min_size=wanted, max_size=wanted))
    in_order = data.draw(st.booleans())
    pairs, bound = pair(costs, packets, lambda e, p, b: b, {}, in_order, True)
    assert sorted(e for e, _ in pairs if e is not None) == list(range(wanted))
    assert sorted(p for _, p in pairs if p is not None) == list(range(packets))
    ways = (itertools.combinations if in_order else itertools.permutations)(range(packets), wanted)
    possible = any(all(costs[e][p] == 0 for e, p in enumerate(way)) for way in ways)
    assert (bound is not None) == possible
    if possible:
        assert all(costs[e][p] == 0 for e, p in pairs if e is not None)
    if in_order:
        both = [(e, p) for e, p in pairs if e is not None and p is not None]
        assert both == sorted(both) and sorted(p for _, p in both) == [p for _, p in both]


# Matchers


def one(what, payload=CALL[0][2], **how):
    """Whether a packet with this payload is as `what` says, in flow style."""
    return judge(f"packets: [{{{what}}}]", packet(payload, **how)).ok


@pytest.mark.parametrize(
    "what, right",
    [
        ("family: ipv4, transport: UDP, type: sip, node: 2001, name: desk-17", True),
        ("family: 2, transport: 17, type: 1", True),
        ("family: ipv6", False),
        ("transport: tcp", False),
        ("type: rtcp", False),
        ("node: 2002", False),
        ("node: /^2\\d+$/", True),
        ("name: /^desk-/", True),
        ("name: desk", False),
        ("name: true, correlation: false, key: false", True),
        ("name: false", False),
        ("correlation: true", False),
        ("correlation: /^/", False),
        ("src: '192.0.2.10:5060', dst: '192.0.2.20:5062'", True),
        ("src: 192.0.2.10:5062", False),
        ("src_address: 192.0.2.10, src_port: 5060, dst_address: /20$/, dst_port: /2$/", True),
        ("src_port: 5062", False),
        ("payload: /^INVITE.*v=0\\r\\n$/", False),
        ("payload: '/(?s)^INVITE.*v=0\\r\\n/'", True),
        ("sip: {method: INVITE, uri: /^sip:200@/}", True),
        ("sip: {method: /VITE$/, headers: {CALL-ID: 5f3a@192.0.2.10, i: /^5f/}}", None),
        ("sip: {headers: {cseq: 1 INVITE, v: /z9hG4bK1$/, To: true, Route: false}}", True),
        ("sip: {headers: {CSeq: 1}}", False),
        ("sip: {headers: {Route: true}}", False),
        ("sip: {headers: {To: false}}", False),
        ("sip: {status: false, reason: false}", True),
        ("sip: {status: 200}", False),
        ("sip: {body: true}", True),
        ("sip: {body: false}", False),
        ("sip: {body: /^v=0$/}", True),
        ("sip: {body: 'v=0'}", False),
        ("json: {a: 1}", False),
    ],
)
def test_values(what, right):
    if right is None:
        with pytest.raises(ValueError, match="'i' is there already"):
            one(what)
    else:
        assert one(what) == right


def test_a_header_that_comes_twice_needs_one_that_is_right():
    twice = CALL[1][2].replace(b"Via:", b"v: SIP/2.0/TCP 192.0.2.1\r\nVia:").replace(b"To", b"t")
    assert one("sip: {status: 100, reason: Trying, headers: {Via: /TCP/, To: /sip/}}", twice)
    assert one("sip: {headers: {via: '/UDP (?P<a>[^;]+);/'}}, src: $a", twice)


def test_literals_that_look_like_other_yaml():
    def named(text, name):
        return one(f"name: {text}", name=name)

    assert named("007", b"007") and named("no", b"no") and named("10:20", b"10:20")
    assert named("2026-01-01", b"2026-01-01") and named("1e3", b"1e3") and named("~", b"~")
    assert named("'true'", b"true") and not named("'true'", b"other")


SR = {
    "ssrc": 7,
    "type": 200,
    "sender_information": {"ntp_timestamp_sec": "1767225600", "packets": 50},
    "report_blocks": [{"source_ssrc": 8, "packets_lost": 0, "lost": None, "x": False}],
}


@pytest.mark.parametrize(
    "what, right",
    [
        ("{}", True),
        ("{ssrc: 7, type: 200}", True),
        ("{ssrc: '7'}", False),
        ("{ssrc: /^7$/}", True),
        ("{sender_information: {ntp_timestamp_sec: '1767225600', packets: /./}}", True),
        ("{sender_information: {ntp_timestamp_sec: 1767225600}}", False),
        ("{sender_information: {}}", True),
        ("{sender_information: /./}", False),
        ("{sender_information: null}", False),
        ("{octets: /./}", False),
        ("{octets: null}", False),
        ("{report_blocks: [{packets_lost: 0}]}", True),
        ("{report_blocks: [{packets_lost: false}]}", False),
        ("{report_blocks: [{x: 0}]}", False),
        ("{report_blocks: [{lost: null, x: false}]}", True),
        ("{report_blocks: [{lost: /./}]}", False),
        ("{report_blocks: []}", False),
        ("{report_blocks: [{}, {}]}", False),
        ("{report_blocks: {}}", False),
        ("{ssrc: {}}", False),
        ("{ssrc: [7]}", False),
        ("[]", False),
    ],
)
def test_json(what, right):
    assert judge(f"packets: [{{type: rtcp, json: {what}}}]", rtcp(SR)).ok == right


@pytest.mark.parametrize("payload", [b"", b"{", b"[" * 60_000, b"\xff", b"[1]"])
def test_what_is_no_json_object_is_told(payload):
    report = judge("packets: [{type: rtcp, json: {a: 1}}]", rtcp(payload))
    told = [(d.check.label, d.expected) for d in report.outcomes[0].differences]
    assert told == [("json", "an object"), ("json.a", "1")]


def test_hostile_text_can_do_nothing_to_the_terminal():
    evil = b"INVITE \x1b[2J SIP/2.0\r\nFrom: \x1b]0;x\x07\r\nCall-ID: [red]\x9b1m\r\n\r\n\x1b[1m"
    report = judge(
        "packets: [{name: n, correlation: $c, sip: {headers: {From: a, Call-ID: $c}, body: b}}]",
        packet(evil, name=b"\x1b[31m", cid=b"\xff\x1b"),
        log(b"\x1b", name=b"\x07"),
    )
    text = str(report)
    assert {char for char in text if not char.isprintable()} <= {"\n"}
    assert r'"\x1b]0;x\x07"' in text and r'"\x1b[31m"' in text and "[red]" in text


def test_long_values_and_lists_are_cut():
    report = judge(
        "packets: [{payload: x}]", log(b"y" * 5000), *[log(b"z", at) for at in range(99)]
    )
    assert max(map(len, lines(report))) < 500
    assert "surplus and 79 more" in lines(report)
