"""The capture server over TLS: good clients, bad ones, and certificates of every kind."""

import contextlib
import socket
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hepmake import good
from sipmake import captured
from uhep_tools.certs import Authority, own_identity
from uhep_tools.server import ListenError, Server, in_thread
from uhep_tools.tls import TlsError, fingerprint, server_context
from waiting import PATIENCE_S, until

UHEP = str(Path(sys.executable).parent / "uhep")
AUTHORITY = Authority()
SERVER = AUTHORITY.issue("localhost", "127.0.0.1", "::1")
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@contextlib.contextmanager
def serving(store, identity=SERVER, client_ca=None, **options):
    """A running server with this certificate; client_ca: an Authority."""
    folder = store.path.parent / "certificates"
    folder.mkdir()
    files = identity.write(folder, "server")
    if client_ca:
        (folder / "clients.pem").write_bytes(client_ca.certificate)
    context = server_context(*files, client_ca and folder / "clients.pem")
    with in_thread(Server(store, port=0, tls=context, tls_port=0, **options)) as server:
        yield server


def plain(server):
    """TCP to the port of TLS."""
    return socket.create_connection(("127.0.0.1", server.tls_port), timeout=PATIENCE_S)


def trusting(authority=AUTHORITY):
    return ssl.create_default_context(cadata=authority.certificate.decode())


def secure(server, context=None, name="localhost"):
    return (context or trusting()).wrap_socket(plain(server), server_hostname=name)


def closed(sock):
    try:
        return sock.recv(1) == b""
    except (ConnectionResetError, ssl.SSLError):
        return True


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("size", [7, 100_000])
def test_frames_in_any_pieces(store, version, size):
    context = trusting()
    context.minimum_version = context.maximum_version = version
    stream = b"".join(captured())
    with serving(store) as server:
        with secure(server, context) as sock:
            for start in range(0, len(stream), size):
                sock.sendall(stream[start : start + size])
        until(lambda: server.counters.received == 14 and server.counters.open == 0)
    raws = [message.raw for message in store.messages(store.calls()[0].call)]
    assert sorted(raws) == sorted(captured())
    assert not server.counters.rejected and not server.counters.tls_failed


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_every_name_is_good(store, name):
    with serving(store) as server, secure(server, name=name) as sock:
        sock.sendall(good())
        until(lambda: server.counters.accepted == 1)


def test_tcp_and_udp_beside_it(store):
    with serving(store) as server, secure(server) as sock:
        sock.sendall(good())
        with socket.create_connection(("127.0.0.1", server.port)) as tcp:
            tcp.sendall(good())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(good(), ("127.0.0.1", server.port))
        until(lambda: server.counters.accepted == 3)
    assert server.counters.connections == 2


def test_end_without_a_goodbye_keeps_what_came(store):
    with serving(store) as server:
        sock = secure(server)
        sock.sendall(good() * 50)
        socket.socket(fileno=sock.detach()).close()
        until(lambda: server.counters.accepted == 50 and server.counters.open == 0)
    assert not server.counters.tls_failed


def test_client_gets_an_orderly_end(store):
    with serving(store, idle_timeout=0.1) as server:
        with trusting().wrap_socket(
            plain(server), server_hostname="localhost", suppress_ragged_eofs=False
        ) as sock:
            assert sock.recv(1) == b""
        until(lambda: server.counters.open == 0)
    assert server.counters.idle == 1


# What a client sends in place of a handshake -> the reason that is counted.
NO_HANDSHAKE = {
    "HEP": (good(), "tls-magic"),
    "HTTP": (b"GET / HTTP/1.1\r\n\r\n", "tls-magic"),
    "zeros": (bytes(500), "tls-magic"),
    "a record of another kind": (b"\x17\x03\x03\x00\x10" + bytes(16), "tls-handshake"),
    "a hello of garbage": (b"\x16\x03\x01\x00\x40" + b"\xff" * 64, "tls-handshake"),
    "a hello that is too long": (b"\x16\x03\x01\xff\xff" + bytes(65535), "tls-handshake"),
}


@pytest.mark.parametrize("what", NO_HANDSHAKE)
def test_garbage_in_place_of_a_handshake(store, what):
    octets, name = NO_HANDSHAKE[what]
    with serving(store) as server, secure(server) as fine, plain(server) as bad:
        with contextlib.suppress(OSError):
            bad.sendall(octets)
        until(lambda: server.counters.tls_failed)
        while not closed(bad):  # an alert may come first
            pass
        assert server.counters.tls_failed == {name: 1} and server.counters.received == 0
        fine.sendall(good())
        until(lambda: server.counters.accepted == 1 and server.counters.open == 1)
    (reject,) = store.rejects()
    assert (reject.name, reject.size) == (name, 0) and reject.sentence


def test_handshake_that_never_ends(store):
    with (
        serving(store, handshake_timeout=0.2) as server,
        plain(server) as mute,
        plain(server) as slow,
    ):
        slow.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert closed(mute) and closed(slow)
        until(lambda: server.counters.open == 0)
    assert server.counters.tls_failed == {"tls-timeout": 2}
    assert "not complete after 0.2 s" in store.rejects()[0].sentence


def test_handshake_of_one_octet_a_time(store):
    with serving(store, handshake_timeout=0.3) as server, plain(server) as slow:
        with contextlib.suppress(OSError):
            for octet in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + bytes(500):
                slow.sendall(bytes([octet]))
                if server.counters.tls_failed:
                    break
                time.sleep(0.01)
        assert closed(slow) and server.counters.tls_failed == {"tls-timeout": 1}


def test_client_that_leaves_during_the_handshake(store):
    with serving(store) as server:
        plain(server).close()
        with plain(server) as sock:
            sock.sendall(b"\x16\x03\x01")
        until(lambda: server.counters.tls_failed == {"tls-closed": 2})
        until(lambda: server.counters.open == 0)


def test_old_tls_is_refused(store):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with serving(store) as server:
        with pytest.raises(OSError):
            secure(server, context)
        until(lambda: server.counters.tls_failed == {"tls-version": 1})


def test_record_that_was_tampered_with(store):
    with serving(store) as server:
        sock = secure(server)
        sock.sendall(good() + good()[:40])
        until(lambda: server.counters.accepted == 1)
        with socket.socket(fileno=sock.detach()) as below:
            below.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
            until(lambda: server.counters.open == 0)
    assert server.counters.tls_failed == {"tls-record": 1}
    assert server.counters.rejected == {"cut-frame": 1}


# Certificates that a client must refuse: what the server has -> what the client says.
REFUSED = {
    "of another CA": (Authority().issue("localhost"), "self-signed|unable to get local issuer"),
    "expired": (AUTHORITY.issue("localhost", end=YESTERDAY), "expired"),
    "wrong name": (AUTHORITY.issue("collector.example"), "mismatch"),
    "for clients": (AUTHORITY.issue("localhost", client=True), "purpose"),
    "not valid yet": (
        AUTHORITY.issue("localhost", start=datetime.now(UTC) + timedelta(days=1)),
        "not yet valid",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_certificate_that_a_client_refuses(store, what):
    identity, sentence = REFUSED[what]
    with serving(store, identity) as server:
        with pytest.raises(ssl.SSLCertVerificationError, match=sentence):
            secure(server)
        until(lambda: server.counters.tls_failed)
        until(lambda: server.counters.open == 0)
        assert server.counters.tls_failed.total() == 1


def test_what_the_client_says_is_told(store):
    with serving(store, Authority().issue("localhost")) as server:
        with pytest.raises(ssl.SSLError):
            secure(server)
        until(lambda: server.counters.tls_failed == {"tls-refused": 1})
    assert store.rejects()[0].sentence == "the client ended the TLS handshake: unknown ca"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificates(store, tmp_path, version):
    clients = Authority("clients")
    shown = {
        "desk-17": clients.issue("desk-17", client=True),
        "expired": clients.issue("desk-17", client=True, end=YESTERDAY),
        "stranger": AUTHORITY.issue("desk-17", client=True),
        "none": None,
    }
    with serving(store, client_ca=clients) as server:
        for name, identity in shown.items():
            context = trusting()
            context.minimum_version = context.maximum_version = version
            if identity:
                context.load_cert_chain(*identity.write(tmp_path, name))
            # TLS 1.3: the client learns it only afterwards.
            with contextlib.suppress(OSError), secure(server, context) as sock:
                sock.sendall(good())
                until(lambda: server.counters.accepted == 1)
                if name != "desk-17":
                    assert closed(sock)
        until(lambda: server.counters.tls_failed.total() == 3)
    assert server.counters.accepted == 1
    assert server.counters.tls_failed == {
        "tls-client-certificate": 2,
        "tls-no-client-certificate": 1,
    }
    assert any("certificate has expired" in reject.sentence for reject in store.rejects())


def test_micropython_verifies_and_sends(store, tmp_path, micropython):
    """The stock build reads DER only, and verifies addresses as well as names."""
    (tmp_path / "ca.der").write_bytes(ssl.PEM_cert_to_DER_cert(AUTHORITY.certificate.decode()))
    (tmp_path / "frame").write_bytes(good())
    script = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.verify_mode = ssl.CERT_REQUIRED
context.load_verify_locations(cadata=open("ca.der", "rb").read())
sock = socket.socket()
sock.connect(socket.getaddrinfo("127.0.0.1", int(sys.argv[1]))[0][-1])
sock = context.wrap_socket(sock, server_hostname=sys.argv[2])
sock.write(open("frame", "rb").read())
sock.close()
"""
    (tmp_path / "client.py").write_text(script)
    ended = {}
    with serving(store) as server:
        for name in ("localhost", "127.0.0.1", "192.0.2.1", "collector.example"):
            command = [micropython, "client.py", str(server.tls_port), name]
            ended[name] = subprocess.run(command, cwd=tmp_path, capture_output=True).returncode
        until(lambda: server.counters.accepted == 2 and server.counters.tls_failed.total() == 2)
    assert ended == {"localhost": 0, "127.0.0.1": 0, "192.0.2.1": 1, "collector.example": 1}


# Making and loading certificates.


def test_own_identity_is_made_once(tmp_path):
    folder = tmp_path / "new" / "uhep-tls"
    made = own_identity(folder, "192.0.2.9")
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(kept) == ["ca.pem", "server-key.pem", "server.pem"]
    assert own_identity(folder, "192.0.2.9") == made
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept
    assert [path.name for path in folder.parent.iterdir()] == ["uhep-tls"]
    ca, certificate, key = made
    assert key.stat().st_mode & 0o777 == 0o600 and folder.stat().st_mode & 0o777 == 0o700
    verified = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", ca, certificate])
    assert verified.returncode == 0
    printed = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"]
        + ["-ext", "subjectAltName"],
        capture_output=True,
        text=True,
    ).stdout
    assert fingerprint(certificate) in printed.replace(":", "").lower()
    for name in ("127.0.0.1", "0:0:0:0:0:0:0:1", "localhost", socket.gethostname(), "192.0.2.9"):
        assert f":{name}" in printed


def test_files_that_can_not_be_used(tmp_path):
    certificate, key = SERVER.write(tmp_path, "server")
    _, other = AUTHORITY.issue("localhost").write(tmp_path, "other")
    (tmp_path / "text").write_text("hello")
    locked = tmp_path / "locked.pem"
    subprocess.run(
        ["openssl", "ec", "-in", key, "-out", locked, "-aes128", "-passout", "pass:x"],
        check=True,
        capture_output=True,
    )
    for arguments, sentence in (
        ((certificate, tmp_path / "no"), "no: there is no such file"),
        ((certificate, other), "do not belong together"),
        ((tmp_path / "text", key), "can not be used"),
        ((tmp_path, key), "can not be read"),
        ((certificate, locked), "the private key is encrypted"),
        ((certificate, key, tmp_path / "text"), "text can not be used"),
        ((certificate, key, tmp_path / "no"), "no: there is no such file"),
    ):
        with pytest.raises(TlsError, match=sentence):
            server_context(*arguments)
    with pytest.raises(TlsError, match="holds no PEM certificate"):
        fingerprint(tmp_path / "text")


def test_tls_port_in_use(store):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with (
            pytest.raises(ListenError, match=f"127.0.0.1:{port} is in use by another"),
            in_thread(Server(store, port=0, tls=context, tls_port=port)),
        ):
            pass


# The verb itself.


@contextlib.contextmanager
def uhep_serve(folder, *arguments):
    """The running verb: (what it printed first, its TLS port)."""
    command = [UHEP, "serve", "--listen", "127.0.0.1:0", "--tls", "0", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        first = process.stdout.readline()
        assert process.stdout.readline().startswith("page: http://127.0.0.1:")
        yield process, int(first.split(" TLS")[0].rpartition(" ")[2])
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def test_serve_makes_a_certificate_and_says_how_to_trust_it(tmp_path):
    pins = []
    for _ in range(2):
        with uhep_serve(tmp_path) as (process, port):
            authority, pin = process.stdout.readline(), process.stdout.readline()
            assert authority == "TLS CA (tls_ca): uhep-tls/ca.pem\n"
            context = ssl.create_default_context(cafile=tmp_path / "uhep-tls/ca.pem")
            address = ("127.0.0.1", port)
            with context.wrap_socket(
                socket.create_connection(address), server_hostname="127.0.0.1"
            ) as sock:
                sock.sendall(captured()[0])
            pins.append(pin)
            assert "calling" in process.stdout.readline()
    assert pins[0] == pins[1]
    shown = fingerprint(tmp_path / "uhep-tls/server.pem")
    assert pins[0] == f"TLS certificate (tls_pin): {shown}\n"


def test_serve_with_a_certificate_of_ones_own(tmp_path):
    certificate, key = SERVER.write(tmp_path, "mine")
    with uhep_serve(tmp_path, "--cert", certificate, "--key-file", key) as (process, port):
        assert (
            process.stdout.readline() == f"TLS certificate (tls_pin): {fingerprint(certificate)}\n"
        )
        with trusting().wrap_socket(
            socket.create_connection(("127.0.0.1", port)), server_hostname="localhost"
        ) as sock:
            sock.sendall(b"nonsense")
        assert "rejected  magic" in process.stdout.readline()
    assert not (tmp_path / "uhep-tls").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--cert", "a.pem"], "a certificate without --tls PORT has no use"),
        (["--tls", "0", "--key-file", "a.pem"], "--key-file is there without --cert"),
        (["--tls", "0", "--cert", "a.pem"], "a.pem: there is no such file"),
    ],
)
def test_serve_with_wrong_options(tmp_path, arguments, sentence):
    found = subprocess.run(
        [UHEP, "serve", *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert found.returncode == 1 and f"uhep serve: {sentence}" in found.stderr
