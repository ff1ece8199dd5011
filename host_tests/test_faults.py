"""The proxies that break connections do exactly what they are told."""

import contextlib
import errno
import socket
import ssl
import threading
import time

import pytest
from faults import Fault, Proxy
from faults_udp import UdpProxy
from hepmake import good
from uhep_tools.certs import Authority
from uhep_tools.faults import HepError
from uhep_tools.tls import server_context
from waiting import PATIENCE_S, until


class Collector:
    """Reads all that comes, a bytearray a connection, and answers the first octets."""

    def __init__(self, answer=b"hello"):
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.heard = []
        self.how = []  # "end" or "reset", in the order in which connections end
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.heard.append(bytearray())
                thread = threading.Thread(target=self._read, args=(sock, self.heard[-1]))
                self._threads.append(thread)
                thread.start()

    def _read(self, sock, heard):
        with sock:
            try:
                while data := sock.recv(65536):
                    heard += data
                    if len(heard) == len(data):
                        sock.sendall(self._answer)
                self.how.append("end")
            except ConnectionResetError:
                self.how.append("reset")


@pytest.fixture
def collector():
    with Collector() as running:
        yield running


def connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S)


def ending(sock, octets=b""):
    """What a client meets when it sends this and reads to the end: "end" or "reset"."""
    try:
        if octets:
            sock.sendall(octets)
        while sock.recv(65536):
            pass
        return "end"
    except (ConnectionResetError, BrokenPipeError):
        return "reset"


def meeting(proxy, octets=b""):
    """As ending, of a new connection."""
    try:
        with connect(proxy) as sock:
            return ending(sock, octets)
    except ConnectionResetError:  # before connect() was done
        return "reset"


def test_without_a_fault_everything_passes_both_ways(collector):
    octets = bytes(range(256)) * 4000
    with Proxy(collector.address) as proxy, connect(proxy) as sock:
        sock.sendall(octets)
        assert sock.recv(5, socket.MSG_WAITALL) == b"hello"
        sock.shutdown(socket.SHUT_WR)
        assert ending(sock) == "end"
        until(lambda: proxy.connections[0].over and collector.how)
    assert collector.heard == [octets] and collector.how == ["end"]
    assert (proxy.connections[0].up, proxy.connections[0].down) == (octets, b"hello")


@pytest.mark.parametrize("after", [0, 1, 77, 100])
def test_reset_after_so_many_octets(collector, after):
    with Proxy(collector.address, Fault("reset", after=after)) as proxy:
        assert meeting(proxy, bytes(100)) == "reset"
        with connect(proxy) as sock:  # the next one works
            sock.sendall(b"again")
            assert sock.recv(5, socket.MSG_WAITALL) == b"hello"
        until(lambda: len(collector.how) == 2)
    assert [len(heard) for heard in collector.heard] == [after, 5]
    assert collector.how[0] == "reset"
    assert [bytes(one.up) for one in proxy.connections] == [bytes(after), b"again"]


@pytest.mark.parametrize(
    ("to", "client", "server"), [("client", "reset", "end"), ("server", "end", "reset")]
)
def test_reset_of_one_end(to, client, server):
    # An answer that the proxy closes over would be a reset for the collector.
    fault = Fault("reset", after=10, to=to)
    with Collector(answer=b"") as collector, Proxy(collector.address, fault) as proxy:
        assert meeting(proxy, bytes(10)) == client
        until(lambda: collector.how)
    assert collector.how == [server] and collector.heard == [bytes(10)]


def test_reset_after_octets_of_the_server(collector):
    fault = Fault("reset", after=3, back=True)
    with Proxy(collector.address, fault) as proxy:
        assert meeting(proxy, bytes(50)) == "reset"
        until(lambda: collector.how)
    assert collector.heard == [bytes(50)] and proxy.connections[0].down == b"hel"


def test_close_at_once(collector):
    with Proxy(collector.address, Fault("close")) as proxy:
        assert meeting(proxy) == "end"
        until(lambda: collector.how)
    assert collector.how == ["end"] and collector.heard == [b""]


def test_stall_fills_the_buffers_of_the_client(collector):
    with (
        Proxy(collector.address, Fault("stall"), receive_buffer=4096) as proxy,
        connect(proxy) as sock,
    ):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            for _ in range(100):
                sock.sendall(bytes(10_000))
        assert proxy.connections[0].up == b"" and not proxy.connections[0].over
    assert collector.heard == [b""]


def test_delay_keeps_the_order(collector):
    with Proxy(collector.address, Fault(delay_s=0.02)) as proxy, connect(proxy) as sock:
        for number in range(10):
            sock.sendall(bytes([number]) * 100)
            time.sleep(0.001)
        until(lambda: collector.heard and len(collector.heard[0]) == 1000)
    assert collector.heard[0] == b"".join(bytes([number]) * 100 for number in range(10))


def test_frozen_until_thawed(collector):
    with Proxy(collector.address) as proxy:
        proxy.freeze()
        with connect(proxy) as sock:
            sock.sendall(b"waits")
            until(lambda: collector.heard)
            time.sleep(0.05)
            assert collector.heard == [b""]
            proxy.thaw()
            assert sock.recv(5, socket.MSG_WAITALL) == b"hello"
    assert collector.heard == [b"waits"]


def test_outage(collector):
    with Proxy(collector.address) as proxy:
        with connect(proxy) as sock:
            sock.sendall(b"before")
            assert sock.recv(5, socket.MSG_WAITALL) == b"hello"
            with proxy.outage():
                assert ending(sock) == "reset"
                for _ in range(3):
                    with pytest.raises(ConnectionRefusedError):
                        connect(proxy)
        with connect(proxy) as sock:
            sock.sendall(b"after")
            assert sock.recv(5, socket.MSG_WAITALL) == b"hello"
    assert collector.heard == [b"before", b"after"] and collector.how[0] == "reset"


def test_collector_that_is_not_there():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with Proxy(address) as proxy:
        assert meeting(proxy) == "reset"


def test_faults_may_be_changed_on_the_way(collector):
    with Proxy(collector.address) as proxy:
        proxy.then(Fault("close"), Fault("reset"))
        assert [meeting(proxy), meeting(proxy)] == ["end", "reset"]


def test_tls_is_ended_and_octets_count_in_the_clear(collector, tmp_path):
    authority = Authority()
    files = authority.issue("localhost").write(tmp_path, "server")
    client = ssl.create_default_context(cadata=authority.certificate.decode())
    faults = Fault("close"), Fault("reset", after=30)
    with Proxy(collector.address, *faults, tls=server_context(*files)) as proxy:
        with client.wrap_socket(connect(proxy), server_hostname="localhost") as sock:
            assert sock.recv(1) == b""  # closed after the handshake
        with client.wrap_socket(connect(proxy), server_hostname="localhost") as sock:
            ending(sock, bytes(100))  # ssl does not tell a reset from the end
        with client.wrap_socket(connect(proxy), server_hostname="localhost") as sock:
            sock.sendall(b"clear")
            assert sock.recv(5) == b"hello"
        until(lambda: len(collector.how) == 3)
    assert collector.heard == [b"", bytes(30), b"clear"] and collector.how.count("reset") == 1


def test_frames_of_a_connection(collector):
    raw = good()
    with Proxy(collector.address, Fault("reset", after=2 * len(raw) + 40)) as proxy:
        assert meeting(proxy, raw * 3) == "reset"
        with connect(proxy) as sock:
            sock.sendall(raw[40:])
            sock.recv(5)
    assert proxy.connections[0].frames() == ([raw, raw], raw[:40])
    with pytest.raises(HepError, match="magic"):
        proxy.connections[1].frames()


@contextlib.contextmanager
def udp_pair(**options):
    """(receiving socket, proxy, sending socket connected to it)"""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        end.bind(("127.0.0.1", 0))
        end.settimeout(PATIENCE_S)
        with UdpProxy(end.getsockname(), **options) as proxy:
            sock.connect(("127.0.0.1", proxy.port))
            yield end, proxy, sock


def lost_of_200(seed):
    with udp_pair(drop=0.3, seed=seed) as (end, proxy, sock):
        sent = [b"%d" % number for number in range(200)]
        for datagram in sent:
            sock.send(datagram)
        until(lambda: len(proxy.passed) + len(proxy.dropped) == 200)
        heard = [end.recv(100) for _ in proxy.passed]
    assert heard == proxy.passed
    assert sorted(heard + proxy.dropped) == sorted(sent)
    return proxy.dropped


def test_udp_loses_its_share_by_seed():
    lost = lost_of_200(seed=1)
    assert 40 < len(lost) < 80
    assert lost == lost_of_200(seed=1) != lost_of_200(seed=2)


def test_udp_refused_for_a_time():
    with udp_pair() as (end, proxy, sock):
        sock.send(b"a")
        assert end.recv(10) == b"a"
        proxy.refuse()
        for _ in range(2):
            sock.send(b"b")
            with pytest.raises(ConnectionRefusedError) as refused:
                sock.settimeout(PATIENCE_S)
                sock.recv(1)
            assert refused.value.errno == errno.ECONNREFUSED
        proxy.accept()
        sock.send(b"c")
        assert end.recv(10) == b"c"
    assert proxy.passed == [b"a", b"c"]
