"""The framer: whatever the cuts, the same messages."""

from capture_doubles import Ticks
from uhep import framer, lines
from uhep.framer import Framer
from uhep.lines import header_end, starts
from uhep.port import ticks_add

START = b"INVITE sip:b@h SIP/2.0\r\n"


def message(head, body=b""):
    return START + head + b"\r\n\r\n" + body


EMPTY = message(b"Call-ID: e\r\nContent-Length: 0")
BODY = message(b"Call-ID: b\r\nContent-Length: 5", b"v=0\r\n")
LF = BODY.replace(b"\r", b"").replace(b"5\n\nv=0\n", b"4\n\nv=0\n")
RESPONSE = b"SIP/2.0 200 OK\r\nl:3\r\n\r\nabc"
LIKE_A_HEADER = message(b"l: 24", b"\r\nCall-ID: x\r\nl: 9\r\n\r\n\r\n")
TRAP = message(b"l: 39", b"\r\nOPTIONS sip:a SIP/2.0\r\nCall-ID: t\r\n\r\n")


class Sink:
    def __init__(self, **caps):
        self.got = []
        self.ticks = Ticks()
        self.framer = Framer(self.take, ticks=self.ticks, **caps)

    def take(self, buf, n):
        self.got.append(bytes(buf[:n]))

    def feed(self, *pieces):
        for piece in pieces:
            self.framer.feed(piece, len(piece))
        return self

    def taken(self):
        got, self.got = self.got, []
        return got


def start_lines():
    for line, expected in (
        (b"INVITE sip:b@h SIP/2.0\r\n", True),
        (b"INVITE  sip:b@h  SIP/2.0\n", True),
        (b"OPTIONS sip:b@h SIP/7.0  \r\n", True),
        (b"INVITE sip:b@h; lr SIP/2.0\r\n", True),
        (b"RE%47IST%45R sip:x SIP/2.0\r\n", True),
        (b"SIP/2.0 100 \r\n", True),
        (b"sip/2.0 100 \r\n", True),  # any case: RFC 3261 7.1
        (b"INVITE sip:b@h; lr Sip/2.0\r\n", True),
        (b"sip:b@h siq/2.0\r\n", False),
        (b"x y si\x10/2.0\r\n", False),
        (b"siP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n", False),
        (b"x y sip/2.0/UDP\r\n", False),
        (b"SIP/2.0 200 :/\r\n", True),
        (b" SIP/2.0 200 OK\r\n", False),
        (b"Via: SIP/2.0/UDP h\r\n", False),
        (b"Via : SIP/2.0/UDP h\r\n", False),
        (b"Subject: SIP/2.0\r\n", False),
        (b"GET / HTTP/1.1\r\n", False),
        (b"v=0\r\n", False),
        (b"SIP\r\n", False),
        (b"\xff\x00\x80\r\n", False),
        (b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n", False),
        (b"\n", False),
    ):
        yield line, expected


def test_start_lines():
    for line, expected in start_lines():
        for before, behind in ((b"", b""), (b"x\n", b"A x SIP/2.0\r\n"), (b"xyz\n", b"SIP/")):
            b = before + line + behind
            assert starts(b, len(before), len(before) + len(line)) == expected, line


def test_header_ends():
    for b, expected in (
        (b"a\r\n\r\nb\n\nc", 5),
        (b"a\n\nb\r\n\r\nc", 3),
        (b"a\n\r\n", 4),
        (b"a\r\n\nb\n\r\n", 4),
        (b"a\r\n\r", 0),
        (b"a\r\r\n\rb", 0),
        (b"", 0),
    ):
        assert header_end(b, 0, len(b)) == expected, b


def test_content_lengths():
    for head, expected in (
        (b"Content-Length: 5", 5),
        (b"cOnTeNt-LeNgTh:005", 5),
        (b"l:5", 5),
        (b"L \t: \t5 \t", 5),
        (b"Content-Length  :\r\n  5", 5),
        (b"Content-Length\t:\r\n\t\r\n 5", 5),
        (b"l: 0", 0),
        (b"To: x", 0),
        (b"Content-Lengths: 5\r\nll: 6\r\nContent-Type: 7\r\nContent: 8\r\nc: 9", 0),
        (b"Content\rLength: 5", 0),
        (b"Subject: a\r\n l: 5\r\n\tContent-Length: 6", 0),
        (b"l: 13\r\nContent-Length: 5", 13),
        (b"l: -1\r\nContent-Length: 5", 5),
        (b"l: -999", -1),
        (b"l:", -1),
        (b"l: \r\nTo: x", -1),
        (b"l: x", -1),
        (b"l: 5x", -1),
        (b"l: 5, 5", -1),
        (b"l: 0x5", -1),
        (b"l: \xff", -1),
    ):
        for end in (b"\r\n\r\n", b"\n\n", b"\r\n\n"):
            b = START + head + end
            for find in (framer.content_length, lines.content_length):
                for before in (b"", b"l: 7\r\n\r\n"):
                    n = len(before)
                    assert find(before + b + b"\nl: 8\n", n, n + len(b)) == expected, head
    b = START + b"l: " + b"9" * 200 + b"\r\n\r\n"
    for find in (framer.content_length, lines.content_length):
        assert 10000000 <= find(b, 0, len(b)) < 1 << 30


STREAMS = (
    [EMPTY],
    [BODY],
    [EMPTY, BODY, EMPTY],
    [LF, RESPONSE, LF],
    [LIKE_A_HEADER, BODY],
    [TRAP, EMPTY],
    [message(b"L :\r\n  5", b"\r\n\r\n\n"), EMPTY],
    [message(b"To: \xff\xfe\x00"), RESPONSE],
    [START + b"\r\n", EMPTY],
    [START.replace(b"\r", b"") + b"\n", EMPTY],
)


def test_two_pieces_cut_anywhere():
    for stream in STREAMS:
        for between in (b"", b"\r\n\r\n", b"\r\n", b"\r\n\0"):
            whole = between + between.join(stream) + between
            for cut in range(len(whole) + 1):
                s = Sink().feed(whole[:cut], whole[cut:])
                assert s.got == stream, (whole, cut)
                assert not s.framer.skipped


def test_octet_by_octet():
    for stream in STREAMS:
        s = Sink()
        for octet in b"\r\n".join(stream):
            s.feed(bytes((octet,)))
        assert s.got == stream
        assert not s.framer.skipped


def test_from_the_middle_of_a_buffer_of_any_kind():
    whole = EMPTY + BODY
    for kind in (bytes, bytearray, memoryview):
        s = Sink()
        s.framer.feed(kind(b"###" + whole + b"###"), len(whole), 3)
        assert s.got == [EMPTY, BODY]


def test_a_message_at_the_beginning_is_not_copied():
    found = []
    f = Framer(lambda buf, n: found.append((buf, n)))
    segment = BODY + EMPTY
    f.feed(segment, len(segment))
    assert found[0][0] is segment and found[0][1] == len(BODY)
    assert found[1][0] is not segment


def test_only_keep_alives():
    s = Sink().feed(b"\r\n\r\n", b"\r", b"\n", b"\0", b"\r\n\0")
    assert s.got == [] and s.framer.skipped == 0
    assert s.framer.keepalives == 5


def test_garbage_is_passed_over_by_lines():
    for junk in (b"v=0\r\nVia: SIP/2.0/TCP h\r\n", b"\xff\xfe\n", b"GET / HTTP/1.1\r\n\r\n"):
        whole = junk + EMPTY
        for cut in range(len(whole) + 1):
            s = Sink().feed(whole[:cut], whole[cut:])
            assert s.got == [EMPTY], (whole, cut)
            assert len(junk) - 2 <= s.framer.skipped <= len(junk)


def test_stun_is_no_message():
    s = Sink().feed(b"\0\1\0\0\x21\x12\xa4\x42" + b"0123456789ab")
    s.ticks.pass_us(2000)  # the framer's are milliseconds
    s.feed(EMPTY)
    assert s.got == [EMPTY] and s.framer.skipped == 19  # a NUL is a keep-alive


def test_no_length_is_no_body():
    s = Sink().feed(message(b"To: x", b"v=0\r\ns=-\r\n") + EMPTY)
    assert s.got == [message(b"To: x"), EMPTY]
    assert s.framer.skipped == 10


def test_two_lengths():
    first = message(b"l: 3\r\nContent-Length: 5", b"abcde\r\n")
    s = Sink().feed(first + EMPTY)
    assert s.got == [first[:-4], EMPTY]


def test_unusable_lengths():
    for length in (b"-999", b"x", b"", b"99999", b"9" * 40):
        bad = message(b"l: " + length, b"v=0\r\ns=-\r\n")
        # To the next start line in what has come, or to the end of that.
        s = Sink().feed(bad + EMPTY + BODY)
        assert s.got == [bad, EMPTY, BODY], length
        s = Sink().feed(bad + b"half a", b" line\r\nand another\r\n" + EMPTY)
        assert s.got == [bad + b"half a", EMPTY], length
        for cut in range(1, len(bad)):
            s = Sink().feed(bad[:cut], bad[cut:] + EMPTY)
            assert s.got[-1] == EMPTY and bad.startswith(s.got[0]) and len(s.got) == 2


def test_the_largest_message():
    s = Sink(headers=128, total=256, keep=300)
    n = 256 - len(message(b"l: 999"))
    largest = message(b"l: %03d" % n, b"x" * n)
    for cut in range(len(largest)):
        assert s.feed(largest[:cut], largest[cut:]).taken() == [largest]
    larger = message(b"l: %03d" % (n + 1), b"x" * (n - 1) + b"\r\n")
    assert s.feed(larger + EMPTY).taken() == [larger, EMPTY]
    assert s.feed(larger[: -n - 1], larger[-n - 1 :] + EMPTY).taken() == [larger[: -n - 1], EMPTY]


def test_of_a_message_larger_than_the_buffer_its_beginning():
    s = Sink(headers=100)
    big = message(b"l: 1000", b"x" * 1000)
    assert s.feed(big).taken() == [big]  # from where it lies
    for cut in (1, 50, 101, 500, len(big) - 1):
        assert s.feed(big[:cut], big[cut:] + EMPTY).taken() == [big[:100], EMPTY]


def test_header_too_long():
    header = START + b"X: " + b"y" * 8300 + b"\r\nl: 0\r\n\r\n"
    for cut in (0, 1, 100, 8191, 8192, 8193, len(header) - 1):
        s = Sink().feed(header[:cut], header[cut:] + EMPTY)
        assert s.got == [header[:8192], EMPTY], cut
    exact = START + b"X: " + b"y" * (8192 - len(START) - 7) + b"\r\n\r\n"
    for cut in (0, 8190, 8191):
        s = Sink().feed(exact[:cut], exact[cut:] + EMPTY)
        assert s.got == [exact, EMPTY], cut


def test_a_line_too_long_to_be_a_start_line():
    s = Sink(headers=100).feed(b"A" * 250, b"\r\n" + EMPTY)
    assert s.got == [EMPTY] and s.framer.skipped == 252


def test_timeout():
    for cut in range(len(START), len(BODY)):
        s = Sink().feed(BODY[:cut])
        s.ticks.pass_us(1999)
        s.framer.poll()
        assert s.got == []
        s.ticks.pass_us(1)
        s.framer.poll()
        assert s.got == [BODY[:cut]]
        s.framer.poll()
        assert s.feed(BODY[cut:], EMPTY).got == [BODY[:cut], EMPTY]


def test_timeout_when_the_stream_goes_on():
    s = Sink().feed(BODY[:-1])
    s.ticks.pass_us(2000)
    assert s.feed(EMPTY).got == [BODY[:-1], EMPTY]


def test_slow_but_not_dead():
    s = Sink()
    for octet in BODY:
        s.ticks.pass_us(1999)
        s.feed(bytes((octet,)))
    assert s.got == [BODY]


def test_timeout_at_the_wrap_of_ticks():
    s = Sink()
    s.ticks.now = start = ticks_add(0, -100)
    s.feed(BODY[:-1])
    s.ticks.now = ticks_add(start, 1999)
    s.framer.poll()
    assert s.got == []
    s.ticks.now = ticks_add(start, 2000)
    s.framer.poll()
    assert s.got == [BODY[:-1]]


def test_timeout_of_what_is_no_message():
    s = Sink().feed(b"jaK")
    s.ticks.pass_us(2000)
    s.feed(EMPTY)
    assert s.got == [EMPTY] and s.framer.skipped == 3


def test_flush():
    s = Sink().feed(BODY[:-2])
    s.framer.flush()
    s.framer.flush()
    assert s.got == [BODY[:-2]]
    assert s.feed(EMPTY).got[1:] == [EMPTY]
