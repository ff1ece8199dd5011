"""TCP: no cut frame on a new connection, none twice, order kept, each capture accounted for."""

import errno
import sys

from network_doubles import Network, Sock, agent, frames, poll, put, serials

RESET = OSError(errno.ECONNRESET)


def tcp(**more):
    return agent(transport="tcp", **more)


def size():
    with Network() as net:
        a = tcp()
        put(a, 0)
        poll(a)
    return len(net.socks[0].stream)


def test_packets_follow_each_other():
    with Network() as net:
        a = tcp()
        for i in range(9):
            put(a, i)
        assert poll(a) == 9
    assert serials(net.socks[0].stream) == (list(range(9)), b"")
    assert a.stats()["sent"] == 9 and a.stats()["unconfirmed"] == 0
    assert a.link.status == "open"


def test_connecting_waits_for_nothing():
    sock = Sock(up=None)
    with Network(sock):
        a = tcp()
        put(a, 1)
        assert poll(a) == 0 and a.link.status == "connecting" and len(sock.stream) == 0
        sock.up = True
        assert poll(a) == 1


def test_each_way_to_say_in_progress():
    for number in (errno.EINPROGRESS, 118, 119, errno.EALREADY, errno.EAGAIN):
        sock = Sock()

        def connect(addr, number=number):
            raise OSError(number)

        sock.connect = connect
        with Network(sock):
            a = tcp()
            put(a, 1)
            assert poll(a) == 1, number


def test_options_that_the_port_has():
    with Network() as net:
        a = tcp(tcp_buffer=8192)
        poll(a)
    options = net.socks[0].options
    assert options[101] == 1 and options[9] == 1  # TCP_NODELAY, SO_KEEPALIVE
    assert options.get(7, 4096) == 4096  # SO_SNDBUF, of which Linux takes twice as much


def test_partial_writes_at_every_octet():
    n = size()
    for step in range(1, n + 1):
        with Network(Sock(step=step)) as net:
            a = tcp()
            put(a, 1)
            put(a, 2)
            poll(a, 2 * n + 5)
        assert serials(net.socks[0].stream) == ([1, 2], b""), step
        assert a.stats()["sent"] == 2


def test_reset_at_every_octet():
    n = size()
    for at in range(3 * n + 1):
        with Network(Sock(takes=at, then=RESET)) as net:
            a = tcp()
            for i in range(4):
                put(a, i)
            poll(a, 20)
            assert a.stats()["unconfirmed"] == at // n
            poll(a, 5, 1000)
        first, cut = serials(net.socks[0].stream)
        second, rest = serials(net.socks[1].stream)
        assert first + second == [0, 1, 2, 3], at
        assert len(cut) == at % n and rest == b""
        s = a.stats()
        assert s["sent"] == 4 and s["waiting"] == 0 and s["dropped"] == 0
        assert s["connects"] == 2 and s["unconfirmed"] == at // n
        assert net.socks[0].closed


def test_the_other_errors_of_a_dead_connection():
    for number in (32, errno.ECONNABORTED, errno.ENOTCONN, 113, 128):  # 32: EPIPE
        with Network(Sock(takes=50, then=OSError(number))) as net:
            a = tcp()
            put(a, 1)
            poll(a, 8, 1000)
        assert serials(net.socks[1].stream) == ([1], b""), number


def test_no_memory_below_is_later():
    sock = Sock(takes=50, then=OSError(errno.ENOMEM))
    with Network(sock) as net:
        a = tcp()
        put(a, 1)
        poll(a, 10, 1000)
        assert not sock.closed and a.stats()["errors"] > 0
        sock.takes = None
        poll(a)
    assert serials(sock.stream) == ([1], b"") and len(net.socks) == 1


def test_no_memory_for_an_attempt():
    for transport in ("udp", "tcp"):
        sock = Sock()
        sock.setblocking = no_memory
        with Network(sock) as net:
            a = agent(transport=transport)
            put(a, 1)
            poll(a, 5)
            assert "memory" in a.link.status and sock.closed
            assert a.stats()["errors"] == 1
            poll(a, 5, 1000)
            assert len(net.socks) > 1


def no_memory(*args):
    raise MemoryError("memory allocation failed")


def test_a_packet_cut_twice_is_given_up():
    bad = [Sock(takes=150, then=RESET) for _ in range(2)]
    n = size()
    assert n > 150
    with Network(*bad) as net:
        a = tcp()
        put(a, 1)
        put(a, 2)
        poll(a, 20, 1000)
    assert [s.stream[:150] == bad[0].stream for s in bad] == [True, True]
    assert serials(net.socks[2].stream) == ([2], b"")
    s = a.stats()
    assert s["sent"] == 2 and s["unconfirmed"] == 1 and s["waiting"] == 0


def test_without_a_time_packets_are_told_apart_all_the_same():
    # All stamps are 0/0.
    n = size()
    with Network(Sock(takes=100, then=RESET), Sock(takes=n + 100, then=RESET)) as net:
        a = tcp(before_time="zero")
        a.clock.is_set, a.clock.sync = False, lambda: False
        a.ring.st[24] = 1
        for i in range(6):
            put(a, i)
        poll(a, 20, 1000)
    assert [serials(sock.stream)[0] for sock in net.socks] == [[], [0], [1, 2, 3, 4, 5]]
    assert a.stats()["unconfirmed"] == 1
    with Network(*[Sock(takes=100, then=RESET) for _ in range(2)]) as net:
        a = tcp(before_time="zero")
        a.clock.is_set, a.clock.sync = False, lambda: False
        a.ring.st[24] = 1
        for i in range(3):
            put(a, i)
        poll(a, 20, 1000)
    assert serials(net.socks[2].stream)[0] == [1, 2]


def test_cut_packets_that_are_not_the_same():
    n = size()
    cuts = [Sock(takes=n + 50, then=RESET) for _ in range(3)]
    with Network(*cuts) as net:
        a = tcp()
        for i in range(6):
            put(a, i)
        poll(a, 60, 1000)
    got = []
    for sock in net.socks:
        got += serials(sock.stream)[0]
    assert got == [0, 1, 2, 3, 4, 5]
    assert a.stats()["unconfirmed"] == 3  # those before the cuts


def test_refused():
    with Network(*[Sock(up=OSError(errno.ECONNREFUSED)) for _ in range(3)]) as net:
        a = tcp()
        put(a, 1)
        poll(a, 5)
        assert "111" in a.link.status or "ECONNREFUSED" in a.link.status, a.link.status
        assert net.socks[0].closed and a.stats()["refused"] == 1
        poll(a, 20, 1000)
    assert a.stats()["refused"] == 3
    assert serials(net.socks[3].stream) == ([1], b"") and a.stats()["unconfirmed"] == 0


def test_unreachable():
    far = Sock()

    def connect(addr):
        raise OSError(errno.EHOSTUNREACH)

    far.connect = connect
    with Network(OSError(-2), far) as net:
        a = tcp()
        put(a, 1)
        poll(a, 15, 1000)
    assert far.closed and a.stats()["errors"] == 2
    assert serials(net.socks[1].stream) == ([1], b"")


def test_nobody_answers_the_connect():
    lost = Sock(up=None)
    with Network(lost) as net:
        a = tcp(stall_s=5)
        said = reasons(a.link)
        poll(a, 5, 1000)
        assert not lost.closed
        poll(a, 5, 1000)
        assert lost.closed and len(net.socks) == 2
    assert len(said) == 1 and "no answer" in said[0], said


def reasons(link):
    """A list that gets the texts of why the link breaks."""
    said = []
    broken = link.broken

    def noted(why):
        said.append(str(why))
        broken(why)

    link.broken = noted
    return said


def test_a_collector_that_never_reads():
    n = size()
    full = Sock(takes=3 * n + 10)
    with Network(full) as net:
        a = tcp(stall_s=10)
        said = reasons(a.link)
        for i in range(6):
            put(a, i)
        poll(a, 9, 1000)
        assert not full.closed and a.stats()["sent"] == 3
        poll(a, 9, 1000)
    assert full.closed and len(said) == 1 and "takes nothing" in said[0], said
    assert serials(net.socks[1].stream) == ([3, 4, 5], b"")
    s = a.stats()
    assert s["sent"] == 6 and s["unconfirmed"] == 3 and s["dropped"] == 0


def test_linux_is_asked_whether_it_is_full():
    if sys.platform != "linux":
        return
    n = size()
    with Network() as net:
        a = tcp(tcp_buffer=4096, stall_s=5)
        poll(a)
        sock = net.socks[0]
        sock.full = True
        for i in range(20):
            put(a, i)
        poll(a)
        assert 512 <= len(sock.stream) < 512 + n and not sock.closed
        sock.full = False
        poll(a)
        assert len(sock.stream) == 20 * n
        put(a, 20)
        sock.full = True
        for i in range(21, 30):
            put(a, i)
        poll(a, 4, 1000)
        assert not sock.closed
        poll(a, 4, 1000)
        assert sock.closed and a.stats()["unconfirmed"] >= 20
        poll(a, 9, 1000)
    assert serials(sock.stream + net.socks[1].stream) == (list(range(30)), b"")


def test_slow_is_not_stalled():
    slow = Sock(takes=0)
    with Network(slow) as net:
        a = tcp(stall_s=10)
        put(a, 1)
        for _ in range(300):
            slow.takes += 1
            poll(a, 1, 9000)
    assert serials(slow.stream) == ([1], b"") and len(net.socks) == 1


def test_the_collector_closes_while_nothing_is_sent():
    for says in (0, RESET):
        with Network() as net:
            a = tcp()
            put(a, 1)
            poll(a, 5)
            net.socks[0].says = says
            poll(a, 2, 400)
            assert not net.socks[0].closed  # not asked more often than once a second
            poll(a, 2, 400)
            assert net.socks[0].closed and "closed" in a.link.status
            put(a, 2)
            poll(a, 5, 1000)
        assert serials(net.socks[1].stream) == ([2], b"")
        assert a.stats()["unconfirmed"] == 1


def test_what_the_collector_says_is_thrown_away():
    with Network(Sock(says=16)) as net:
        a = tcp()
        put(a, 1)
        poll(a, 20, 1000)
    assert len(net.socks) == 1 and not net.socks[0].closed


def test_unconfirmed_are_the_last_buffer():
    n = size()
    for sent in (1, 5, 30, 500):
        with Network() as net:
            a = tcp(tcp_buffer=4096)
            for i in range(sent):
                put(a, i)
                poll(a, 2)
            net.socks[0].reset()
            put(a, sent)
            poll(a, 2)
        at_least = min(sent, 4096 // n)
        at_most = min(sent, (4096 + 512) // n + 9)
        assert at_least <= a.stats()["unconfirmed"] <= at_most, (sent, a.stats()["unconfirmed"])


def test_packets_larger_than_the_account():
    with Network() as net:
        a = tcp(tcp_buffer=2048)
        for i in range(20):
            put(a, i, 3000)
            poll(a, 2)
        net.socks[0].reset()
        put(a, 20)
        poll(a, 2)
    assert 1 <= a.stats()["unconfirmed"] <= 9


def test_keep_alive():
    with Network() as net:
        a = tcp(keepalive_s=30)
        poll(a, 100, 1000)
        lines = frames(net.socks[0].stream)[0]
        assert 2 <= len(lines) <= 3, len(lines)
        assert lines[0].endswith(b"keepalive")
        for i in range(100):
            put(a, i)
            poll(a, 2, 500)
        assert len(frames(net.socks[0].stream)[0]) == len(lines) + 100


def test_no_keep_alive_by_default():
    with Network() as net:
        a = tcp()
        poll(a, 100, 1000)
    assert net.socks[0].stream == b""


def test_drop_oldest_during_an_outage():
    with Network(Sock(takes=130, then=RESET), *[OSError(-2)] * 4) as net:
        a = tcp(queue_bytes=2048)
        put(a, 0)
        poll(a, 3)
        for i in range(1, 40):
            put(a, i)
        poll(a, 70, 1000)  # five attempts: 62 s at the most
    got, rest = serials(net.socks[-1].stream)
    assert rest == b"" and got == list(range(40 - len(got), 40))
    s = a.stats()
    assert s["captured"] == 40 == s["sent"] + s["dropped"] and s["sent"] == len(got)


def test_close_and_open_again():
    with Network(Sock(takes=130)) as net:
        a = tcp()
        put(a, 1)
        poll(a)
        a.close()
        a.enabled = True
        poll(a)
    assert net.socks[0].closed
    assert serials(net.socks[1].stream) == ([1], b"") and a.stats()["unconfirmed"] == 0
