"""The send queue: order, wrap, drops, and that every capture is accounted for."""

from capture_doubles import agent, drain, field
from uhep import LOG, OUT

FLOW = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
DATA = bytes([i & 255 for i in range(4096)])


def logs(**config):
    a = agent(**config)
    return a, a.flow(*FLOW, kind=LOG)


def put(a, flow, serial, size):
    """Captures `size` octets that begin with a serial number of 4 digits."""
    return a.capture(flow, OUT, b"%04d" % serial + DATA[: size - 4], size)


def serials(packets):
    return [int(field(p, 15)[:4]) for p in packets]


def balance(a):
    s = a.stats()
    assert (
        s["captured"]
        == s["queued"] + s["dropped_newest"] + s["too_big"] + s["empty"] + s["unwanted"]
    ), s
    assert s["queued"] == s["sent"] + s["dropped_oldest"] + s["waiting"], s
    assert s["dropped"] == s["dropped_oldest"] + s["captured"] - s["queued"], s
    return s


def test_first_in_first_out():
    a, flow = logs()
    for i in range(5):
        assert put(a, flow, i, 100 + i)
    assert serials(drain(a)) == [0, 1, 2, 3, 4]
    assert balance(a)["sent"] == 5


def test_wraps_without_splitting_a_record():
    # Every size against every position: what comes out is what went in.
    a, flow = logs(queue_bytes=4096)
    serial, waiting = 0, []
    for turn in range(600):
        size = 4 + turn * 37 % 700
        if put(a, flow, serial, size):
            waiting.append((serial, size))
        serial += 1
        if turn % 3 == 2:
            packets = drain(a)
            first = len(waiting) - len(packets)
            assert first >= 0
            got = [(int(field(p, 15)[:4]), len(field(p, 15))) for p in packets]
            assert got == waiting[first:], (turn, got, waiting)
            for p in packets:
                assert field(p, 15)[4:] == DATA[: len(field(p, 15)) - 4]
            waiting = []
        balance(a)


def test_drop_oldest():
    a, flow = logs(queue_bytes=2048, drop="oldest")
    for i in range(40):
        assert put(a, flow, i, 200)
    s = balance(a)
    assert s["dropped_oldest"] > 0 and s["dropped_newest"] == 0
    got = serials(drain(a))
    assert got == list(range(40 - len(got), 40))
    assert len(got) == s["waiting"]


def test_drop_newest():
    a, flow = logs(queue_bytes=2048, drop="newest")
    taken = [i for i in range(40) if put(a, flow, i, 200)]
    s = balance(a)
    assert taken == list(range(len(taken))) and 0 < len(taken) < 40
    assert s["dropped_newest"] == 40 - len(taken) and s["dropped_oldest"] == 0
    assert serials(drain(a)) == taken


def test_larger_than_the_ring():
    a, flow = logs(queue_bytes=1024, max_packet=4096)
    assert put(a, flow, 1, 100)
    assert put(a, flow, 2, 2000) is False
    s = balance(a)
    assert s["too_big"] == 1 and s["dropped_oldest"] == 0  # nothing was thrown out for it
    assert serials(drain(a)) == [1]


def test_a_small_ring_lives():
    a, flow = logs(queue_bytes=1024, max_packet=600)
    for i in range(500):
        put(a, flow, i, 4 + i % 500)
        if i % 7 == 0:
            a.poll()
    s = balance(a)
    assert s["sent"] > 0 and s["dropped_oldest"] > 0


def test_high_water():
    a, flow = logs()
    for i in range(6):
        put(a, flow, i, 100)
    drain(a)
    put(a, flow, 6, 100)
    s = balance(a)
    assert s["high_water_records"] == 6
    one = s["waiting_bytes"]
    assert one % 4 == 0 and s["high_water_bytes"] == 6 * one


def test_a_poll_sends_a_bounded_number():
    a, flow = logs()
    for i in range(11):
        put(a, flow, i, 50)
    assert a.poll() == 4 and a.poll() == 4 and a.poll() == 3 and a.poll() == 0


def test_nothing_can_be_sent_now():
    a, flow = logs(script=(None, None))
    put(a, flow, 1, 50)
    assert a.poll() == 0 and a.poll() == 0
    assert a.stats()["waiting"] == 1
    assert a.poll() == 1
    assert serials(a.link.packets) == [1]


def test_partial_writes_go_on_at_the_octet():
    a, flow = logs(script=(1, 5, 100, None, 7))
    put(a, flow, 1, 300)
    put(a, flow, 2, 50)
    assert serials(drain_slow(a)) == [1, 2]
    balance(a)


def drain_slow(a):
    for _ in range(20):
        a.poll()
    return a.link.packets


def test_a_record_half_on_the_wire_is_not_dropped():
    a, flow = logs(queue_bytes=2048, script=(10,) + (None,) * 40)
    for i in range(30):
        put(a, flow, i, 200)
        a.poll()
    s = balance(a)
    assert s["dropped_newest"] > 0
    a.link.script = []
    got = serials(drain(a))
    assert got[0] == 0  # the one that had begun


def test_rewind_sends_the_whole_record_again():
    a, flow = logs(script=(10, None))
    put(a, flow, 1, 200)
    a.poll()
    a.ring.rewind()
    a.link.part = b""
    a.link.script = []
    assert serials(drain(a)) == [1]


def test_errors_keep_what_was_to_be_sent():
    # Where an error can not be told (bytecode), a poll tries twice.
    a, flow = logs(script=(OSError(12), OSError(111), OSError(113), OSError(12)))
    put(a, flow, 1, 50)
    while a.link.script:
        left = len(a.link.script)
        assert a.poll() == 0
        assert len(a.link.script) < left
        assert a.stats()["errors"] > 0 and a.stats()["waiting"] == 1
    assert a.stats()["errors"] == 4
    assert a.poll() == 1


def test_random_traffic_against_a_model():
    # A model that knows only the policy: order and contents of what comes out.
    a, flow = logs(queue_bytes=3000, drop="oldest")
    seed, model = 12345, []
    for i in range(3000):
        seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
        n = 4 + (seed >> 8) % 900
        if seed & 7 < 5:
            assert put(a, flow, i % 10000, n)
            model.append((i % 10000, n))
        else:
            a.poll()
            for p in a.link.packets:
                got = (int(field(p, 15)[:4]), len(field(p, 15)))
                while model and model[0] != got:
                    model.pop(0)  # dropped: only ever the oldest
                assert model, (i, got)
                model.pop(0)
            a.link.packets = []
        if a.stats()["waiting"] > len(model):
            assert False, i
    s = balance(a)
    assert s["sent"] > 500 and s["dropped_oldest"] > 100
