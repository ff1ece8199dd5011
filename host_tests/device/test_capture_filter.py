"""What is captured at all: filters by method, answer and peer, sampling, rates."""

from capture_doubles import CONFIG, Ticks, agent, drain, field
from network_doubles import raises
from uhep import IN, LOG, OUT, RTCP
from uhep.config import ConfigError, validate
from uhep.port import ticks_diff

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))


def made(**more):
    a = agent(status_s=0, **more)
    a.line = a.flow(*FLOW)
    return a


def put(a, start, call=b"a", flow=None, way=OUT):
    message = start + b"\r\nCall-ID: " + call + b"\r\nCSeq: 1 INVITE\r\n\r\n"
    return a.capture(flow or a.line, way, message, len(message))


def request(method):
    return method + b" sip:x SIP/2.0"


def answer(status):
    return b"SIP/2.0 %d Text" % status


def balance(a):
    s = a.stats()
    refused = s["filtered"] + s["sampled_out"] + sum([s["limited_%d" % c] for c in range(4)])
    lost = s["dropped_newest"] + s["too_big"] + s["empty"] + s["unwanted"]
    assert s["captured"] == s["queued"] + lost + refused, s
    return s


def test_methods_and_their_answers():
    a = made(skip_methods=["OPTIONS", "REGISTER", "other"])
    for name in (b"OPTIONS", b"REGISTER", b"FOO"):
        assert put(a, request(name)) is False
        assert put(a, request(name), way=IN) is False
    answer_to_options = b"SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\n\r\n"
    assert a.capture(a.line, IN, answer_to_options, len(answer_to_options)) is False
    for name in (b"INVITE", b"OPTIONSX"[:4] + b"ON", b"PUBLISH"):
        assert put(a, request(name)) is (name != b"OPTION")
    assert put(a, answer(200))
    assert balance(a)["filtered"] == 8
    assert a.capture(a.flow(*FLOW, kind=LOG), OUT, b"text", 4)


def test_classes_of_answers():
    a = made(skip_responses=["1xx", "4xx"])
    for status in (100, 180, 199, 400, 487):
        assert put(a, answer(status)) is False
    for status in (200, 302, 500, 603, 999):
        assert put(a, answer(status)) is True
    assert put(a, request(b"INVITE"))
    assert balance(a)["filtered"] == 5


def test_the_first_few_are_kept():
    a = made(skip_methods=["OPTIONS", "INFO"], skip_responses=["1xx"], keep_first=3)
    for start in (request(b"OPTIONS"), request(b"INFO"), answer(180)):
        assert [put(a, start) for _ in range(6)] == [True] * 3 + [False] * 3
    assert balance(a)["filtered"] == 9


def test_peers():
    cases = (
        ("192.0.2.20", "192.0.2.20", True),
        ("192.0.2.20", "192.0.2.21", False),
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("192.0.2.20/31", "192.0.2.21", True),
        ("192.0.2.20/31", "192.0.2.22", False),
        ("0.0.0.0/0", "203.0.113.9", True),
        ("2001:db8::/33", "2001:db8:7fff::1", True),
        ("2001:db8::/33", "2001:db8:8000::1", False),
        ("2001:db8::/32", "192.0.2.20", False),
        ("0.0.0.0/0", "2001:db8::1", False),
    )
    for prefix, host, expected in cases:
        here = "2001:db8::10" if ":" in host else "192.0.2.10"
        for key in ("only_peers", "skip_peers"):
            a = made(**{key: ["203.0.113.77", prefix]})
            flow = a.flow((here, 5060), (host, 5060))
            for way in (IN, OUT):
                taken = put(a, request(b"INVITE"), flow=flow, way=way)
                assert taken is (expected == (key == "only_peers")), (prefix, host, key)
    # The ends of a flow differ in family: IPv4 stands there as IPv6.
    a = made(only_peers=["192.0.2.0/24"])
    assert put(a, request(b"INVITE"), flow=a.flow(("2001:db8::1", 5060), ("192.0.2.9", 5060)))


def test_rules_for_peers_do_not_silence_the_agent():
    for rule in ({"only_peers": ["192.0.2.0/24"]}, {"skip_peers": ["127.0.0.0/8"]}):
        a = agent(status_s=60, **rule)
        log = a.flow(("127.0.0.1", 0), ("127.0.0.1", 0), kind=LOG)
        assert a.capture(log, OUT, b"text", 4, b"uhep")
        for _ in range(9):
            a.poll()
        lines = [field(p, 15) for p in drain(a)]
        assert [line.split()[0] for line in lines] == [b"text", b"uhep"], lines
        assert balance(a)["filtered"] == 0


def test_one_in_so_many_calls():
    # By the Call-ID as a number, so that anybody can tell which: both ends keep the same.
    calls = [b"%x@192.0.2.%d" % (i * 7919, i % 250) for i in range(600)] + [b"x" * 255, b"\xff"]
    for n in (2, 7, 100):
        a, b = made(sample=n), made(sample=n)
        kept = 0
        for call in calls:
            number = 0
            for octet in call:
                number = (number * 256 + octet) % 65521
            expected = number % n == 0
            kept += expected
            assert put(a, request(b"INVITE"), call) is expected
            assert put(b, answer(200), call, way=IN) is expected
            report = b.flow(*FLOW, kind=RTCP)
            assert b.capture(report, OUT, b"{}", 2, call) is expected
            drain(a)
            drain(b)
        assert 600 // n // 2 < kept < 600 * 2 // n
        assert balance(a)["sampled_out"] == len(calls) - kept


def test_what_belongs_to_no_call_is_not_sampled():
    a = made(sample=1000)
    assert a.capture(a.line, OUT, b"INVITE x SIP/2.0\r\n\r\n", 20)
    assert a.capture(a.flow(*FLOW, kind=LOG), OUT, b"text", 4, b"uhep")


def test_rates():
    a = made(rates=[2, 0, 0, 5], rate_burst=3)
    ms = Ticks()
    guard = a._guard
    guard._ticks = ms
    guard._when = [0] * 4
    options, invite = request(b"OPTIONS"), request(b"INVITE")

    def taken(start, n=10):
        got = sum([put(a, start) for _ in range(n)])
        drain(a)
        return got

    assert (taken(options), taken(invite)) == (3, 3)  # the bursts
    ms.now = 499
    assert (taken(options), taken(invite)) == (0, 2)
    ms.now = 500
    assert (taken(options), taken(invite)) == (1, 0)
    ms.now = 100000
    assert (taken(options), taken(invite)) == (3, 3)
    assert taken(request(b"INFO"), 50) == 50
    s = balance(a)
    assert s["limited_0"] == 40 - 7 and s["limited_3"] == 40 - 8
    assert s["limited_1"] == s["limited_2"] == 0
    ms.now = 0x3FFFFFFF  # half the period and more: no time to be told, a full bucket
    assert taken(options) == 3
    if ticks_diff(0, 0x3FFFFFFF) == 1:  # as on a board: 500 ms on, across the wrap
        ms.now = 499
        assert taken(options) == 1


def test_a_refused_packet_displaces_nothing():
    a = made(skip_methods=["INVITE"], queue_bytes=2048)
    while not a.stats()["dropped_oldest"]:
        put(a, request(b"INFO"))
    before = a.stats()["dropped_oldest"]
    for _ in range(50):
        put(a, request(b"INVITE"))
    assert balance(a)["dropped_oldest"] == before
    assert {field(p, 15)[:4] for p in drain(a)} == {b"INFO"}


def test_nothing_is_there_that_nobody_asked_for():
    assert made()._guard is None
    assert "filtered" not in made().stats()


def test_wrong_configuration():
    for key, value in (
        ("skip_methods", "OPTIONS"),
        ("skip_methods", ["options"]),
        ("skip_responses", ["200"]),
        ("skip_responses", [4]),
        ("skip_peers", ["pbx.example"]),
        ("skip_peers", ["192.0.2.0/33"]),
        ("only_peers", ["192.0.2.0/-1"]),
        ("only_peers", [7]),
        ("only_peers", "192.0.2.1"),
        ("sample", 0),
        ("sample", 1001),
        ("rates", [1, 2, 3]),
        ("rates", [1, 2, 3, -4]),
        ("rates", [1, 2, 3, True]),
        ("rate_burst", 0),
        ("keep_first", 5),
        ("keep_first", -1),
    ):
        config = dict(CONFIG)
        config[key] = value
        error = raises(ConfigError, validate, config)
        assert str(error).startswith(key + ": "), error
