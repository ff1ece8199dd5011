"""Taps on real sockets: poll and asyncio take them for what they stand for."""

import asyncio
import select
import socket
import sys

from capture_doubles import agent, drain, field
from real_sockets import HOST, TCP, at, bound, free_port, pair, udp
from uhep import aio, stream, tap

MICROPYTHON = sys.implementation.name == "micropython"


def message(n):
    body = b"x" * (n % 50)
    return b"MESSAGE sip:b@h SIP/2.0\r\nCall-ID: %d\r\nl: %d\r\n\r\n" % (n, len(body)) + body


def payloads(a):
    return [field(p, 15) for p in drain(a)]


def ready(sock, events, ms=0):
    """What poll says of it, and that it names the very object."""
    p = select.poll()
    p.register(sock, events)
    found = p.poll(ms)
    p.unregister(sock)
    for one, said in found:
        assert one is sock if MICROPYTHON else one == sock.fileno()
        return said & events
    return 0


def test_poll_of_a_udp_tap():
    a = agent()
    sock, port = udp()
    peer, _ = udp()
    t = tap.tap(sock, a, (HOST, port))
    assert ready(t, select.POLLIN) == 0
    assert ready(t, select.POLLOUT) == select.POLLOUT
    peer.sendto(message(1), at(port))
    assert ready(t, select.POLLIN, 1000) == select.POLLIN
    assert t.recvfrom(100)[0] == message(1)
    assert ready(t, select.POLLIN) == 0
    t.untap().close()
    peer.close()


def test_poll_of_a_stream_tap():
    client, server, port = pair()
    t = stream.tap(server, agent(), (HOST, port), (HOST, 1))
    assert ready(t, select.POLLIN | select.POLLOUT) == select.POLLOUT
    client.send(b"x")
    assert ready(t, select.POLLIN, 1000) == select.POLLIN
    assert t.recv(10) == b"x"
    client.close()
    assert ready(t, select.POLLIN, 1000) == select.POLLIN
    assert t.recv(10) == b""
    t.close()


def test_peeked_at_and_then_read():
    a = agent()
    client, server, port = pair()
    t = stream.tap(server, a, (HOST, port), (HOST, 1))
    client.send(message(1))
    assert t.recv(100, socket.MSG_PEEK) == t.recv(100) == message(1)
    assert payloads(a) == [message(1)]
    t.close()
    client.close()
    sock, port = udp()
    peer, _ = udp()
    t = tap.tap(sock, a, (HOST, port))
    peer.sendto(message(2), at(port))
    assert t.recvfrom(100, socket.MSG_PEEK) == t.recvfrom(100)
    assert payloads(a) == [message(2)]
    t.close()
    peer.close()


def test_it_has_what_its_socket_has():
    names = ["send", "sendall", "recv", "recv_into", "recvfrom_into", "write", "read", "readinto"]
    names += ["readline", "connect_ex", "recvmsg", "fileno", "makefile", "getpeername", "nothing"]
    sock, _ = udp()
    client, server, _ = pair()
    for one, made in ((sock, tap.tap(sock, agent())), (client, stream.tap(client, agent()))):
        for name in names:
            assert hasattr(made, name) == hasattr(one, name), name

    class Clear:  # as MicroPython's ssl has it
        write = read = readinto = readline = None

    made = stream.tap(Clear(), agent(), (HOST, 1), (HOST, 2))
    assert [name for name in names if hasattr(made, name)] == names[5:9]
    for one in (sock, client, server):
        one.close()


def test_a_peer_that_was_told():
    a = agent()
    sock, port = udp()
    sock.connect(at(port))
    t = tap.tap(sock, a, (HOST, 5060), remote=("192.0.2.20", 5070))
    t.send(message(1))
    assert t.recv(100) == message(1)
    t.sendall(message(2))
    went, came, again = drain(a)
    assert field(went, 15) == field(came, 15) == message(1) and field(again, 15) == message(2)
    for key in (3, 7):
        assert field(went, key) == field(came, key + 1) == field(again, key)
        assert field(went, key + 1) == field(came, key) == field(again, key + 1)
    assert field(came, 3) == bytes((192, 0, 2, 20)) and field(came, 7) == b"\x13\xce"
    t.close()


if MICROPYTHON:
    import io

    class NoFile(io.IOBase):
        """A stream without a file number, as an ESP32's socket."""

        def __init__(self, sock):
            self.sock = sock
            self.asked = 0

        def ioctl(self, request, arg):
            if request != 3:
                return -22
            self.asked += 1
            p = select.poll()
            p.register(self.sock, arg)
            for _, events in p.poll(0):
                return events
            return 0

    def test_poll_where_there_are_no_file_numbers():
        client, server, port = pair()
        below = NoFile(server)
        t = stream.tap(below, agent(), (HOST, port), (HOST, 1))
        assert ready(t, select.POLLIN) == 0
        assert ready(t, select.POLLOUT) == select.POLLOUT
        client.send(b"x")
        assert ready(t, select.POLLIN, 1000) == select.POLLIN
        assert below.asked >= 3
        server.close()
        assert t.ioctl(1, 0) == -22
        client.close()

else:

    def test_the_ends_are_asked_for():
        a = agent()
        client, server, port = pair()
        source = client.getsockname()[1]
        here, there = stream.tap(client, a), stream.tap(server, a)
        here.sendall(message(3))
        assert there.recv(1000) == message(3)
        for packet in drain(a):
            assert field(packet, 3) == field(packet, 4) == bytes((127, 0, 0, 1))
            assert field(packet, 7) == source.to_bytes(2, "big")
            assert field(packet, 8) == port.to_bytes(2, "big")
        here.close()
        there.close()

    def test_bound_to_any_address():
        a = agent()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("0.0.0.0", 0))
        t = tap.tap(sock, a)
        t.sendto(message(1), (HOST, 9))
        (packet,) = drain(a)
        assert field(packet, 3) == bytes((127, 0, 0, 1))
        assert field(packet, 7) == sock.getsockname()[1].to_bytes(2, "big")
        t.close()

    def test_by_name_and_by_a_port_of_the_kernels():
        a = agent()
        server, port = udp()
        for bind in (None, (HOST, 0), ("", 0), ("localhost", 0)):
            for peer in ((HOST, port), ("localhost", port)):
                t = tap.tap(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), a)
                if bind:
                    t.bind(bind)
                t.connect(peer)
                assert t.send(message(1)) == server.sendto(message(1), t.getsockname())
                assert t.recv(100) == message(1)
                said(drain(a), (HOST, t.getsockname()[1]), (HOST, port))
                t.close()
        server.close()
        server, port = bound(TCP)
        server.listen(8)
        for peer in ((HOST, port), ("localhost", port)):
            for told in (None, ("192.0.2.10", 0)):
                t = stream.tap(socket.socket(), a, told)
                t.connect(peer)
                t.sendall(message(1) + message(2))
                here = t.getsockname()
                said(drain(a), (told[0] if told else HOST, here[1]), (HOST, port))
                t.close()
        server.close()

    def said(packets, *ends):
        assert len(packets) == 2
        for packet in packets:
            hosts = [socket.inet_ntoa(field(packet, kind)) for kind in (3, 4)]
            ports = [int.from_bytes(field(packet, kind), "big") for kind in (7, 8)]
            assert sorted(zip(hosts, ports)) == sorted(ends)

    def test_connected_before_it_was_tapped():
        a = agent()
        sock, port = udp()
        for connect in (
            lambda: sock.connect(at(port)),
            lambda: tap.tap(sock, agent()).connect_ex(at(port)),
        ):
            connect()
            t = tap.tap(sock, a)
            t.send(message(1))
            assert t.recv(100) == message(1)
            for packet in drain(a):
                assert field(packet, 3) == field(packet, 4) == bytes((127, 0, 0, 1))
                assert field(packet, 7) == field(packet, 8) == port.to_bytes(2, "big")
        other, port = udp()
        assert t.connect_ex(at(port)) == 0
        t.send(message(2))
        assert field(drain(a)[0], 8) == port.to_bytes(2, "big")
        other.close()
        t.close()

    def test_into_a_buffer_by_name():
        a = agent()
        sock, port = udp()
        sock.connect(at(port))
        t = tap.tap(sock, a)
        room = bytearray(100)
        for _ in range(2):
            t.send(message(1))
        assert t.recv_into(room, nbytes=90) == len(message(1))
        assert t.recvfrom_into(buffer=room, nbytes=90) == (len(message(1)), at(port))
        assert payloads(a) == [message(1)] * 4
        t.close()

    def test_no_more_files():
        # The local address of 0.0.0.0 takes a socket to find out.
        a = agent()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("0.0.0.0", 0))
        t = tap.tap(sock, a)
        real, socket.socket = socket.socket, no_more
        try:
            assert t.sendto(message(1), (HOST, 9)) == len(message(1))
        finally:
            socket.socket = real
        (packet,) = drain(a)
        assert field(packet, 3) == bytes(4) and field(packet, 15) == message(1)
        t.close()

    def no_more(*args):
        raise OSError(24, "Too many open files")

    def test_a_socket_that_is_no_ip():
        a = agent()
        left, right = socket.socketpair()
        t = stream.tap(left, a)
        t.sendall(message(1))
        assert right.recv(1000) == message(1)
        assert payloads(a) == [message(1)]
        t.close()
        right.close()


def test_local_host_without_port():
    a = agent()
    port = free_port()
    t = tap.tap(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), a, ("192.0.2.7", 0))
    t.bind(socket.getaddrinfo("0.0.0.0", port)[0][-1])
    t.sendto(message(1), at(port))
    (packet,) = drain(a)
    assert field(packet, 3) == bytes((192, 0, 2, 7))
    assert field(packet, 7) == bytes((port >> 8, port & 255))
    t.close()


async def _talk(a, rounds, on_round):
    """A client asks a server `rounds` times: what both got. The server's end is tapped and
    untapped by on_round(n, reader, writer), which is called before each answer."""
    done = []

    async def serve(reader, writer):
        for n in range(rounds):
            on_round(n, reader, writer)
            size = len(message(n))
            got = await reader.readexactly(size)
            assert got == message(n)
            # In two parts, so that framers have to wait.
            writer.write(message(1000 + n)[:20])
            await writer.drain()
            writer.write(message(1000 + n)[20:])
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        done.append(True)

    port = free_port()
    server = await asyncio.start_server(serve, HOST, port)
    reader, writer = await asyncio.open_connection(HOST, port)
    for n in range(rounds):
        writer.write(message(n))
        await writer.drain()
        assert await reader.readexactly(len(message(1000 + n))) == message(1000 + n)
    assert await reader.read(10) == b""
    writer.close()
    while not done:
        await asyncio.sleep(0.01)
    server.close()
    return port


def test_asyncio_streams():
    a = agent()
    taps = []

    def on_round(n, reader, writer):
        if n == 0:
            taps.append(stream.tap_streams(reader, writer, a, (HOST, 5060)))

    asyncio.run(_talk(a, 5, on_round))
    packets = drain(a)
    expected = []
    for n in range(5):
        expected += [message(n), message(1000 + n)]
    assert [field(p, 15) for p in packets] == expected
    assert field(packets[0], 17) == b"0"
    assert field(packets[0], 3) == bytes((127, 0, 0, 1))
    assert field(packets[0], 7) == field(packets[1], 8) != bytes(2)  # the peer's
    assert field(packets[0], 8) == bytes((5060 >> 8, 5060 & 255))


def test_tapping_and_untapping_while_they_talk():
    # Taps come and go, two at a time; each message is captured by those there were.
    a, b = agent(queue_bytes=60000), agent(queue_bytes=60000)
    first, second = [], []
    expected_a, expected_b = [], []

    def on_round(n, reader, writer):
        for each, every, taps, expected in (
            (a, 3, first, expected_a),
            (b, 2, second, expected_b),
        ):
            if n % (2 * every) == 0:
                taps.append(stream.tap_streams(reader, writer, each, (HOST, 5060)))
            elif n % (2 * every) == every:
                taps.pop().untap()
            if taps:
                expected += [message(n), message(1000 + n)]

    asyncio.run(_talk(a, 40, on_round))
    assert payloads(a) == expected_a and len(expected_a) > 40
    assert payloads(b) == expected_b and len(expected_b) > 36


def test_untapped_streams_are_as_before():
    orders = ((0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0), (0, 2, 1), (2, 0, 1))
    seen = []

    def on_round(n, reader, writer):
        before = reader.s if MICROPYTHON else (set(vars(reader)), set(vars(writer)))
        taps = [stream.tap_streams(reader, writer, agent(), (HOST, 5060)) for _ in range(3)]
        for i in orders[n]:
            taps[i].poll()
            taps[i].untap()
        if MICROPYTHON:
            assert reader.s is before
        else:
            assert (set(vars(reader)), set(vars(writer))) == before
        seen.append(n)

    asyncio.run(_talk(None, len(orders), on_round))
    assert len(seen) == len(orders)


def test_an_agent_that_runs_beside():
    # asyncio with the tap and the agent's own task in one loop.
    a = agent()

    async def both():
        task = asyncio.create_task(aio.run(a, 1))
        await _talk(a, 3, lambda n, r, w: n or stream.tap_streams(r, w, a, (HOST, 5060)))
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(both())
    assert len(a.link.packets) == 6
