"""Stamps: across every wrap, before the time is known, and never falling."""

from capture_doubles import Ticks, agent, at, drain, field, stamp
from uhep import LOG, OUT, Agent, clock

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))


class Host:
    """The port's clock: what time.time_ns gives."""

    def __init__(self, sec, us=0):
        self.ns = (sec * 1000000 + us) * 1000

    def time_ns(self):
        return self.ns


def with_host(host, make, *args, **more):
    # make() while the port's clock is `host`.
    real, clock.time = clock.time, host
    try:
        return make(*args, **more)
    finally:
        clock.time = real


def stamps(a, ticks, steps):
    flow = a.flow(*FLOW, kind=LOG)
    got = []
    for us in steps:
        ticks.pass_us(us)
        a.capture(flow, OUT, b"x", 1)
        got += [stamp(p) for p in drain(a)]
    return got


def test_across_the_wrap_of_ticks():
    # 2^30 us are 17 min 54 s: a capture before and one after, 8 minutes apart.
    ticks = Ticks(0x3FFFFFFF - 100)
    a = agent(ticks)
    got = stamps(a, ticks, (50, 100, 480000000))
    assert got == [
        at(1767225600, 123506),
        at(1767225600, 123606),
        at(1767226080, 123606),
    ], got


def test_many_wraps():
    ticks = Ticks()
    a = agent(ticks)
    for _ in range(1000):
        ticks.pass_us(400000000)
        a.poll()  # without a packet it keeps the time as well
    assert stamps(a, ticks, (0,)) <= [at(1767225600 + 400000, 124500)]
    assert stamps(a, ticks, (5000,)) >= [at(1767225600 + 400000, 123456 + 5000)]


def test_past_2038_and_past_halves():
    ticks = Ticks()
    a = agent(ticks)
    for sec in (0x7FFFFFFF, 0x7FFFFFFE, 0xFFFEFFFF, 0xFFFFFFF0):
        a.clock.set(sec, 999999)
        assert stamps(a, ticks, (1, 1000000)) == [at(sec + 1, 0), at(sec + 2, 0)]
        a.clock.set(1767225600)


def test_stamps_rise_when_no_time_passes():
    ticks = Ticks()
    a = agent(ticks)
    got = stamps(a, ticks, (1000, 0, 0, 0, 2, 0, 0, 1000000))
    assert got == sorted(got) and len(set(got)) == len(got)
    # And the clock has not run away: real time catches up with the borrowed microseconds.
    assert got[-1] == at(1767225601, 123456 + 1002)


def test_ticks_that_step_back_do_not_turn_time():
    ticks = Ticks(1000)
    a = agent(ticks)
    first = stamps(a, ticks, (10,))
    ticks.now -= 5
    assert stamps(a, ticks, (0,)) > first


def test_microseconds_stay_below_a_million():
    ticks = Ticks()
    a = agent(ticks)
    for s in stamps(a, ticks, [333333] * 50):
        assert int.from_bytes(s[4:], "big") < 1000000


def test_a_small_step_back_is_waited_out():
    ticks = Ticks()
    a = agent(ticks)
    before = stamps(a, ticks, (1000,))[0]
    a.clock.set(1767225600, 100000)  # 24 ms earlier
    after = stamps(a, ticks, (1, 1, 1, 50000))
    assert [before] + after == sorted([before] + after)
    assert after[-1] == at(1767225600, 150003)


def test_set_again_while_a_step_back_is_waited_out():
    # As by a device that asks for the time every tenth of a second.
    ticks = Ticks(0x3FFFFFF0)
    a = agent(ticks)
    stamps(a, ticks, (1000000,))
    a.clock.set(1767225600, 123456)  # a second too far
    for i in range(1, 7):
        ticks.pass_us(100000)
        a.clock.set(1767225600, 123456 + i * 100000)
    got = stamps(a, ticks, (1, 399998, 2, 1000000))
    assert got == sorted(got) and got[-1] == at(1767225602, 123457)


def test_a_large_step_back_is_made():
    ticks = Ticks()
    a = agent(ticks)
    a.clock.set(1767222000)
    assert stamps(a, ticks, (7,)) == [at(1767222000, 7)]


def test_a_step_forward_is_made():
    ticks = Ticks()
    a = agent(ticks)
    a.clock.set(1767229200, 5)
    assert stamps(a, ticks, (7,)) == [at(1767229200, 12)]


def unset(before_time, ticks):
    # A board after power-on: its clock says that it is 2000 (or 1970).
    from capture_doubles import CONFIG, Link

    config = dict(CONFIG)
    config["before_time"] = before_time
    return with_host(Host(40 - clock._EPOCH), Agent, config, ticks, Link())


def test_held_until_dated_back():
    ticks = Ticks(0x3FFFFFF0)
    a = unset("hold", ticks)
    assert a.stats()["clock_set"] is False
    flow = a.flow(*FLOW, kind=LOG)
    for us in (1000000, 2500000, 1):
        ticks.pass_us(us)
        a.capture(flow, OUT, b"x", 1)
        assert with_host(Host(40), a.poll) == 0
    ticks.pass_us(500000)
    a.clock.set(1767225610, 0)
    assert a.stats()["clock_set"] is True
    got = [stamp(p) for p in drain(a)]
    # 4,000,001 us before the time was set the agent was made.
    start = 1767225610 * 1000000 - 4000001
    assert got == [
        at((start + t) // 1000000, (start + t) % 1000000) for t in (1000000, 3500000, 3500001)
    ], got


def test_dated_back_across_the_wrap_of_the_ring():
    ticks = Ticks()
    a = unset("hold", ticks)
    flow = a.flow(*FLOW, kind=LOG)
    for i in range(200):  # more than the ring holds
        ticks.pass_us(1000)
        a.capture(flow, OUT, b"%03d" % i + bytes(200), 203)
    a.clock.set(1767225600)
    packets = drain(a)
    assert packets
    for p in packets:
        i = int(field(p, 15)[:3])
        assert stamp(p) == at(1767225599, 800000 + 1000 * (i + 1)) or i == 199


def test_zero_before_the_time_is_known():
    ticks = Ticks()
    a = unset("zero", ticks)
    flow = a.flow(*FLOW, kind=LOG)
    ticks.pass_us(5000000)
    a.capture(flow, OUT, b"x", 1)
    (packet,) = with_host(Host(45), drain, a)
    assert stamp(packet) == at(0, 0)
    a.clock.set(1767225600)
    assert stamps(a, ticks, (9,)) == [at(1767225600, 9)]


def test_never_1970_or_2000():
    for before in ("hold", "zero"):
        ticks = Ticks()
        a = unset(before, ticks)
        flow = a.flow(*FLOW, kind=LOG)
        for _ in range(3):
            ticks.pass_us(1000000)
            a.capture(flow, OUT, b"x", 1)
        for p in with_host(Host(45), drain, a):
            assert stamp(p) == at(0, 0)


def test_the_ports_epoch():
    real = clock._EPOCH
    ticks = Ticks()
    for epoch, now in ((0, 1767225600), (946684800, 820540800)):
        a = agent(ticks)
        a.clock.is_set = False
        clock._EPOCH = epoch
        try:
            assert with_host(Host(now, 77), a.clock.sync) is True
        finally:
            clock._EPOCH = real
        assert a.clock.now() == (1767225600, 77)


def test_the_time_is_found_out_by_poll():
    ticks = Ticks()
    a = unset("hold", ticks)
    a.capture(a.flow(*FLOW, kind=LOG), OUT, b"x", 1)
    a._asked -= 2000  # the last look was two seconds ago
    assert with_host(Host(1767225600 - clock._EPOCH), a.poll) == 1
