"""The line that the agent tells about itself, and what it knows of lost packets."""

import errno
from struct import pack

from capture_doubles import Link, Ticks, drain, field
from capture_doubles import agent as capture_agent
from flash_doubles import Flash, Milliseconds
from network_doubles import raises
from uhep import IN, OUT, config
from uhep.config import ConfigError
from uhep.gap import Gap
from uhep.logline import Line, Name

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
START = 1767225600
NOWHERE = {"path": "/nowhere/at/all", "blocks": 2}


def agent(**more):
    """An agent with a status line every 60 s; its time is `ms`, the status line's."""
    options = {"status_s": 60}
    options.update(more)
    made = capture_agent(**options)
    made.ms = Ticks()
    made.status._ticks = made.ms
    made.status._told = made.status._due = made.status._calm = 0
    made.line = made.flow(*FLOW)
    return made


def put(a, call, size=200):
    text = b"OPTIONS sip:x SIP/2.0\r\nCall-ID: " + call + b"\r\n\r\n"
    text += b"x" * (size - len(text))
    return a.capture(a.line, OUT, text, size)


def lines(a):
    """The status lines of what leaves now."""
    found = [p for p in drain(a) if field(p, 17) == b"uhep"]
    assert all([field(p, 11) == b"d" for p in found])
    return [field(p, 15).decode() for p in found]


def after(a, ms):
    """The lines that go when so much more time has passed."""
    a.ms.pass_us(ms)
    a.poll()
    return lines(a)


def value(line, key):
    """What stands behind key= in a line, up to the next blank."""
    at = (" " + line).find(" " + key + "=")
    return (line + " ")[at + len(key) + 1 :].split(" ")[0] if at >= 0 else None


def test_one_at_the_start_and_one_every_status_s():
    a = agent()
    a.status.heap = lambda: 54321
    assert after(a, 0) == ["uhep why=start up=0 heap=54321 clock=set connects=1"]
    assert after(a, 59999) == []
    (line,) = after(a, 1)
    assert value(line, "why") == "time" and value(line, "up") == "60"
    assert value(line, "sent") == "1" and value(line, "dropped") is None
    assert after(a, 59000) == [] and len(after(a, 1000)) == 1


def test_an_error_that_leaves_the_link_open_is_no_outage():
    for number in (errno.ENOMEM, errno.ECONNREFUSED):
        a = agent()
        after(a, 0)
        for _ in range(30):
            put(a, b"c1")
            a.link.script = [OSError(number)]
            assert after(a, 1000) == []
        (line,) = after(a, 30000)
        assert value(line, "why") == "time" and value(line, "errors") == "30"


def test_what_the_spool_loses_is_told():
    with Flash(), Milliseconds() as ms:
        a = agent(spool={"path": "/x", "blocks": 2}, queue_bytes=2048, spool_per_s=1000)
        after(a, 0)
        connect, a.link.open = a.link.open, lambda: False
        a.link.close()
        a._linked()
        stamps = []
        for i in range(100):
            a.ticks.pass_us(1000)
            text = b"INVITE sip:x SIP/2.0\r\nCall-ID: c%d\r\nCSeq: 1 INVITE\r\n\r\n" % i
            a.capture(a.line, OUT, text + bytes(100), len(text) + 100)
            stamps.append("%d.%06d" % a.clock.now())
            a.poll()
        a.link.open = connect
        a.ms.pass_us(2000)
        line = []
        while not line:
            ms.now += 1  # as long as a spooled packet has to wait for the one before
            line = lines(a)
        (line,) = line
        lost = a.stats()["spool_lost"]
        assert lost > 50 and a.stats()["dropped_oldest"] == 0
        assert value(line, "why") == "outage" and value(line, "lost") == "%d" % lost
        assert value(line, "lost_from") == stamps[0], line
        assert value(line, "lost_to") == stamps[lost - 1] and value(line, "lost_more") == "1"


def test_what_is_lost_in_another_order():
    # The ring may lose a packet before the spool loses older ones.
    a = agent()
    gap = Gap(a)
    gap.spooled(2, bytes(4) + pack(">4I", 1000, 5, 70000, 999999))
    gap.spooled(1, bytes(4) + pack(">4I", 999, 7, 999, 7))
    gap.spooled(3, bytes(4) + pack(">4I", 999, 8, 70000, 999998))
    assert gap.lost == 6 and gap.more and gap.calls == 0
    assert list(gap.span) == [0, 999, 7, 1, 70000 - 65536, 999999]


def test_off():
    for more in ({"status_s": 0}, {}):
        a = capture_agent(**more)
        assert not hasattr(a, "status")
        assert drain(a) == []


def test_more_than_one_collector_tells_unasked():
    assert config.validate({"capture_address": ["a:1", "b:2"]})["status_s"] == 60
    assert "status_s" not in config.validate({"capture_address": "a:1"})


def test_bad_keys():
    for bad in (-1, 86401, "60", None, True, 1.5):
        said = raises(ConfigError, config.validate, {"capture_address": "a:1", "status_s": bad})
        assert said.startswith("status_s: "), said


def test_what_others_add():
    a = agent()
    a.status_put("reset", "power on")
    a.status_put("mos", 412)
    (line,) = after(a, 0)
    assert 'reset="power on"' in line and value(line, "mos") == "412"
    a.status_put("mos", 399)
    a.status_put("reset", b'wdt "2" \\ \xff\n')
    (line,) = after(a, 60000)
    assert value(line, "mos") == "399" and 'reset="wdt \\"2\\" \\\\ ??"' in line


def test_after_an_outage_and_nothing_during_one():
    a = agent()
    after(a, 0)
    a.link.close()
    a._linked()
    a.link.open = lambda: False
    assert after(a, 600000) == [] and a.stats()["queued"] == 1
    del a.link.open
    a.ms.pass_us(1000)
    a.poll()
    (line,) = after(a, 1000)
    assert value(line, "why") == "outage" and value(line, "connects") == "2"
    assert value(line, "up") == "601"


def test_when_asked_but_once_a_second():
    a = agent()
    after(a, 0)
    a.status.ask()
    assert after(a, 999) == []
    (line,) = after(a, 1)
    assert value(line, "why") == "asked"
    a.status.ask(b"trigger")
    (line,) = after(a, 1000)
    assert value(line, "why") == "trigger"


def test_a_gap_with_its_calls():
    a = agent(queue_bytes=2048)
    after(a, 0)
    a.ticks.pass_us(1000000)
    for i in range(8):
        a.ticks.pass_us(1000)
        put(a, b"c%d@192.0.2.10" % (i // 2))
    lost = a.stats()["dropped"]
    assert lost == 4
    drain(a)
    assert after(a, 500) == []
    assert after(a, 500) == []  # it may go on
    (line,) = after(a, 1000)
    assert value(line, "why") == "gap" and value(line, "lost") == "4"
    assert value(line, "lost_from") == "%d.124456" % (START + 1)
    assert value(line, "lost_to") == "%d.127456" % (START + 1)
    assert 'lost_calls="c0@192.0.2.10 c1@192.0.2.10" ' in line + " "
    assert value(line, "lost_more") is None
    (line,) = after(a, 60000)
    assert value(line, "lost") is None and value(line, "dropped") == "4"


def test_a_gap_of_more_calls_than_are_kept():
    a = agent(queue_bytes=2048)
    after(a, 0)
    long = b"7" + b"y" * 100
    for call in (long, long, b"", b"a b", b'q"\\', b"\xe4", b"fifth", b"sixth", b"x", b"y", b"z"):
        put(a, call)
    drain(a)
    after(a, 1000)
    (line,) = after(a, 1000)
    calls = '"%s a?b q\\"\\\\ ?"' % long[:64].decode()
    assert value(line, "lost_more") == "1", line
    assert "lost_calls=" in line and calls.replace("a?b", "a b") in line, line


def test_newest():
    a = agent(queue_bytes=2048, drop="newest")
    after(a, 0)
    for i in range(8):
        put(a, b"c%d" % i)
    drain(a)
    after(a, 1000)
    (line,) = after(a, 1000)
    assert value(line, "lost") == str(a.stats()["dropped_newest"])
    assert value(line, "lost_more") == "1" and value(line, "lost_calls") is None


def test_ipv6_and_own_chunks():
    a = agent(queue_bytes=2048)
    a.line = a.flow(("2001:db8::1", 5060), ("2001:db8::2", 5060), chunks={0x20: 410, 0x29: b"g"})
    after(a, 0)
    for i in range(7):
        put(a, b"v6-call")
    drain(a)
    after(a, 1000)
    (line,) = after(a, 1000)
    assert 'lost_calls="v6-call"' in line


def test_no_room_for_the_line_now():
    a = agent(queue_bytes=1024, drop="newest", max_packet=600)
    after(a, 0)
    a.link.script = [None] * 3
    put(a, b"c1", 300)
    put(a, b"c2", 300)
    a.status.ask()
    a.ms.pass_us(1000)
    a.poll()
    assert a.stats()["dropped"] >= 1
    assert len(after(a, 1000)) + len(after(a, 1000)) >= 1


def test_a_collector_that_fails_is_told_once():
    a = agent(capture_address=["127.0.0.1:9060", "127.0.0.1:9061"], transport="tcp")
    link = Link()
    link.address, link.status, link.broken = "homer:9060", "failed: no", lambda why: None
    a.status._watch(link, "tcp")
    a.status._watch(link, "tcp")
    after(a, 0)
    link.broken("no")
    (line,) = after(a, 1000)
    assert value(line, "why") == "failure" and 'failure="homer:9060 failed: no"' in line
    assert after(a, 1000) == []


def test_a_line_that_is_full():
    line = Line(70)
    line.start()
    for i in range(100):
        if line.key(Name("key")):
            line.number(123456)
    assert bytes(line.buf[: line.n]) == b" key=123456" * 4
    line.start()
    line.text(b"\\" * 100)
    assert line.n <= 70 and bytes(line.buf[:3]) == b'"\\\\'


def test_a_line_that_is_full_fits_its_packet():
    for name, key in (("", ""), ("n" * 64, ""), ("n" * 64, "p" * 64)):
        a = agent(max_packet=600, capture_name=name, capture_password=key)
        for i in range(15):
            a.status_put("key_number_%d" % i, "a value of blanks")
        a.poll()
        (packet,) = drain(a)
        assert a.stats()["truncated"] == 0 and 530 < len(packet) <= 600
        line = field(packet, 15)
        assert line.count(b'"') % 2 == 0 and line.endswith(b'"')


def test_numbers():
    line = Line(200)
    for n in (0, 9, 10, 1073741823, -5, 536870911):
        line.octet(32)
        line.number(n)
    line.octet(32)
    line.seconds(65535, 65535, 999999)
    line.octet(32)
    line.seconds(0, 1, 0)
    got = bytes(line.buf[: line.n])
    assert got == b" 0 9 10 1073741823 -5 536870911 4294967295.999999 0000000001.000000", got


def test_disabled():
    a = agent()
    a.enabled = False
    assert after(a, 60000) == []


def test_in_is_not_touched():
    a = agent()
    assert a.capture(a.line, IN, b"OPTIONS sip:x SIP/2.0\r\n\r\n", 25)
    assert len(lines(a)) == 1


def test_a_spool_that_is_switched_off_is_told():
    a = agent(spool=NOWHERE)
    (line,) = after(a, 0)
    assert value(line, "spool")[:5] == '"off:', line
    a = agent(queue_bytes=2048)
    a.status._spools = [["spool_status", "spool", "ok"]]
    a.stats = Says(a.stats, "spool_status").stats
    after(a, 0)
    (line,) = after(a, 1000)
    assert value(line, "why") == "spool" and value(line, "spool") == '"off:ENOSPC"'
    assert after(a, 2000) == []


def test_so_is_that_of_the_second_collector():
    a = agent(spool=NOWHERE, collectors="copy", capture_address=["192.0.2.1:1", "192.0.2.2:2"])
    for queue in a.queues:
        queue.link = Link()
        queue.link.open()
        queue._linked()
    gone = a.stats()["spool_status"]  # off:ENOENT, or the number that this port has for it
    assert gone[:4] == "off:"
    for ms, why, status in ((1000, "start", gone), (2000, "spool", "off:ENOSPC")):
        a.ms.pass_us(ms)
        for queue in a.queues:
            a.poll()
            (line,) = drain(queue)
            line = field(line, 15).decode()
            assert value(line, "why") == why, line
            assert value(line, "spool") == '"%s"' % gone, line
            assert value(line, "copy_spool") == '"%s"' % status, line
        a.stats = Says(a.stats, "copy_spool_status").stats


def test_there_is_room_for_all_that_can_happen():
    ends = ["192.0.2.1:1", "192.0.2.2:2"]
    for more in ({}, {"collectors": "copy", "capture_address": ends}):
        a = agent(spool=NOWHERE, **more)
        a.status_put("reset", "power on")
        counted = dict(a.stats())
        for key in counted:
            if key != "clock_set" and "status" not in key:
                counted[key] = 1234
        a.stats = lambda: counted
        a.status._write(a.status._line)
        line = bytes(a.status._line.buf[: a.status._line.n]).decode()
        for key in counted:
            assert counted[key] != 1234 or value(line, key) == "1234", (key, line)
        assert 'reset="power on"' in line and value(line, "spool")[:5] == '"off:'


class Says:
    """The agent's counters, with another status of a spool."""

    def __init__(self, stats, key):
        self._stats = stats
        self._key = key

    def stats(self):
        d = self._stats()
        d[self._key] = "off:ENOSPC"
        return d
