"""An outage: the ring overflows into the spool, and everything comes later, each one once."""

import errno

import micropython
from capture_doubles import agent, field
from flash_doubles import Flash, Milliseconds
from uhep import LOG, OUT
from uhep.config import ConfigError, validate

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
SPOOL = {"path": "/uhep.spool", "blocks": 16}
TEXT = bytes([i & 255 for i in range(5000)])


class Device:
    """An agent whose link can be cut; captures packets with serial numbers."""

    def __init__(self, ms, **more):
        config = {"spool": SPOOL, "spool_per_s": 1000, "queue_bytes": 4096, "status_s": 0}
        config.update(more)
        self.agent = agent(**config)
        self.link = self.agent.link
        self.open = self.link.open
        self.flow = self.agent.flow(*FLOW, kind=LOG)
        self.ms = ms
        self.serial = 0

    def break_in_the_middle(self):
        """A connection that takes 100 octets of a record, and ends."""
        self.link.script = [100] + 9 * [None]
        self.join()
        self.turn()
        self.turn()
        self.cut()
        assert len(self.link.part) == 100
        self.link.part = b""

    def cut(self):
        self.link.close()
        self.link.open = lambda: False
        self.agent._linked()

    def join(self):
        self.link.open = self.open

    def capture(self, n, size=300):
        for _ in range(n):
            data = b"%06d" % self.serial + TEXT[: size - 6]
            self.agent.capture(self.flow, OUT, data, size)
            self.serial += 1
            self.turn()

    def turn(self):
        self.ms.now += 5
        return self.agent.poll()

    def sent(self, turns=1000):
        for _ in range(turns):
            self.turn()
        out = [int(field(p, 15)[:6]) for p in self.link.packets]
        self.link.packets = []
        return out

    def balance(self):
        s = self.agent.stats()
        assert s["queued"] == s["sent"] + s["dropped_oldest"] + s["waiting"] + s["spooled"], s
        there = s["spool_sent"] + s["spool_lost"] + s["spool_waiting"]
        assert s["spool_found"] + s["spooled"] == there, s
        return s


def test_nothing_is_lost_in_an_outage():
    with Milliseconds() as ms, Flash() as flash:
        d = Device(ms)
        d.cut()
        d.capture(60)
        s = d.balance()
        assert s["spooled"] > 50 and s["waiting_bytes"] <= 2048 and s["dropped"] == 0
        assert s["spool_status"] == "ok" and flash.files
        d.join()
        assert d.sent() == list(range(60))
        s = d.balance()
        assert s["spool_waiting"] == 0 and s["waiting"] == 0
        assert s["sent"] + s["spool_sent"] == 60
        assert flash.files == {}


def test_a_short_outage_stays_in_the_ring():
    with Milliseconds() as ms, Flash() as flash:
        d = Device(ms)
        d.cut()
        d.capture(4)
        assert d.balance()["spooled"] == 0
        d.join()
        assert d.sent() == [0, 1, 2, 3] and flash.log == []


def test_stamps_stay_those_of_the_capture():
    with Milliseconds() as ms, Flash():
        d = Device(ms)
        d.cut()
        for _ in range(30):
            d.agent.ticks.pass_us(1000)
            d.capture(1)
        d.agent.ticks.pass_us(60000000)
        d.join()
        for _ in range(1000):
            d.turn()
        us = [int.from_bytes(field(p, 10), "big") for p in d.link.packets]
        assert [b - a for a, b in zip(us, us[1:])] == [1000] * 29


def test_a_reboot_sends_what_was_written():
    with Milliseconds() as ms, Flash() as flash:
        d = Device(ms)
        d.cut()
        d.capture(60)
        d = Device(ms)
        found = d.balance()["spool_found"]
        assert 40 < found < 60
        d.serial = 100
        d.capture(3)
        assert d.sent() == list(range(found)) + [100, 101, 102]
        assert d.balance()["spool_sent"] == found and flash.files == {}


def test_one_block_a_poll():
    with Milliseconds() as ms, Flash() as flash:
        d = Device(ms, queue_bytes=32768)
        d.cut()
        for _ in range(10):
            d.capture(1, 1500)
        idle, d.agent._idle = d.agent._idle, lambda: None  # no time for it
        d.capture(8, 1500)
        assert flash.written == 0
        d.agent._idle = idle
        for size in (4096, 4096, 4096, 0):
            before = flash.written
            d.turn()
            assert flash.written - before == size
        assert d.balance()["dropped"] == 0


def test_the_rate():
    with Milliseconds() as ms, Flash():
        d = Device(ms, spool_per_s=10)
        d.cut()
        d.capture(40)
        d.join()
        d.sent(1)
        for _ in range(3):
            assert len(d.sent(200)) == 10  # a second


def test_live_packets_go_between():
    # Replay at 10 a second, 40 live packets a second: none of these is dropped, or waits for
    # more than half a ring.
    with Milliseconds() as ms, Flash():
        d = Device(ms, spool_per_s=10)
        d.cut()
        d.capture(60)
        spooled = d.balance()["spooled"]
        d.join()
        out = []
        for _ in range(400):
            d.capture(1)
            out += d.sent(4)
            assert d.balance()["waiting_bytes"] < 2048 + 512
        assert d.balance()["dropped"] == 0
        out += d.sent()
        old = [i for i in out if i < spooled]
        live = [i for i in out if i >= spooled]
        assert old == list(range(spooled)) and live == list(range(spooled, 460))
        assert out[0] == 0 and out.index(spooled) < out.index(spooled - 1)


def test_no_frame_is_cut_by_another():
    # The link takes a few octets at a time, sometimes none: frames still come whole.
    for step in (1, 7, 100, 350):
        with Milliseconds() as ms, Flash():
            d = Device(ms)
            d.cut()
            d.capture(30, 250)
            stream = bytearray()
            turn = [0]

            def write(buf, at, n):
                turn[0] += 1
                if turn[0] % 3 == 0:
                    return None
                n = min(n, step)
                stream.extend(bytes(buf[at : at + n]))
                return n

            d.join()
            d.link._write = write
            d.capture(20, 250)
            for _ in range(60000 // step):
                d.turn()
            seen, at = [], 0
            while at < len(stream):
                n = stream[at + 4] << 8 | stream[at + 5]
                assert stream[at : at + 4] == b"HEP3" and at + n <= len(stream)
                seen.append(int(field(bytes(stream[at : at + n]), 15)[:6]))
                at += n
            # A link this slow drops live packets, but sends all the spool has.
            dropped = d.balance()["dropped"]
            assert len(seen) == len(set(seen)) == 50 - dropped, (step, seen)
            assert [i for i in seen if i < 25] == list(range(25))


def test_a_link_that_breaks_while_replaying():
    # A spooled record that went half begins again on the next connection; none is missing.
    for cut in range(1, 60):
        with Milliseconds() as ms, Flash():
            d = Device(ms, spool_per_s=200)
            d.cut()
            d.capture(30)
            d.join()
            d.turn()
            d.link.script = [100]
            d.sent(0)
            for _ in range(cut):
                d.turn()
            d.cut()
            d.link.part = b""
            d.link.script = []
            d.capture(10)
            d.join()
            d.sent(0)
            for _ in range(2000):
                d.turn()
            d.balance()
            assert d.agent.stats()["spool_waiting"] == 0 == d.agent.stats()["waiting"]
            assert d.agent.stats()["sent"] + d.agent.stats()["spool_sent"] == 40


def test_a_record_that_breaks_each_connection_is_given_up():
    with Milliseconds() as ms, Flash():
        d = Device(ms)
        d.cut()
        d.capture(30)
        for _ in range(2):
            d.break_in_the_middle()
            assert d.agent.stats()["spool_sent"] == 0
        d.join()
        d.link.script = []
        assert d.sent() == list(range(1, 30))
        s = d.balance()
        assert s["spool_lost"] == 1 and s["spool_waiting"] == 0


def test_the_record_behind_one_that_was_given_up_has_its_own_two_tries():
    with Milliseconds() as ms, Flash():
        d = Device(ms)
        d.cut()
        d.capture(30)
        for _ in range(3):  # twice the first record, once the next
            d.break_in_the_middle()
        d.join()
        d.link.script = []
        assert d.sent() == list(range(1, 30))
        assert d.balance()["spool_lost"] == 1


def test_a_record_is_given_up_whatever_is_lost_meanwhile():
    with Milliseconds() as ms, Flash():
        d = Device(ms)
        d.cut()
        d.capture(30)
        for _ in range(2):
            d.break_in_the_middle()
            d.agent.spool.put(bytes(5000), 0, 5000)  # no block takes that
        d.join()
        d.link.script = []
        assert d.sent() == list(range(1, 30))
        assert d.agent.stats()["spool_lost"] == 3


def test_no_memory_to_spool_leaves_poll_alone():
    with Milliseconds() as ms, Flash():
        d = Device(ms)
        d.cut()
        put, spool = d.agent.spool.put, d.agent.spool

        def full(*args):
            raise MemoryError("memory allocation failed")

        spool.put = full
        d.capture(5)
        assert d.balance()["spooled"] == 0
        d.turn()
        spool.put = put
        d.capture(25)
        assert d.balance()["spooled"] > 20 and d.balance()["dropped"] == 0
        d.join()
        assert d.sent() == list(range(30))


def test_errors_of_the_link_do_not_leave_poll():
    with Milliseconds() as ms, Flash():
        d = Device(ms)
        d.cut()
        d.capture(30)
        d.join()
        d.turn()
        d.link.script = [OSError(12), OSError(11), None, OSError(111)]
        assert sorted(set(d.sent())) == list(range(30))
        assert d.agent.stats()["errors"] >= 2


def test_an_error_that_passes_cuts_no_spooled_record():
    # The connection stays open: the record goes on at the octet where the error stopped it.
    for number in (errno.ENOMEM, errno.ENOBUFS):
        for at in (1, 130, 330):
            with Milliseconds() as ms, Flash():
                d = Device(ms)
                d.cut()
                d.capture(30)
                d.join()
                d.link.script = [at, OSError(number), OSError(number), None, OSError(number)]
                assert d.sent() == list(range(30)), at
                s = d.balance()
                assert s["spool_lost"] == 0 and s["errors"] == 3 and s["connects"] == 1


def test_a_refusal_is_not_tried_away():
    # The kernel tells it once: a second try at once would succeed, and go to nobody.
    def refused(e):
        if e.args[0] == errno.ECONNREFUSED:
            d.cut()

    for n, reboot in ((1, False), (30, False), (30, True)):
        with Milliseconds() as ms, Flash():
            d = Device(ms)
            d.cut()
            d.capture(n)
            if reboot:
                d = Device(ms)
            d.join()
            s = d.balance()
            assert (s["waiting"] == 0) == reboot and (s["spool_waiting"] > 0) == (n > 1)
            d.link.failed = refused
            d.link.script = [OSError(errno.ECONNREFUSED)]
            for _ in range(20):
                d.turn()
            assert d.link.packets == [] == d.link.script


def test_a_port_that_raises_spools_too():
    for number in (errno.ENOMEM, errno.ENOBUFS, errno.ECONNREFUSED):
        with Milliseconds() as ms, Flash() as flash:
            d = Device(ms)
            d.turn()
            d.link.script = [OSError(number)] * 1000
            d.capture(60)
            s = d.balance()
            assert s["dropped"] == 0 and s["spooled"] > 50 and s["connects"] == 1
            written = flash.written
            for _ in range(100):
                d.turn()
            assert flash.written == written
            d.link.script = []
            assert sorted(d.sent()) == list(range(60))


def test_a_link_that_takes_nothing_spools_too():
    with Milliseconds() as ms, Flash() as flash:
        d = Device(ms)
        d.turn()
        d.link.script = [None] * 1000
        d.capture(60)
        s = d.balance()
        assert s["dropped"] == 0 and s["spooled"] > 50
        written = flash.written
        for _ in range(100):
            d.turn()
        assert flash.written == written  # waiting does not wear the flash
        d.link.script = []
        assert sorted(d.sent()) == list(range(60))


def test_a_full_flash_is_said_once_and_capture_goes_on():
    for fault, text in ((28, "off:ENOSPC"), (30, "off:EROFS")):
        with Milliseconds() as ms, Flash() as flash:
            d = Device(ms)
            d.cut()
            d.capture(30)
            flash.fault, flash.on = fault, ("open", "write", "remove")
            d.capture(60)
            s = d.balance()
            assert s["spool_status"] == text and s["dropped_oldest"] > 0
            opened = len(flash.log)
            d.capture(20)
            assert len(flash.log) == opened  # switched off: not tried again
            d.join()
            out = d.sent()
            assert len(out) == len(set(out)) and out[-1] == 109
            assert d.balance()["spool_waiting"] == 0


def test_undated_packets_are_not_spooled():
    with Milliseconds() as ms, Flash():
        d = Device(ms)
        d.cut()
        d.agent.clock.is_set = False
        d.agent.clock.sync = lambda: False
        d.capture(40)
        assert d.balance()["spooled"] == 0 and d.agent.stats()["dropped_oldest"] > 0
        d.agent.clock.is_set = True
        d.capture(20)
        assert d.balance()["spooled"] > 0


def test_replaying_takes_no_memory():
    with Milliseconds() as ms, Flash():
        d = Device(ms, queue_bytes=8192)
        d.cut()
        d.capture(60, 100)
        d.join()
        while not d.agent.stats()["spool_sent"]:
            d.turn()
        d.link._write = lambda buf, at, n: n
        d.link.write = d.link._write
        d.agent._linked()
        poll, sent = d.agent.poll, d.agent.stats()["spool_sent"]
        ms.now += 100
        micropython.heap_lock()
        try:
            for _ in range(8):
                poll()
                ms.now += 5
        finally:
            micropython.heap_unlock()
        assert d.agent.stats()["spool_sent"] == sent + 8
        d.sent()  # all of it; now live packets alone
        capture, flow, sent = d.agent.capture, d.flow, d.agent.stats()["sent"]
        micropython.heap_lock()
        try:
            for _ in range(8):
                capture(flow, OUT, TEXT, 300)
                poll()
        finally:
            micropython.heap_unlock()
        assert d.agent.stats()["sent"] == sent + 8


def test_configuration():
    good = {"capture_address": "192.0.2.9:9060"}
    assert validate(good)["spool"] is None
    good["spool"] = SPOOL
    assert validate(good)["spool"] == SPOOL and validate(validate(good)) == validate(good)
    for key, value in (
        ("spool", True),
        ("spool", {"path": "/uhep.spool"}),
        ("spool", {"path": "/uhep.spool", "blocks": 1}),
        ("spool_per_s", 0),
        ("spool_per_s", "50"),
    ):
        bad = dict(good)
        bad[key] = value
        try:
            validate(bad)
        except ConfigError as e:
            assert str(e).startswith(key + ": "), e
        else:
            raise AssertionError("taken: %r" % bad)
