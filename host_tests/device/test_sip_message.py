"""lib/usip: messages and the values of their fields."""

from doubles import raises
from usip import header, message, parse

INVITE = (
    b"INVITE sip:201@192.0.2.9:5062;transport=udp SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Smith, <J>; \\"x" <sip:alice@192.0.2.1;x=1>;tag=a1\r\n'
    b"To: <sip:201@192.0.2.9>\r\n"
    b"Call-ID: c1@192.0.2.1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"body"
)


def test_request():
    parsed = parse.parse(INVITE)
    assert parsed.method == "INVITE"
    assert parsed.uri == "sip:201@192.0.2.9:5062;transport=udp"
    assert parsed.status == 0
    assert parsed.get("call-id") == "c1@192.0.2.1"
    assert parsed.seq == 7
    assert parsed.body == b"body"


def test_what_is_built_is_what_is_parsed():
    assert parse.parse(INVITE).encode() == INVITE


def test_response():
    parsed = parse.parse(
        b"SIP/2.0 486 Busy \xff Here\r\nv: a;branch=b\r\nf: b\r\nt: c\r\ni: d\r\n"
        b"CSeq: 1 INVITE\r\n\r\n"
    )
    assert parsed.status == 486
    assert parsed.reason == "Busy \xff Here"
    assert parsed.method == "INVITE"
    assert parsed.get("via") == "a;branch=b"


def test_tolerance():
    parsed = parse.parse(
        b"\r\n\r\nOPTIONS  sip:x   SIP/2.0 \nV :one\n ,\n\ttwo\nvia: three\nFROM: f\nt:t\n"
        b"I : \n\tfolded\ncseq: 9\n OPTIONS\nm: <sip:a,b>, <sip:c>\n\nrest"
    )
    assert parsed.method == "OPTIONS"
    assert parsed.all("via") == ["one", "two", "three"]
    assert parsed.all("contact") == ["<sip:a,b>", "<sip:c>"]
    assert parsed.get("call-id") == "folded"
    assert parsed.seq == 9
    assert parsed.body == b"rest"


def test_what_is_not_utf_8_is_taken_for_latin_1():
    parsed = parse.parse(INVITE.replace(b"Smith", b"M\xfcller"))
    assert header.uri(parsed.get("from")) == "sip:alice@192.0.2.1;x=1"
    assert parsed.encode() == INVITE.replace(b"Smith", "M\xfcller".encode())


def test_end_without_an_empty_line():
    data = INVITE[: INVITE.find(b"Content-Length")]
    assert parse.parse(data).body == b""
    assert parse.parse(data[:-2]).seq == 7


def test_body_is_cut_to_its_length():
    assert parse.parse(INVITE + b"tail").body == b"body"


def test_nonsense():
    for data in (
        b"",
        b"\r\n\r\n",
        b"\x00\x01\x00\x00",
        b"jaK",
        b"INVITE sip:x SIP/2.0",
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        INVITE.replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1),
        INVITE.replace(b"Call-ID: c1@192.0.2.1\r\n", b""),
        INVITE.replace(b"7 INVITE", b"7 OPTIONS"),
        INVITE.replace(b"7 INVITE", b"-7 INVITE"),
        INVITE.replace(b"7 INVITE", b"99999999999 INVITE"),
        INVITE.replace(b"Length: 4", b"Length: 5"),
        INVITE.replace(b"Length: 4", b"Length: -1"),
        INVITE.replace(b"Max-Forwards: 70", b"Max-Forwards"),
        b"SIP/2.0 20 OK" + INVITE[INVITE.find(b"\r\n") :],
        b"SIP/2.0 4294967301 OK" + INVITE[INVITE.find(b"\r\n") :],
    ):
        raises(ValueError, parse.parse, data)


def test_every_cut_parses_or_raises_value_error():
    for length in range(len(INVITE)):
        try:
            parse.parse(INVITE[:length])
        except ValueError:
            pass


def test_reply_copies_what_it_must():
    request = parse.parse(INVITE.replace(b"Max-", b"Via: below\r\nRecord-Route: <sip:r>\r\nMax-"))
    built = parse.parse(message.reply(request, 180, "t1").encode())
    assert built.all("via") == request.all("via") and len(built.all("via")) == 2
    assert built.get("record-route") == "<sip:r>"
    assert built.get("from") == request.get("from")
    assert built.get("to") == "<sip:201@192.0.2.9>;tag=t1"
    assert built.get("cseq") == "7 INVITE"
    assert built.get("max-forwards", None) is None


def test_reply_keeps_a_tag():
    request = parse.parse(INVITE.replace(b"201@192.0.2.9>\r\n", b"201@192.0.2.9>;tag=old\r\n"))
    assert message.reply(request, 200, "new").get("to") == "<sip:201@192.0.2.9>;tag=old"


def test_name_addr():
    value = parse.parse(INVITE).get("from")
    assert header.uri(value) == "sip:alice@192.0.2.1;x=1"
    assert header.param(value, "tag") == "a1"
    assert header.param(value, "x") is None
    assert header.param(header.uri(value), "x") == "1"
    assert header.uri("sip:bob@b ;tag=2") == "sip:bob@b"
    assert header.param("sip:bob@b ; TAG = 2;lr", "tag") == "2"
    assert header.param("sip:bob@b;tag=2;lr", "lr") == ""
    assert header.uri("") == ""
    assert header.uri('"a\\\\" <sip:b>') == "sip:b"
    assert header.uri('"a\\" <sip:b>" <sip:c>') == "sip:c"
    assert header.uri('"unclosed <sip:x>') == '"unclosed <sip:x>'


def test_split():
    assert header.split('"a,b" <sip:c,d>;x="\\",", e') == ['"a,b" <sip:c,d>;x="\\","', "e"]
    assert header.split("a;b ; c", ";") == ["a", "b", "c"]
    assert header.split("") == [""]


def test_host_port():
    assert header.host_port("192.0.2.1") == ("192.0.2.1", 5060)
    assert header.host_port("192.0.2.1 : 5062") == ("192.0.2.1", 5062)
    assert header.host_port("[2001:db8::1]:5062") == ("2001:db8::1", 5062)
    assert header.host_port("[2001:db8::1]") == ("2001:db8::1", 5060)
    assert header.uri_host_port("SIP:a:b@h.example:5;lr?x=y@z") == ("h.example", 5)
    assert header.host_port("h:65535") == ("h", 65535)
    for bad in (
        "",
        ":5060",
        "h:x",
        "h:\xff",
        "h:0",
        "h:-1",
        "h:65536",
        "h:9999999999999999999999",
    ):
        raises(ValueError, header.host_port, bad)
    raises(ValueError, header.uri_host_port, "tel:123")


def test_number():
    for told, number in (
        ("", None),
        ("1800;refresher=uac", 1800),
        ("5 (soon)", 5),
        ("999999999", 999999999),
        ("4294967295", 999999999),  # legal, and no small int
        ("9" * 40, 999999999),
    ):
        for each in (message.Message("INVITE", "sip:x"), message.Message(status=200)):
            each.add("expires", told)
            assert each.number("expires") == number, told
    for nonsense in ("abc", "-1", "1.5", "Fri, 26 Sep 2027 12:00:00 GMT"):
        request, response = message.Message("INVITE", "sip:x"), message.Message(status=503)
        request.add("retry-after", nonsense)
        response.add("retry-after", nonsense)
        raises(ValueError, request.number, "retry-after")
        assert response.number("retry-after") is None
