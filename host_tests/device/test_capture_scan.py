"""Which Call-ID a capture finds."""

from capture_doubles import agent, drain, field

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))

START = b"INVITE sip:b@h SIP/2.0\r\n"

CASES = (
    (START + b"Call-ID: a@b\r\n\r\n", b"a@b"),
    (START + b"call-id:a@b\r\n\r\n", b"a@b"),
    (START + b"CALL-ID : a@b\r\n\r\n", b"a@b"),
    (START + b"cAlL-iD\t \t:\t a@b \t\r\n\r\n", b"a@b"),
    (START + b"i: a@b\r\n\r\n", b"a@b"),
    (START + b"I :a@b\r\n\r\n", b"a@b"),
    (START + b"Call-ID:\r\n  a@b\r\n\r\n", b"a@b"),
    (START + b"Call-ID:\n\ta@b\n\n", b"a@b"),
    (START + b"Via: x\r\n i: no\r\n\ti: no\r\nCall-ID: yes\r\n\r\n", b"yes"),
    (START + b"Call-ID: one\r\nCall-ID: two\r\n\r\n", b"one"),
    (START + b"i: one\r\nCall-ID: two\r\n\r\n", b"one"),
    (START + b"Call-ID: last", b"last"),
    (START + b"Call-ID: last\n", b"last"),
    (START.replace(b"\r", b"") + b"To: x\nCall-ID: lf\n\nbody", b"lf"),
    (b"\r\n\r\n" + START + b"Call-ID: late\r\n\r\n", b"late"),
    (b"SIP/2.0 100 \r\nCall-ID: s\r\n\r\n", b"s"),
    (START + b"To: x\r\n\r\nCall-ID: body\r\n", None),
    (START + b"To: x\n\nCall-ID: body\n", None),
    (START + b"To: x\r\n\r\n" + b"i: body\r\n", None),
    (START + b"Call-ID:\r\nTo: x\r\n\r\n", None),
    (START + b"Call-ID: \r\n\r\n  body", None),
    (START + b"Call-ID:", None),
    (START + b"Call-ID", None),
    (START + b"Call-I", None),
    (START + b"Call-IDs: x\r\nCall-Id-Not: y\r\nIx: z\r\n\r\n", None),
    (START + b"-: x\r\nCall-ID: after\r\n\r\n", b"after"),
    (START + b"*: x\r\nCall-ID: after\r\n\r\n", b"after"),
    (START + b"Call\rID: x\r\n\r\n", None),
    (START + b"Call-ID: a\0b\r\n\r\n", b"a"),
    (START + b"Call-ID: a\tb\r\n\r\n", b"a"),
    (START + b"Call-ID: a\x1fb\r\n\r\n", b"a"),
    (START + b"Call-ID: \xff\xfe\x80 \xe9\r\n\r\n", b"\xff\xfe\x80 \xe9"),
    (START + b"To: \xff\x80\x00\x01\x1f\x81\r\nCall-ID: bin\r\n\r\n", b"bin"),
    (
        START + b"Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\r\n\r\n",
        b"intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
    ),
    (START + b"Call-ID: " + b"x" * 255 + b"\r\n\r\n", b"x" * 255),
    (START + b"Call-ID: " + b"x" * 300 + b"\r\n\r\n", b"x" * 255),
    (b"Call-ID: not a header\r\nTo: x\r\n\r\n", None),
    (b"\r\n\r\n", None),
    (b"\n", None),
    (b"x", None),
)


def test_cases():
    a = agent()
    flow = a.flow(*FLOW)
    for message, expected in CASES:
        assert a.capture(flow, 0, message, len(message))
        (packet,) = drain(a)
        assert field(packet, 17) == expected, message
        assert field(packet, 15) == message


def test_at_every_alignment_and_from_every_kind_of_buffer():
    a = agent()
    flow = a.flow(*FLOW)
    for message, expected in CASES:
        for shift in range(4):
            room = bytearray(shift) + message + b"\nCall-ID: behind\r\n"
            view = memoryview(room)[shift:]
            assert a.capture(flow, 0, view, len(message))
            (packet,) = drain(a)
            assert field(packet, 17) == expected, (shift, message)


def test_what_stands_behind_the_used_length_is_not_looked_at():
    a = agent()
    flow = a.flow(*FLOW)
    message = START + b"To: x\r\nCall-ID: abcdef\r\n\r\n"
    whole = message.index(b"abcdef")
    for n in range(1, len(message)):
        a.capture(flow, 0, message, n)
        (packet,) = drain(a)
        got = field(packet, 17)
        assert got == (message[whole : min(n, whole + 6)] or None if n > whole else None), n
