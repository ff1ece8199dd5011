"""What goes when the ring is full: OPTIONS before reports before others before calls."""

from capture_doubles import agent, drain
from uhep import LOG, OUT, RTCP

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
LOSSES = ("dropped_oldest", "dropped_newest", "too_big")


class Traffic:
    """Packets with a serial number, of a class; what is in the ring is known at any time."""

    def __init__(self, **config):
        self.a = agent(**config)
        sip = self.a.flow(*FLOW)
        self.flows = (sip, self.a.flow(*FLOW, kind=RTCP), self.a.flow(*FLOW, kind=LOG), sip)
        self.serial = 0
        self.classes = {}

    def put(self, c, size=200):
        i = self.serial
        self.serial += 1
        self.classes[i] = c
        start = (b"OPTIONS sip:x", b"", b"", b"INVITE sip:x")[
            c
        ] + b" SIP/2.0\r\nCall-ID: %d\r\n\r\n" % i
        data = start + b"#%05d" % i
        data += b"x" * (size - len(data))
        return self.a.capture(self.flows[c], OUT, data, len(data)), i

    def waiting(self):
        """Serial numbers in the ring, oldest first, and their classes as it has them."""
        a, found = self.a, []
        ring, st = a.ring, a.ring.st
        at = st[1]
        for _ in range(st[3]):
            n = ring.length(at)
            found.append(serial(ring.buf[at : at + n]))
            assert ring.buf[at - 1] == self.classes[found[-1]]
            at += n + 7 & -4
            if at == st[2] and st[0] <= st[1]:
                at = 4
        assert [list(st[31:35])] == [[self.count(found, c) for c in range(4)]]
        return found

    def count(self, serials, c):
        return len([i for i in serials if self.classes[i] == c])

    def balance(self):
        s = self.a.stats()
        for name in LOSSES:
            assert s[name] == sum([s["%s_%d" % (name, c)] for c in range(4)])
        assert s["captured"] == self.serial
        assert s["queued"] == s["sent"] + s["dropped_oldest"] + s["waiting"]
        return s


def serial(packet):
    packet = bytes(packet)
    body = packet[packet.index(b"\n#") + 1 :]
    return int(body[1:6])


def serials(packets):
    return [serial(p) for p in packets]


def test_a_flood_of_options_pushes_out_no_call():
    # While nothing leaves: first calls, then the flood, then calls again.
    for drop in ("oldest", "newest"):
        t = Traffic(queue_bytes=8192, drop=drop)
        calls = [t.put(3, 500)[1] for _ in range(5)]
        for _ in range(500):
            t.put(0, 450)
        calls += [t.put(3, 500)[1] for _ in range(5)]
        for _ in range(500):
            t.put(0, 450)
        s = t.balance()
        assert s["dropped_oldest_3"] == s["dropped_newest_3"] == 0
        assert s["dropped_oldest_0"] + s["dropped_newest_0"] > 980
        got = serials(drain(t.a))
        assert [i for i in got if t.classes[i] == 3] == calls
        assert got == sorted(got)


def test_without_classes_the_flood_would_win():
    # The same flood of packets that are of one class: the calls are gone.
    t = Traffic(queue_bytes=8192)
    calls = [t.put(2, 500)[1] for _ in range(5)]
    for _ in range(500):
        t.put(2, 450)
    assert not set(serials(drain(t.a))) & set(calls)


def test_in_this_order():
    # A ring full of all classes takes calls only: the lowest go first, oldest first.
    t = Traffic(queue_bytes=8192)
    while t.a.stats()["dropped"] == 0:
        for c in (3, 1, 0, 2):
            t.put(c, 300)
    lost = [0]
    while t.a.stats()["dropped_oldest_3"] == 0:
        before = t.waiting()
        t.put(3, 300)
        after = t.waiting()
        for i in before:
            if i not in after:
                lost.append(t.classes[i])
                same = [j for j in before if t.classes[j] == t.classes[i]]
                assert i in same[: len(before) - len(after) + 1]
    assert lost == sorted(lost) and set(lost) == {0, 1, 2, 3}
    t.balance()


def test_no_packet_goes_while_a_lower_one_is_there():
    # Any traffic, with what leaves between: at each loss nothing lower was waiting.
    for drop, spell in (("oldest", 1), ("newest", 7), ("oldest", 77)):
        t = Traffic(queue_bytes=4096, max_packet=1500, drop=drop)
        seed, sent = spell, []
        for turn in range(2500):
            seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
            c = (0, 0, 0, 1, 1, 2, 3, 3)[seed >> 8 & 7]
            before = t.waiting()
            taken, i = t.put(c, 60 + (seed >> 12) % 700)
            after = t.waiting()
            gone = [j for j in before if j not in after] + ([] if taken else [i])
            stay = [t.classes[j] for j in after]
            for j in gone:
                assert t.classes[j] <= c
                if t.classes[j] == c:  # as nothing lower was left
                    assert not stay or min(stay) >= c, (turn, c, stay)
            assert after == sorted(after)
            if seed >> 4 & 7 == 0:
                t.a.poll()
                sent += serials(t.a.link.packets)
                t.a.link.packets = []
        assert sent == sorted(sent) and len(set(sent)) == len(sent)
        s = t.balance()
        assert s["dropped_%s_0" % drop] > 100 and s["sent"] == len(sent)


def test_what_is_half_on_the_wire_stays():
    # And is sent on where it was, though it moved.
    for at in (0, 1):
        t = Traffic(queue_bytes=4096, script=(150,) + (None,) * 400)
        if at:  # the half one stands before what goes, or is what would go
            t.put(3, 500)
        for _ in range(20):
            t.put(0, 300)
            t.a.poll()
        for _ in range(12):
            t.put(3, 300)
            t.a.poll()
        t.a.link.script = []
        got = serials(drain(t.a))
        assert got[0] == 0 and got == sorted(got)
        assert [t.classes[i] for i in got[1:]] == [3] * (len(got) - 1)


def test_a_held_record_is_dated_back_wherever_it_moved():
    from capture_doubles import CONFIG, Link, Ticks, at, stamp
    from uhep import Agent
    from uhep.clock import Clock

    sync = Clock.sync
    Clock.sync = lambda self: False  # nobody has set the time
    try:
        ticks = Ticks()
        config = dict(CONFIG)
        config["queue_bytes"] = 2048
        t = Traffic()
        t.a = a = Agent(config, ticks, Link())
        sip = a.flow(*FLOW)
        t.flows = (sip, a.flow(*FLOW, kind=RTCP), a.flow(*FLOW, kind=LOG), sip)
        when = {}
        for c in (3, 0, 0, 3, 0, 3, 3, 3, 3):
            ticks.pass_us(1000000)
            when[t.put(c, 250)[1]] = ticks.now
        assert a.stats()["dropped_oldest_0"] > 1
        a.clock.set(1767225600 + ticks.now // 1000000)
        for packet in drain(a):
            us = when[serial(packet)]
            assert stamp(packet) == at(1767225600 + us // 1000000, 0), us
    finally:
        Clock.sync = sync
