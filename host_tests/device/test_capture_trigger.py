"""Nothing is sent until a call fails; then what was before, and what follows."""

import errno

from capture_doubles import CONFIG, Link, Ticks, chunks, drain, field
from capture_doubles import agent as capture_agent
from network_doubles import Network, Sock, frames, raises
from uhep import IN, OUT, Agent, config
from uhep.clock import Clock
from uhep.config import ConfigError

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
A, B = "192.0.2.1:9060", "192.0.2.2:9060"


class Device:
    """An agent that waits for a trigger, and its time."""

    def __init__(self, a=None, **more):
        options = {"trigger_s": 10, "trigger_after_s": 5, "status_s": 0, "queue_bytes": 65536}
        options.update(more)
        self.a = a = a or capture_agent(**options)
        self.ms = Ticks()
        trigger = a._guard
        self.trigger = trigger
        trigger._ticks = self.ms
        trigger._due = trigger._until = 0
        self.flow = a.flow(*FLOW)

    def wait(self, s):
        """Time passes, in steps in which it polls."""
        for _ in range(s * 2):
            self.ms.pass_us(500)
            self.a.ticks.pass_us(500000)
            self.a.poll()

    def say(self, line, call=b"c1@h", method=b"INVITE", taken=True):
        text = line + b"\r\nCall-ID: " + call + b"\r\nCSeq: 1 " + method + b"\r\n\r\n"
        assert self.a.capture(self.flow, IN, text, len(text)) is taken

    def request(self, method, call=b"c1@h", taken=True):
        self.say(method + b" sip:x SIP/2.0", call, method, taken)

    def answer(self, status, call=b"c1@h", method=b"INVITE", taken=True):
        self.say(b"SIP/2.0 %d X" % status, call, method, taken)

    def sent(self):
        return [field(p, 15).split(b"\r\n")[0] for p in drain(self.a)]

    def balance(self):
        s = self.a.stats()
        assert s["queued"] == s["sent"] + s["dropped_oldest"] + s["waiting"] + s["expired"], s
        return s


def test_nothing_leaves_and_what_is_old_goes_unsent():
    d = Device()
    for i in range(30):
        d.request(b"OPTIONS", b"c%d" % i)
        d.wait(1)
    s = d.balance()
    assert d.sent() == [] and s["sent"] == 0 and s["triggers"] == 0
    assert 18 <= s["expired"] <= 20 and s["dropped"] == 0


def test_what_has_no_time_waits_for_it():
    # Stamps of 0/0 tell no age: the ring bounds these packets, and trigger_s once there is a time.
    sync, Clock.sync = Clock.sync, lambda clock: False
    try:
        options = dict(CONFIG, before_time="zero", trigger_s=10, status_s=0)
        d = Device(Agent(options, Ticks(), Link()))
        d.wait(40)
        d.request(b"INVITE")
        d.wait(40)
        assert d.balance()["waiting"] == 1
        d.a.clock.set(1767225600)
        d.request(b"OPTIONS")
        d.wait(8)
        assert d.balance()["waiting"] == 2
        d.wait(4)
        assert d.balance()["expired"] == 2
        d.a.clock.is_set, d.a.ring.st[24] = False, 1
        d.request(b"INVITE")
        d.answer(503)
        assert d.sent() == [b"INVITE sip:x SIP/2.0", b"SIP/2.0 503 X"]
    finally:
        Clock.sync = sync


def test_a_call_that_fails_is_sent_with_what_was_before():
    d = Device()
    d.request(b"OPTIONS", b"old")
    d.wait(12)
    d.request(b"OPTIONS", b"before")
    d.request(b"INVITE")
    d.answer(100)
    assert d.sent() == []
    d.answer(503)
    d.request(b"ACK")
    assert d.sent() == [
        b"OPTIONS sip:x SIP/2.0",
        b"INVITE sip:x SIP/2.0",
        b"SIP/2.0 100 X",
        b"SIP/2.0 503 X",
        b"ACK sip:x SIP/2.0",
    ]
    d.wait(4)
    d.request(b"OPTIONS", b"after")
    assert d.sent() == [b"OPTIONS sip:x SIP/2.0"]
    d.wait(2)
    d.request(b"OPTIONS", b"later")
    assert d.sent() == [] and d.balance()["triggers"] == 1
    d.wait(20)
    assert d.balance()["waiting"] == 0 and d.balance()["expired"] == 2


def test_which_answers_are_failures():
    for status in (200, 302, 401, 407, 486, 487):
        d = Device()
        d.answer(status)
        assert d.sent() == [], status
    for status in (400, 403, 404, 408, 480, 488, 500, 600, 603, 699):
        d = Device()
        d.answer(status)
        assert len(d.sent()) == 1, status
    d = Device()
    d.answer(403, method=b"REGISTER")
    d.answer(481, method=b"BYE")
    assert d.sent() == []


def test_no_ack():
    d = Device(trigger_s=60)
    d.request(b"INVITE")
    d.answer(200)
    d.wait(31)
    assert d.sent() == []
    d.wait(2)
    assert len(d.a.link.packets) == 2 and d.balance()["triggers"] == 1
    d = Device(trigger_s=60)
    for call in (b"1", b"2", b"3", b"4", b"5" * 200, b"6"):
        d.answer(200, call)
        d.answer(200, call)  # again
        d.request(b"ACK", call)
    d.wait(40)
    assert d.sent() == [] and d.balance()["triggers"] == 0


def test_more_calls_than_are_watched():
    d = Device(trigger_s=100)
    for i in range(8):
        d.answer(200, b"call-%d" % i)
        d.ms.pass_us(10)
    for i in range(4, 8):
        d.request(b"ACK", b"call-%d" % i)
    d.wait(40)
    assert d.balance()["triggers"] == 0


def test_it_sees_what_filters_refuse():
    d = Device(trigger_s=60, skip_methods=["ACK"], skip_responses=["5xx"])
    d.answer(200)
    d.request(b"ACK", taken=False)
    d.wait(40)
    assert d.sent() == [] and d.a.stats()["triggers"] == 0
    d.answer(503, b"c2@h", taken=False)
    assert d.sent() == [b"SIP/2.0 200 X"] and d.a.stats()["triggers"] == 1
    assert d.a.stats()["filtered"] == 2


def test_until_the_call_is_over():
    d = Device(trigger_after_s=1000)
    d.a.trigger(b"one_way", b"c1@h")
    d.request(b"BYE", b"other")
    d.answer(200, b"other", b"BYE")
    d.wait(1)
    assert not d.trigger.armed
    d.request(b"BYE")
    d.answer(200, method=b"BYE")
    d.wait(1)
    assert d.trigger.armed and len(d.a.link.packets) == 4
    d.request(b"OPTIONS")
    assert d.balance()["waiting"] == 1


def test_asked_for_and_mos():
    d = Device(trigger_mos=310)
    d.request(b"INVITE")
    d.a.trigger_mos(310, b"c1@h")
    assert d.sent() == []
    d.a.trigger_mos(309, b"c1@h")
    assert len(d.sent()) == 1
    d = Device()
    d.request(b"INVITE")
    d.a.trigger_mos(0)  # no limit
    assert d.sent() == []
    d.a.trigger()
    assert len(d.sent()) == 1


def test_the_rest_still_goes_when_the_time_is_over():
    d = Device()
    for i in range(20):
        d.request(b"OPTIONS", b"c%d" % i)
    d.a.link.script = [None] * 1000
    d.answer(503)
    d.wait(6)
    assert d.trigger.armed and d.a.link.packets == []
    d.a.link.script = []
    d.request(b"OPTIONS", b"new")
    assert len(d.sent()) == 21
    assert d.balance()["waiting"] == 1


def test_a_full_ring_drops_and_counts():
    d = Device(queue_bytes=2048)
    for i in range(40):
        d.request(b"OPTIONS", b"c%d" % i)
    s = d.balance()
    assert s["dropped_oldest"] > 20 and s["expired"] == 0
    d.a.trigger()
    assert len(d.sent()) == s["waiting"]


def test_the_status_line_tells_why():
    d = Device(status_s=60)
    d.a.status._ticks = d.ms
    d.a.status._told = d.a.status._due = d.a.status._calm = 0
    d.wait(2)
    d.answer(503)
    d.wait(2)
    lines = [field(p, 15) for p in d.a.link.packets if field(p, 17) == b"uhep"]
    assert [line.split(b" ")[1] for line in lines] == [b"why=start", b"why=failed"]
    assert b" triggers=1 " in lines[-1] + b" "


def test_over_tcp_a_break_does_not_arm_or_fire_it():
    broken = Sock(takes=30, then=OSError(errno.ECONNRESET))
    with Network(broken, Sock()) as net:
        options = dict(CONFIG)
        options.update({"trigger_s": 600, "status_s": 0, "transport": "tcp"})
        d = Device(Agent(options, Ticks()))
        d.a.clock.set(1767225600)
        d.a.link._ticks = d.ms
        d.a.link._due = 0
        d.request(b"INVITE")
        d.wait(2)
        assert broken.stream == b""
        d.answer(500)
        d.wait(4)
        found, rest = frames(net.socks[1].stream)
        assert len(found) == 2 and rest == b"" and len(broken.stream) == 30
        for packet in found:
            chunks(packet)


def test_both_of_two_collectors():
    options = dict(CONFIG)
    options.update({"capture_address": [A, B], "collectors": "copy", "trigger_s": 10})
    options["status_s"] = 0
    d = Device(Agent(options, Ticks()))
    for queue in d.a.queues:
        queue.link = Link()
        queue._linked()
    d.a.clock.set(1767225600)
    d.request(b"OPTIONS")
    d.wait(12)
    s = d.a.stats()
    assert s["expired"] == s["copy_expired"] == 1 and s["sent"] == s["copy_sent"] == 0
    d.request(b"INVITE")
    d.answer(404)
    while d.a.poll():
        pass
    one, two = [queue.link.packets for queue in d.a.queues]
    assert one == two and len(one) == 2


def test_bad_keys():
    good = dict(CONFIG)
    for key, bad in (("trigger_s", -1), ("trigger_after_s", 0), ("trigger_mos", 4.1)):
        options = dict(good)
        options[key] = bad
        assert raises(ConfigError, config.validate, options).startswith(key + ": ")
    good["trigger_s"] = 5
    good["spool"] = {"path": "/uhep.spool", "blocks": 4}
    assert raises(ConfigError, config.validate, good).startswith("trigger_s: ")


def test_outgoing_too():
    d = Device()
    text = b"SIP/2.0 404 X\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
    d.a.capture(d.flow, OUT, text, len(text))
    assert len(d.sent()) == 1
