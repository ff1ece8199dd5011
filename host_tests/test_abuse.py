"""Clients that mean harm, over TCP and TLS: they are bounded, and the good ones lose nothing."""

import contextlib
import os
import socket
import ssl
import threading
import time
import zlib

import pytest
from faults import Fault, Proxy
from hepmake import GOOD, chunk, frame, good
from sipmake import ALICE, packet, sip
from uhep_tools.certs import Authority
from uhep_tools.server import Server, in_thread
from uhep_tools.tls import server_context
from waiting import PATIENCE_S, until

AUTHORITY = Authority()
SERVER = AUTHORITY.issue("localhost")
CLIENT = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "tls"])


@contextlib.contextmanager
def serving(store, **options):
    context = server_context(*SERVER.write(store.path.parent, "server"))
    with in_thread(Server(store, port=0, tls=context, tls_port=0, **options)) as server:
        yield server


def connect(server, transport):
    port = server.tls_port if transport == "tls" else server.port
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    return CLIENT.wrap_socket(sock, server_hostname="localhost") if transport == "tls" else sock


def closed(sock):
    try:
        return sock.recv(1) == b""
    except OSError:
        return True


@contextlib.contextmanager
def good_clients(store, server):
    """One over TCP and one over TLS send until the end; then all of it must be in the store."""
    sent = []
    stop = threading.Event()

    def send(transport, node):
        with connect(server, transport) as sock:
            while not stop.is_set():
                raw = packet(sip(b"OPTIONS sip:a SIP/2.0", b"1 OPTIONS"), after_us=len(sent))
                raw = raw.replace(ALICE[0].encode(), b"192.0.2.%02d" % node)
                sent.append(raw)
                sock.sendall(raw)
                time.sleep(0.002)

    threads = [threading.Thread(target=send, args=pair) for pair in (("tcp", 11), ("tls", 12))]
    for thread in threads:
        thread.start()
    # Who has brought one packet keeps its place.
    until(lambda: len({m.peer for c in store.calls() for m in store.messages(c.call)}) == 2)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    until(lambda: store.count() >= len(sent))
    kept = [message.raw for call in store.calls(-1) for message in store.messages(call.call)]
    assert sorted(set(kept) & set(sent)) == sorted(set(sent))
    assert server.counters.accepted == store.count() == len(sent)


@TRANSPORTS
def test_one_octet_at_a_time_and_a_frame_that_never_ends(store, transport):
    with serving(store, frame_timeout=0.4) as server, good_clients(store, server):
        with connect(server, transport) as slow, connect(server, transport) as never:
            never.sendall(good()[:-1])
            with contextlib.suppress(OSError):
                for octet in good():
                    slow.sendall(bytes([octet]))
                    if server.counters.rejected["slow-frame"] == 2:
                        break
                    time.sleep(0.02)
            assert closed(slow) and closed(never)
        until(lambda: server.counters.open == 2)
        assert server.counters.rejected == {"slow-frame": 2}


def test_two_thousand_connections_opened_and_closed(store):
    with serving(store) as server, good_clients(store, server):
        before = len(os.listdir("/proc/self/fd"))
        for number in range(1000):
            if number % 50 == 0:  # no more at once than there are places
                until(lambda: server.counters.open < 50)
            for port in (server.port, server.tls_port):
                with socket.create_connection(("127.0.0.1", port)) as sock:
                    if number % 3:
                        sock.sendall(b"\x16\x03" if port == server.tls_port else b"HEP")
        counters = server.counters
        until(lambda: counters.open == 2)
        assert counters.connections == 2002 and counters.refused == 0
        assert counters.tls_failed == {"tls-closed": 1000}
        assert counters.rejected == {"cut-frame": 666}
        assert len(os.listdir("/proc/self/fd")) <= before + 4


@TRANSPORTS
def test_more_connections_than_places(store, transport):
    port = "tls_port" if transport == "tls" else "port"
    with (
        serving(store, max_connections=20) as server,
        good_clients(store, server),
        contextlib.ExitStack() as stack,
    ):
        for _ in range(200):
            address = ("127.0.0.1", getattr(server, port))
            stack.enter_context(socket.create_connection(address))
        until(lambda: server.counters.connections == 202)
        assert server.counters.open <= 20 and server.counters.refused == 182
        with connect(server, transport) as late:  # it takes the place of a silent one
            late.sendall(good({0x01: b"\x0a"}))
            until(lambda: server.counters.rejected == {"family": 1})


def bomb():
    """A frame of 64 KiB with a payload that inflates to 64 MiB."""
    chunks = [chunk(kind, body) for kind, body in GOOD.items() if kind != 0x0F]
    return frame(*chunks, chunk(0x10, zlib.compress(bytes(62 << 20), 9)))


@TRANSPORTS
def test_zip_bombs(store, transport):
    raw = bomb()
    assert 60_000 < len(raw) <= 65535
    with (
        serving(store) as server,
        good_clients(store, server),
        connect(server, transport) as sock,
    ):
        for _ in range(30):
            sock.sendall(raw)
        until(lambda: server.counters.rejected == {"inflate-limit": 30})


@TRANSPORTS
def test_largest_frames_whole_and_unfinished(store, transport):
    raw = good({0x01: b"\x0a", 0x0F: bytes(65535 - len(good({0x0F: b""})))})
    assert len(raw) == 65535
    with (
        serving(store, frame_timeout=3.0) as server,
        good_clients(store, server),
        contextlib.ExitStack() as stack,
    ):
        for _ in range(20):
            stack.enter_context(connect(server, transport)).sendall(raw * 2 + raw[:-1])
        until(lambda: server.counters.rejected["slow-frame"] == 20)
        until(lambda: server.counters.open == 2)
        assert server.counters.rejected == {"family": 40, "slow-frame": 20}


@TRANSPORTS
def test_flood_of_the_smallest_frames(store, transport):
    smallest = frame()
    with (
        serving(store) as server,
        good_clients(store, server),
        connect(server, transport) as sock,
    ):
        for _ in range(20):
            sock.sendall(smallest * 1000)
        until(lambda: server.counters.rejected == {"missing-chunk": 20_000})
    assert len(store.rejects()) == 1000


def test_reset_at_every_octet_of_a_frame(store):
    raw = good()
    faults = [Fault("reset", after=after) for after in range(len(raw))]
    with serving(store) as server, Proxy(("127.0.0.1", server.port), *faults) as proxy:
        for _ in raw:
            with (
                contextlib.suppress(ConnectionResetError, BrokenPipeError),
                socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S) as sock,
            ):
                sock.sendall(raw)
                assert closed(sock)
        counters = server.counters
        until(lambda: counters.connections == len(raw) and counters.open == 0)
        assert counters.rejected == {"cut-frame": len(raw) - 1} and counters.accepted == 0
        with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S) as sock:
            sock.sendall(raw)
            until(lambda: counters.accepted == 1)
    assert [len(one.up) for one in proxy.connections] == list(range(len(raw) + 1))


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_key_is_asked_for(store, transport):
    keys = (b"sesame", b"sesamE", b"sesame2", b"", None)
    with serving(store, key=b"sesame") as server:
        if transport == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for key in keys:
                    sock.sendto(good({0x0E: key}), ("127.0.0.1", server.port))
        else:
            with connect(server, transport) as sock:
                sock.sendall(b"".join(good({0x0E: key}) for key in keys))
        until(lambda: server.counters.received == 5)
    assert server.counters.rejected == {"auth-key": 4} and store.count() == 1
