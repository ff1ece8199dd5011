"""What the scan says of a packet: method, status, class, correlation id; and who asks for it."""

from capture_doubles import agent, drain, field
from uhep import LOG, OUT, QOS, RTCP
from uhep.flow import STRICT
from uhep.guard import Guard

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))

METHODS = (
    "INVITE ACK BYE CANCEL OPTIONS REGISTER MESSAGE "
    "INFO PRACK UPDATE SUBSCRIBE NOTIFY REFER PUBLISH"
).split()
CLASSES = (3, 3, 3, 3, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2)
REST = b"To: CSeq: 9 BYE\r\nCall-ID: a@b\r\nCSeq: 7 %s\r\n\r\nCSeq: 8 NOTIFY\r\ni: no\r\n"


def found(a):
    """(method, status, class) of the last capture."""
    return tuple([a.ring.st[i] for i in (25, 26, 27)])


def scan(message, cid=None, **more):
    a = agent(max_packet=8192)
    a.capture(a.flow(*FLOW, **more), OUT, message, len(message), cid)
    return found(a)


def request(method, end=b"\r\n"):
    return method + b" sip:b@h SIP/2.0" + end + REST % method


def response(status, method):
    return b"SIP/2.0 " + status + b" Text\r\n" + REST % method


def test_requests():
    for i in range(14):
        name = METHODS[i].encode()
        assert scan(request(name)) == (i + 1, 0, CLASSES[i]), name
        assert scan(request(name, b"\n")) == (i + 1, 0, CLASSES[i]), name
        assert scan(b"\r\n\n" + request(name), b"given") == (i + 1, 0, CLASSES[i]), name
    for name in (
        b"invite",
        b"INVIT",
        b"INVITED",
        b"INVITE!",
        b"XINVITE",
        b"ACKK",
        b"O",
        b"!*_+`.%'~",
    ):
        assert scan(request(name)) == (15, 0, 2), name


def test_responses():
    for i in range(14):
        name = METHODS[i].encode()
        c = CLASSES[i]
        assert scan(response(b"200", name)) == (i + 1, 200, c)
        assert scan(response(b"699", name), b"given") == (i + 1, 699, c)
        assert scan(response(b"183", name)) == (i + 1, 183, 2 if c == 3 else c)
    assert scan(response(b"200", b"FOO")) == (15, 200, 2)


def test_a_version_in_any_case():  # RFC 3261 7.1
    for version in (b"SIP", b"sip", b"Sip", b"sIp", b"siP"):
        line = version + b"/2.0 404 X\r\n"
        assert scan(line + REST % b"INVITE", mode=STRICT) == (1, 404, 3), line
        assert scan(line, b"given", mode=STRICT) == (0, 404, 2), line
        line = b"FOO sip:b@h; lr " + version + b"/2.0\r\n"
        assert scan(line + REST % b"FOO", mode=STRICT) == (15, 0, 2), line
    for line in (
        b"\x13ip/2.0 200 OK\r\n",
        b"si\x10/2.0 200 OK\r\n",
        b"sip\x0f2.0 200 OK\r\n",
        b"sip",
        b"sib/2.0 200 OK\r\n",
        b"FOO sip:b@h sip\x0f2.0\r\n",
        b"FOO sip:b@h siq/2.0\r\n",
        b"FOO sip:b@h sip\r\n",
        b"FOO sip:b@h\tsip/2.0\r\n",
        b"FOO sip:b@h\r\n sip/2.0\r\n",
        b"FOO: sip:b@h sip/2.0\r\n",
        b" sip/2.0\r\n",
    ):
        a = agent()
        assert a.capture(a.flow(*FLOW, mode=STRICT), OUT, line, len(line)) is None, line
        for n in range(len(line)):  # an end anywhere
            a.capture(a.flow(*FLOW, mode=STRICT), OUT, line, n)


def test_a_cseq_in_every_spelling():
    for line in (
        b"CSeq: 1 BYE\r\n",
        b"cseq:1 BYE \r\n",
        b"CSEQ \t:\t0009\t BYE\n",
        b"CSeq: 0009\r\n  BYE\r\n",
        b"CSeq\r: no\r\nCSeq:\n 1\n\tBYE",
        b"CSequence: 1 ACK\r\nCSeq: 99999999999999 BYE\r\n",
        b"Contact: x\r\nCall-Info: y\r\nCSe: 2 ACK\r\nCSeq: BYE\r\nCSeq: 1 ACK\r\n",
        b" CSeq: 1 ACK\r\nCSeq: 1 BYE\r\n",
    ):
        for before in (b"", b"Call-ID: a\r\n", b"i:\r\n"):
            message = b"SIP/2.0 200 OK\r\n" + before + line
            assert scan(message) == (3, 200, 3), message
            assert scan(message, b"given") == (3, 200, 3), message


def test_no_cseq():
    for line in (
        b"CSeq",
        b"CSeq:",
        b"CSeq: 1",
        b"CSeq: \r\nBYE\r\n",
        b"CSeq: 1\r\n\r\nBYE",
        b"To: x",
    ):
        found = scan(b"SIP/2.0 200 OK\r\nCall-ID: x\r\n" + line)
        assert found in ((0, 200, 2), (15, 200, 2)), line


def test_status_codes():
    for text, status in (
        (b"100 ", 100),
        (b" 404", 404),
        (b"999 x", 999),
        (b"99 x", 999),
        (b"1000 x", 999),
        (b"4294967301 better", 999),
        (b"-200", 999),
        (b"OK", 999),
        (b"", 999),
        (b"\xb2\xb0\xb0", 999),
    ):
        assert scan(b"SIP/3.0 " + text + b"\r\nCSeq: 1 BYE\r\n\r\n") == (
            3,
            status,
            2 if status < 200 else 3,
        )


def test_no_start_line():
    a = agent()
    plain = a.flow(*FLOW)
    strict = a.flow(*FLOW, mode=STRICT)
    for message in (
        b"",
        b"\r\n",
        b"SIP",
        b"siq/2.0 200 OK\r\nCSeq: 1 BYE\r\n",
        b"GET / HTTP/1.1\r\nCall-ID: x\r\n\r\n",
        b"To: <sip:x> SIP/2.0\r\n",
        b" SIP/2.0\r\n",
        b"A b\r\n SIP/2.0\r\n",
        b"A b SIP/"[:-1],
        b"INVITED\r\n",
    ):
        before = a.stats()["captured"]
        assert a.capture(strict, OUT, message, len(message)) is None, message
        assert a.stats()["captured"] == before
        a.capture(plain, OUT, message, len(message))
        assert found(a) == (0, 0, 2), message
        assert a.stats()["captured"] == before + 1
        drain(a)


def test_what_stands_behind_the_used_length_is_not_looked_at():
    for message in (request(b"SUBSCRIBE"), response(b"200", b"SUBSCRIBE"), b"FOO x SIP/2.0\r\n"):
        a = agent()
        flow = a.flow(*FLOW)
        for n in range(len(message)):
            a.capture(flow, OUT, message, n)
            whole = found(a)
            a.capture(flow, OUT, message[:n], n)
            assert found(a) == whole, n
            drain(a)


def test_other_kinds():
    assert scan(b"{}", kind=RTCP) == (0, 0, 1)
    assert scan(b"{}", kind=QOS) == scan(b"{}", kind=35) == (0, 0, 1)
    assert scan(b"INVITE x SIP/2.0", kind=LOG) == (0, 0, 2)
    assert scan(b"status", kind=LOG, mode=1) == (0, 0, 1)
    assert scan(b"last words", b"cid", kind=LOG, mode=3) == (0, 0, 3)


class Witness(Guard):
    """Writes down what it is asked; refuses what begins with `no`."""

    def __init__(self, agent, log, name, no=b"\0"):
        super().__init__(agent)
        self.log = log
        self.name = name
        self.no = no
        self.ring = agent.ring.buf

    def admit(self, flow, way, buf, n):
        self.log.append((self.name, bytes(buf[:n]), way))
        return buf[0] != self.no[0] and Guard.admit(self, flow, way, buf, n)

    def stored(self, at, total):
        self.log.append((self.name, bytes(self.ring[at : at + total])))
        self.ring[at + total - 1] += 1
        Guard.stored(self, at, total)


def test_guards_stand_one_behind_the_other():
    a = agent()
    flow = a.flow(*FLOW, kind=LOG)
    log = []
    Witness(a, log, 1)
    Witness(a, log, 2, b"x")
    assert a.capture(flow, OUT, b"abc???", 3)
    assert a.capture(flow, OUT, b"xyz", 3) is False
    (packet,) = drain(a)
    assert field(packet, 15) == b"abe"
    assert [entry[:2] for entry in log if entry[1][:4] != b"HEP3"] == [
        (2, b"abc"),
        (1, b"abc"),
        (2, b"xyz"),
    ]
    before = [entry[1] for entry in log if entry[1][:4] == b"HEP3"]
    assert [field(p, 15) for p in before] == [b"abc", b"abd"]
    assert a.stats()["captured"] == 1  # who refuses, counts


def test_a_guard_knows_the_correlation_id():
    class Reader(Guard):
        def admit(self, flow, way, buf, n):
            st = a.ring.st
            seen.append(bytes(a._source[st[10] : st[10] + st[28]]))
            return True

    a = agent()
    seen = []
    Reader(a)
    message = request(b"INVITE")
    a.capture(a.flow(*FLOW), OUT, message, len(message))
    a.capture(a.flow(*FLOW), OUT, memoryview(message), len(message))
    a.capture(a.flow(*FLOW), OUT, message, len(message), b"given")
    a.capture(a.flow(*FLOW, kind=LOG), OUT, message, len(message), b"nul\0x")
    a.capture(a.flow(*FLOW, kind=LOG), OUT, message, len(message))
    assert seen == [b"a@b", b"a@b", b"given", b"nul", b""]


def test_a_guard_sees_each_record_where_it_stands():
    class Checker(Guard):
        def stored(self, at, total):
            seen.append(bytes(a.ring.buf[at : at + total]))

    a = agent(queue_bytes=2048, max_packet=600)
    seen = []
    Checker(a)
    flow = a.flow(*FLOW)
    sent = []
    for i in range(60):
        message = request(b"INVITE") + b"x" * (i * 7 % 300)
        assert a.capture(flow, OUT, message, len(message))
        if i % 3 == 2:
            sent += drain(a)
    assert sent == seen
