"""Ticks wrap after 12 days: what is due is done, for however long nobody looked at it.

On the unix port they do not, and these tests show less there.
"""

import errno

from capture_doubles import CONFIG, Ticks
from flash_doubles import Flash, Milliseconds
from network_doubles import Network, Sock, agent, poll, put, raises, serials
from test_capture_dns import Server
from test_capture_outage import Device
from test_capture_status import after, lines, value
from test_capture_status import agent as teller
from test_capture_tls import tls
from uhep import OUT, Agent
from uhep.dns import Resolver
from uhep.port import ticks_add

DAYS = (1, 5, 7, 10, 13)
HOUR = 3600000
REFUSED = OSError(errno.ECONNREFUSED)


def let(ticks, ms, times=1, poll=lambda: None):
    for _ in range(times):
        ticks.now = ticks_add(ticks.now, ms)
        poll()


def test_a_collector_that_failed_days_ago():
    for days in DAYS:
        with Network(Sock(up=REFUSED), Sock(up=REFUSED)) as net:
            a = agent(transport="tcp", capture_address=["192.0.2.1:9060", "192.0.2.2:9060"])
            let(a.ms, 500, 20, a.poll)
            put(a, 1)
            let(a.ms, 1, 9, a.poll)
            assert a.stats()["connects"] == 1
            let(a.ms, HOUR, 24 * days, a.poll)
            del net.asked[:]
            net.socks[-1].reset()
            put(a, 2)
            let(a.ms, 100, 20, a.poll)
            assert ("192.0.2.2", 9060) in net.asked, days
            let(a.ms, 1000, 60, a.poll)
            assert a.stats()["waiting"] == 0


def test_switched_on_again_after_days():
    # It waits for its next attempt, or for an answer to this one.
    for first in (OSError(-2), Sock(up=None)):
        for days in DAYS:
            with Network(first) as net:
                a = agent(transport="tcp")
                let(a.ms, 1, 2, a.poll)
                a.enabled = False
                let(a.ms, HOUR, 24 * days, a.poll)
                a.enabled = True
                put(a, 1)
                let(a.ms, 500, 60, a.poll)
                assert serials(net.socks[-1].stream) == ([1], b""), days


def test_a_name_that_was_asked_for_days_ago():
    for days in DAYS:
        server = Server(lambda query: [])
        with Network(server):
            ticks = Ticks()
            resolver = Resolver("192.0.2.53", ticks)
            assert resolver.find("collector.example") is None
            let(ticks, HOUR, 24 * days)
            assert resolver.find("collector.example") is None and len(server.queries) == 2
            for _ in range(3):
                let(ticks, 1000)
                resolver.find("collector.example")
            let(ticks, 1000)
            assert "not answer" in raises(OSError, resolver.find, "collector.example"), days


def test_a_handshake_that_began_days_ago():
    for days in DAYS:
        with Network() as net:
            a, library = tls(stall_s=20)
            poll(a, 3)
            let(a.ms, HOUR, 24 * days, a.poll)
            put(a, 1)
            let(a.ms, 1000, 19, a.poll)
            assert a.link.status == "handshake" and len(net.socks) == 1
            let(a.ms, 1000, 9, a.poll)
            assert len(net.socks) == 2, days


def test_a_stall_that_began_days_ago():
    # The trigger lets nothing go meanwhile.
    for days in DAYS:
        with Network() as net:
            options = dict(CONFIG, transport="tcp", trigger_s=3600, trigger_after_s=1, stall_s=10)
            a = Agent(dict(options, status_s=0), Ticks())
            a.clock.set(1767225600)
            a.ms = a.link._ticks = a._guard._ticks = Ticks()
            a.link._due = a.link._looked = a._guard._due = 0
            flow = a.flow(("192.0.2.10", 5060), ("192.0.2.20", 5060), kind=100)
            let(a.ms, 1, 9, a.poll)
            net.socks[0].takes = 0
            a.capture(flow, OUT, b"one", 3)
            a.trigger()
            let(a.ms, 100, 5, a.poll)
            a._guard.armed = True
            a._guard.gates[0]._left = 0
            let(a.ms, HOUR, 24 * days, a.poll)
            a.trigger()
            let(a.ms, 1, 3, a.poll)
            assert net.socks[0].closed, days


def test_a_connection_that_was_good_for_days():
    # Its successor is tried after 1 to 2 s, whatever was before it.
    for days in DAYS:
        with Network(*[OSError(-2)] * 5) as net:
            a = agent(transport="tcp")
            let(a.ms, 1000, 90, a.poll)
            assert a.stats()["connects"] == 1
            let(a.ms, HOUR, 24 * days, a.poll)
            net.socks[0].reset()
            put(a, 1)
            let(a.ms, 100, 25, a.poll)
            assert a.stats()["connects"] == 2 and a.stats()["waiting"] == 0, days


def test_a_replay_that_waited_for_days():
    for days in DAYS:
        with Milliseconds() as ms, Flash():
            d = Device(ms)
            d.turn()
            let(ms, HOUR, 24 * days, d.agent.poll)
            d.link.script = [None] * 30  # and spools, though the link stays open
            d.capture(30)
            assert d.balance()["spooled"] > 20
            d.link.script = []
            assert sorted(d.sent()) == list(range(30)), days


def test_the_status_line_after_days_of_outage():
    for days in DAYS:
        a = teller()
        after(a, 0)
        connect, a.link.open = a.link.open, lambda: False
        a.link.close()
        a._linked()
        let(a.ms, HOUR, 24 * days, a.poll)
        a.link.open = connect
        let(a.ms, 1)
        a.poll()
        (line,) = lines(a)
        assert value(line, "why") == "outage" and value(line, "up") == "%d" % (86400 * days), days
        found = []
        for _ in range(180):
            let(a.ms, 1000)
            a.poll()
            found += lines(a)
        assert [value(line, "up") for line in found] == [
            "%d" % (86400 * days + s) for s in (60, 120, 180)
        ]
