"""TLS: what the library was given it gets again, and nothing goes before the collector's proof.

Real handshakes are in test_link_tls.py; here a stream behaves as mbedTLS does.
"""

import sys

from network_doubles import Network, Sock, agent, poll, put, serials


class Library:
    """Stands for a TLS context and its sockets. A record that the network does not take is
    kept, and the next write must be for the same octets. `shaken` ends the handshake."""

    def __init__(self):
        self.shaken = False
        self.error = None
        self.held = None
        self.stuck = False
        self.names = []
        self.stream = b""
        self.certificate = b"certificate"

    def wrap_socket(self, sock, server_hostname, do_handshake_on_connect):
        assert do_handshake_on_connect is False
        self.names.append(server_hostname)
        return self

    def readinto(self, buf):
        self._shake()
        return None

    def _shake(self):
        if self.error:
            raise self.error

    def do_handshake(self):  # CPython's
        self._shake()
        if not self.shaken:
            raise BlockingIOError

    def getpeercert(self, binary):
        return self.certificate

    def write(self, buf, at, n):
        if not self.shaken:
            return None
        data = bytes(buf[at : at + min(n, 4096)])
        if self.held is not None:
            assert data == self.held, (data[:20], self.held[:20])
        if self.stuck:
            self.held = data
            return None
        self.held = None
        self.stream += data
        return len(data)

    def close(self):
        self.stream += b""


def tls(**more):
    config = {"transport": "tls", "tls_verify": "none", "status_s": 0}
    config.update(more)
    a = agent(**config)
    a.link._context = Library()
    return a, a.link._context


def test_each_octet_once_whatever_the_network_takes():
    for size in (60, 2000, 9000):  # also more than one record of 4096 octets
        for turns in (1, 2, 3):
            with Network():
                a, library = tls(max_packet=20000, queue_bytes=60000)
                library.shaken = True
                for i in range(5):
                    put(a, i, size)
                for turn in range(200):
                    library.stuck = turn % (turns + 1) != 0
                    poll(a, 1)
            got = serials(library.stream)
            assert got == ([0, 1, 2, 3, 4], b""), (size, turns, got[0], len(got[1]))
            assert a.stats()["sent"] == 5


def test_what_the_library_holds_is_not_evicted():
    with Network():
        a, library = tls(queue_bytes=2048)
        library.shaken = True
        put(a, 0)
        poll(a)
        library.stuck = True
        sent = 1
        for i in range(1, 60):
            sent += a.capture(a.line, 1, b"%04d" % i + bytes(96), 100)
            poll(a, 1)
        library.stuck = False
        poll(a, 60)
    got, rest = serials(library.stream)
    assert rest == b"" and got[:2] == [0, 1] and got == sorted(got)
    s = a.stats()
    assert s["captured"] == 60 == s["sent"] + s["dropped"] and s["sent"] == len(got)
    assert s["dropped"] > 0


def test_nothing_goes_during_the_handshake():
    with Network() as net:
        a, library = tls()
        for i in range(3):
            put(a, i)
        assert poll(a) == 0 and a.link.status == "handshake" and library.stream == b""
        library.shaken = True
        assert poll(a) == 3
    assert serials(library.stream) == ([0, 1, 2], b"") and net.socks[0].stream == b""
    assert a.stats()["connects"] == 1


def test_eviction_during_the_handshake():
    with Network():
        a, library = tls(queue_bytes=1024)
        for i in range(50):
            put(a, i)
            poll(a, 1)
        library.shaken = True
        poll(a)
    got, rest = serials(library.stream)
    assert rest == b"" and got == list(range(50 - len(got), 50)) and got


def test_refused_certificates_are_tried_again_later():
    with Network() as net:
        a, library = tls()
        put(a, 1)
        library.error = ValueError("\nThe certificate validity has expired\n")
        poll(a, 10, 10)
        assert a.link.status == "failed: The certificate validity has expired"
        assert net.socks[0].closed and len(net.socks) == 1
        poll(a, 5, 1000)
        assert len(net.socks) > 1 and a.stats()["waiting"] == 1
        library.error = None
        library.shaken = True
        poll(a, 30, 1000)
    assert serials(library.stream) == ([1], b"")


def test_a_handshake_that_never_ends():
    with Network() as net:
        a, library = tls(stall_s=5)
        put(a, 1)
        poll(a, 9, 1000)
    assert net.socks[0].closed and a.stats()["errors"] >= 1


def test_no_authority_before_the_time_is_known():
    with Network() as net:
        a, library = tls(tls_ca="/ca.pem", tls_verify="full")
        put(a, 1)
        a.clock.is_set = False
        assert a.link.open() is False
        assert a.link.status == "waiting for the time" and not net.socks
        a.clock.set(1767225600)
        library.shaken = True
        poll(a)
    assert serials(library.stream) == ([1], b"")


def test_a_pin_needs_no_time():
    pin = "21:9e:66:fb:00:" + "00" * 27
    with Network() as net:
        a, library = tls(tls_pin=pin, tls_verify="full")
        a.clock.is_set = False
        assert a.link.open() is False
    assert len(net.socks) == 1 and a.link.status == "handshake"


def test_another_certificate_than_the_pinned():
    with Network() as net:
        a, library = tls(tls_pin="00" * 32, tls_verify="full")
        put(a, 1)
        if sys.implementation.name == "micropython":
            # mbedTLS asks about each certificate, and ends the handshake for a refusal.
            assert a.link._check(library.certificate, 0) != 0
            assert a.link._check(b"the authority's", 1) == 0
            library.error = OSError(-0x3000)
        library.shaken = True
        poll(a)
    assert a.link.status == "failed: the certificate is not the one of tls_pin"
    assert net.socks[0].closed and library.stream == b""


def test_the_name_that_is_asked_for():
    for more, name in (
        ({"capture_address": "collector.example:9061"}, "collector.example"),
        ({"capture_address": "192.0.2.9:9061", "tls_name": "homer"}, "homer"),
    ):
        with Network():
            a, library = tls(**more)
            poll(a)
        assert library.names == [name]


def test_files_that_are_not_there():
    with Network(Sock()) as net:
        a = agent(transport="tls", tls_ca="/no/such/file")
        put(a, 1)
        poll(a)
    why = ("/no/such/file can not be read", "this build has no TLS")
    assert a.link.status in ["failed: " + text for text in why], a.link.status
    assert net.socks[0].closed and a.stats()["waiting"] == 1
