"""Several collectors: in order, back to the first, each with its own time to wait."""

import errno

from network_doubles import Network, Sock, agent, poll, put, serials

A, B, C = "192.0.2.1:9060", "192.0.2.2:9060", "192.0.2.3:9060"
REFUSED = OSError(errno.ECONNREFUSED)


def hosts(net):
    return [host[-1] for host, _ in net.asked]


def test_the_first_that_can_be_reached():
    with Network(Sock(up=REFUSED), Sock(up=REFUSED)) as net:
        a = agent(transport="tcp", capture_address=[A, B, C])
        put(a, 1)
        poll(a, 5)
    assert hosts(net) == ["1", "2", "3"]
    assert serials(net.socks[2].stream) == ([1], b"")
    s = a.stats()
    assert s["connects"] == 1 and s["refused"] == 2 and s["errors"] == 2
    assert a.link.status == C + ": open"


def test_only_one_at_a_time_is_tried():
    slow = Sock(up=None)
    with Network(slow) as net:
        a = agent(transport="tcp", capture_address=[A, B], stall_s=5)
        put(a, 1)
        poll(a, 4, 1000)
        assert hosts(net) == ["1"]
        poll(a, 4, 1000)
        assert hosts(net)[:2] == ["1", "2"] and serials(net.socks[1].stream) == ([1], b"")


def test_fail_over_with_the_packet_that_was_cut():
    first = Sock(takes=150, then=OSError(errno.ECONNRESET))
    with Network(first) as net:
        a = agent(transport="tcp", capture_address=[A, B])
        put(a, 1)
        put(a, 2)
        poll(a, 10)
    assert hosts(net) == ["1", "2"]
    assert serials(net.socks[1].stream) == ([1, 2], b"")


def test_cut_by_two_collectors_is_given_up():
    socks = [Sock(takes=150, then=OSError(errno.ECONNRESET)) for _ in range(2)]
    with Network(*socks) as net:
        a = agent(transport="tcp", capture_address=[A, B, C])
        put(a, 1)
        put(a, 2)
        poll(a, 10)
    assert serials(net.socks[2].stream) == ([2], b"")
    assert a.stats()["unconfirmed"] == 1


def test_fail_back_to_the_first_beside_the_one_in_use():
    slow = Sock(up=None)
    with Network(Sock(up=REFUSED), Sock(), Sock(up=REFUSED), slow) as net:
        a = agent(transport="tcp", capture_address=[A, B], failback_s=100, stall_s=200)
        for i in range(330):
            put(a, i)
            poll(a, 2, 500)
        second = net.socks[1]
        # Tried after 100 s, and after another 100 s; in use all the time.
        assert hosts(net) == ["1", "2", "1", "1"]
        assert not second.closed and a.stats()["waiting"] == 0
        slow.up = True
        for i in range(330, 340):
            put(a, i)
            poll(a, 2, 500)
    assert second.closed and not slow.closed
    got, more = serials(second.stream)[0], serials(slow.stream)[0]
    assert got + more == list(range(340)) and len(more) >= 8
    assert a.link.status == A + ": open" and a.stats()["unconfirmed"] == 0


def test_each_waits_for_itself():
    with Network(*[OSError(-2)] * 60) as net:
        a = agent(transport="tcp", capture_address=[A, B])
        poll(a, 100, 1000)
    for host in "12":
        assert 5 <= hosts(net).count(host) <= 9, hosts(net)


def test_a_time_without_trouble_is_forgotten_trouble():
    with Network(*[OSError(-2)] * 5) as net:
        a = agent(transport="tcp")
        poll(a, 200, 1000)
        assert len(net.socks) == 1
        net.socks[0].says = 0
        poll(a, 5, 1000)
        assert len(net.socks) == 2


def test_udp_goes_on_when_the_host_refuses():
    class Datagrams(Sock):
        def connect(self, addr):
            pass

    socks = [Datagrams() for _ in range(6)]
    socks[0].takes, socks[0].then = 0, REFUSED
    with Network(*socks) as net:
        a = agent(capture_address=[A, B], failback_s=60)
        put(a, 1)
        poll(a, 5, 1)
        assert hosts(net) == ["1", "2"] and serials(socks[1].stream) == ([1], b"")
        poll(a, 70, 1000)
        put(a, 2)
        poll(a, 2, 1)
    assert hosts(net) == ["1", "2", "1"] and serials(socks[2].stream) == ([2], b"")
    assert socks[0].closed and socks[1].closed


def test_udp_with_one_collector_stays_with_it():
    sock = Sock(takes=0, then=REFUSED)
    sock.connect = lambda addr: None
    with Network(sock) as net:
        a = agent()
        put(a, 1)
        poll(a, 5, 1000)
        assert a.stats()["refused"] >= 5 and not sock.closed
        sock.takes = None
        poll(a)
    assert serials(sock.stream) == ([1], b"") and len(net.socks) == 1
