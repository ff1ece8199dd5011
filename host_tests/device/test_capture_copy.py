"""A copy of every packet to each of two collectors, whatever the other one does."""

import errno

from capture_doubles import CONFIG, Link, Ticks, at, drain, field, stamp
from network_doubles import FLOW, Network, Sock, frames, poll, put, raises, serials
from uhep import LOG, OUT, Agent, config
from uhep.clock import Clock
from uhep.config import ConfigError

A, B = "192.0.2.1:9060", "192.0.2.2:9060"


def agent(**more):
    """An agent that copies, its links' time `ms`."""
    options = dict(CONFIG)
    options["collectors"] = "copy"
    options["capture_address"] = [A, B]
    options["status_s"] = 0
    options.update(more)
    made = Agent(options, Ticks())
    made.ms = Ticks()
    for link in made.link.links:
        link._ticks = made.ms
        link._due = 0
    made.line = made.flow(*FLOW, kind=LOG)
    return made


def doubled(a, *scripts):
    """The queues' links are doubles from now on, which do what the scripts say."""
    links = []
    for queue, script in zip(a.queues, scripts or ((), ())):
        queue.link = Link(script)
        links.append(queue.link)
        queue._linked()
    a.clock.set(1767225600, 123456)
    return links


def balance(a):
    s = a.stats()
    for who in ("", "copy_"):
        done = s[who + "sent"] + s[who + "dropped"] + s[who + "waiting"]
        assert s[who + "captured"] == done + s.get(who + "spooled", 0), s
    return s


def numbers(link):
    return [int(field(p, 15)[:4]) for p in link.packets]


def test_the_same_packets_to_both():
    a = agent()
    one, two = doubled(a)
    for i in range(50):
        put(a, i, 10 + 13 * i)
        a.poll()
    while a.poll():
        pass
    assert one.packets == two.packets and numbers(one) == list(range(50))
    assert [field(p, 15)[4:] for p in one.packets] == [b"x" * (6 + 13 * i) for i in range(50)]
    s = balance(a)
    assert s["sent"] == s["copy_sent"] == s["captured"] == 50


def test_one_that_takes_nothing_costs_the_other_nothing():
    for drop in ("oldest", "newest"):
        for dead in (0, 1):
            a = agent(drop=drop, queue_bytes=2048)
            scripts = [(), ()]
            scripts[dead] = [None] * 1000
            links = doubled(a, *scripts)
            for i in range(100):
                put(a, i, 200)
                a.poll()
            assert numbers(links[1 - dead]) == list(range(100))
            s = balance(a)
            lost = s["copy_dropped" if dead else "dropped"]
            assert lost == s[("copy_" if dead else "") + "dropped_" + drop] > 80
            assert s["dropped" if dead else "copy_dropped"] == 0
            links[dead].script = []
            drain_all(a)
            kept = 100 - lost
            left = range(100 - kept, 100) if drop == "oldest" else range(kept)
            assert numbers(links[dead]) == list(left)
            balance(a)


def drain_all(a):
    while a.poll():
        pass


def test_too_big_empty_and_cut_are_both():
    a = agent(max_packet=600)
    one, two = doubled(a)
    a.capture(a.line, OUT, b"", 0)
    a.capture(a.line, OUT, b"0001" + b"x" * 900, 904)
    drain_all(a)
    s = balance(a)
    assert s["empty"] == s["copy_empty"] == 1 and s["truncated"] == s["copy_truncated"] == 1
    assert one.packets == two.packets and len(one.packets[0]) == 600


def test_each_has_its_own_connection_and_back_off():
    refused = OSError(errno.ECONNREFUSED)
    with Network(Sock(), Sock(up=refused)) as net:
        a = agent(transport="tcp")
        a.clock.set(1767225600)
        for i in range(30):
            put(a, i)
            poll(a, 2, 10)
        assert serials(net.socks[0].stream) == (list(range(30)), b"")
        s = balance(a)
        assert s["connects"] == 1 and s["copy_connects"] == 0
        assert s["copy_refused"] >= 1 and s["refused"] == 0
        poll(a, 40, 1000)
        assert serials(net.socks[-1].stream) == (list(range(30)), b"")
        assert balance(a)["copy_sent"] == 30
        assert [host for host, _ in net.asked][:2] == ["192.0.2.1", "192.0.2.2"]


def test_a_reset_of_one_is_nothing_to_the_other():
    broken = Sock(takes=1000, then=OSError(errno.ECONNRESET))
    with Network(broken, Sock()) as net:
        a = agent(transport="tcp")
        a.clock.set(1767225600)
        for i in range(30):
            put(a, i)
            poll(a, 2, 100)
        poll(a, 10, 1000)
    first, cut = serials(net.socks[0].stream)
    again, rest = serials(net.socks[2].stream)
    assert cut and not rest and first + again == list(range(30))
    assert serials(net.socks[1].stream) == (list(range(30)), b"")
    s = balance(a)
    assert s["unconfirmed"] == len(first) and s["copy_unconfirmed"] == 0


def test_keep_alives_have_a_time_and_are_of_one_collector():
    sync, Clock.sync = Clock.sync, lambda clock: False
    try:
        with Network() as net:
            a = agent(transport="tcp", keepalive_s=5)
            a.clock.set(1767225600)
            poll(a, 3)
            net.socks[1].says = OSError(errno.ECONNRESET)
            net.coming = [OSError(-2)] * 99  # the second is away from now on
            for i in range(20):
                a.ms.now += 1000
                a.ticks.pass_us(1000000)
                if i % 10 == 9:
                    put(a, i)
                a.poll()
                if i % 10 == 6:
                    put(a, i)
                    a.poll()
    finally:
        Clock.sync = sync
    found, rest = frames(net.socks[0].stream)
    stamps = [stamp(frame) for frame in found]
    said = [field(frame, 15)[:4] for frame in found]
    assert said == [b"keep", b"0006", b"0009", b"keep", b"0016", b"0019"], said
    assert at(1767225600, 0) < stamps[0] and stamps[-1] < at(1767225622, 0)
    assert stamps == sorted(stamps) and len(set(stamps)) == len(stamps)
    s = balance(a)
    assert s["captured"] == 6 and s["copy_captured"] == 4 == s["copy_waiting"]


def test_held_until_the_time_is_known():
    a = agent()
    a.clock.is_set = False
    a.clock._ring.st[20] = a.clock._ring.st[21] = a.clock._ring.st[22] = 0
    a.ticks.now = a.clock._ring.st[23] = 0
    for i in range(3):
        a.ticks.pass_us(1000000)
        put(a, i)
    one, two = doubled(a)
    drain_all(a)
    assert one.packets == two.packets
    assert [stamp(p) for p in one.packets] == [at(1767225598 + i, 123456) for i in range(3)]


def test_switched_off_and_closed():
    a = agent()
    one, two = doubled(a)
    a.enabled = False
    assert not a.capture(a.line, OUT, b"0001", 4)
    a.poll()
    a.enabled = True
    put(a, 2)
    drain_all(a)
    assert numbers(one) == numbers(two) == [2]
    assert a.link.write
    a.close()
    assert not a.link.write and a.poll() == 0


def test_status_lines_go_to_both_and_tell_of_each():
    a = agent(status_s=60, queue_bytes=2048)
    one, two = doubled(a, (), [None] * 13)
    status = a.status
    status._ticks = a.ms
    status._told = status._due = status._calm = 0
    a.poll()
    a.poll()
    assert b"why=start" in field(one.packets[0], 15) and not two.packets
    for i in range(12):
        put(a, i, 300)
        a.poll()
    for _ in range(3):
        a.ms.pass_us(1000)
        drain_all(a)
    line = field(one.packets[-1], 15)
    assert b"why=gap" in line and b" copy_lost=" in line and b" lost=" not in line, line
    assert field(two.packets[-1], 15) == line


def test_two_and_no_more():
    options = dict(CONFIG)
    for addresses in (A, [A], [A, B, A]):
        said = raises(
            ConfigError,
            config.validate,
            {"capture_address": addresses, "collectors": "copy"},
        )
        assert said.startswith("capture_address: ") and '"copy"' in said
    said = raises(ConfigError, config.validate, {"capture_address": [A, B], "collectors": "both"})
    assert said.startswith("collectors: ")
    assert not drain(Agent(options, Ticks(), Link()))
