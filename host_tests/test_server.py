"""The capture server over real sockets on 127.0.0.1, and what hostile peers do to it."""

import asyncio
import contextlib
import json
import os
import pty
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hepmake import frame, good
from sipmake import CALL, CALL_ID, captured, packet, sip
from uhep_tools.ports import free_port
from uhep_tools.server import ListenError, Server, in_thread
from uhep_tools.store import Store
from waiting import PATIENCE_S, until

UHEP = str(Path(sys.executable).parent / "uhep")
VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parent / "vectors/hep3.jsonl").read_text().splitlines()
]


@contextlib.contextmanager
def serving(store, **options):
    with in_thread(Server(store, port=0, **options)) as server:
        yield server


def udp(server, *datagrams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for datagram in datagrams:
            sock.sendto(datagram, ("127.0.0.1", server.port))


def tcp(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)


def closed(sock):
    """True when the server has closed the connection."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def raws(store):
    return sorted(message.raw for call in store.calls(-1) for message in store.messages(call.call))


def test_udp_call_is_stored(store):
    with serving(store) as server:
        udp(server, *captured())
        until(lambda: server.counters.received == 14)
    assert raws(store) == sorted(captured())
    assert store.calls()[0].state == "ended"
    assert (server.counters.accepted, store.written, server.kernel_drops) == (14, 14, 0)


def test_what_was_sent_before_the_stop_is_stored(store):
    with serving(store) as server:
        udp(server, *captured())
    assert store.written == 14


@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
def test_tcp_frames_in_any_pieces(store, size):
    stream = b"".join(captured())
    with serving(store) as server:
        with tcp(server) as sock:
            for start in range(0, len(stream), size):
                sock.sendall(stream[start : start + size])
        until(lambda: server.counters.received == 14 and server.counters.open == 0)
    assert raws(store) == sorted(captured())
    assert server.counters.rejected.total() == 0 and server.counters.connections == 1


def test_many_connections_at_once(store):
    with serving(store) as server, contextlib.ExitStack() as stack:
        socks = [stack.enter_context(tcp(server)) for _ in range(60)]
        for raw in captured():
            for sock in socks:
                sock.sendall(raw[:50])
            for sock in socks:
                sock.sendall(raw[50:])
        until(lambda: server.counters.accepted == 60 * 14)
        assert server.counters.open == 60
    assert store.count() == 60 * 14 and server.counters.open == 0


def test_ipv6(store):
    with serving(store, host="::1") as server:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.sendto(good(), ("::1", server.port))
        with socket.create_connection(("::1", server.port)) as sock:
            sock.sendall(good())
        until(lambda: server.counters.accepted == 2)
    peers = {message.peer[:6] for message in store.messages("c1@192.0.2.10")}
    assert peers == {"[::1]:"}


def test_ipv4_on_an_address_for_both(store):
    """A device's seat in a ladder is told by the address that it sends from."""
    with serving(store, host="::") as server:
        udp(server, good())
        with tcp(server) as sock:
            sock.sendall(good())
        until(lambda: server.counters.accepted == 2)
    peers = {message.peer[:10] for message in store.messages("c1@192.0.2.10")}
    assert peers == {"127.0.0.1:"}


def test_in_process(tmp_path):
    async def run():
        with Store(tmp_path / "uhep.db") as store:
            async with Server(store, port=0) as server:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(b"".join(captured()))
                while server.counters.received < 14:
                    await asyncio.sleep(0.005)
                assert store.calls()[0].messages == 14
            assert await reader.read() == b""
            writer.close()

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))


def test_recorded_vectors(store):
    old = [vector for vector in VECTORS if vector["hep"] != 3]
    with serving(store) as server:
        udp(server, *(bytes.fromhex(vector["hex"]) for vector in VECTORS))
        until(lambda: server.counters.received == len(VECTORS))
    assert store.count() == len(VECTORS) - len(old)
    assert set(server.counters.rejected) == {"hep-v1", "hep-v2"}
    assert {reject.name for reject in store.rejects()} == {"hep-v1", "hep-v2"}
    assert all("please switch to v3" in reject.sentence for reject in store.rejects())


BAD = {
    "too-short": b"",
    "magic": b"GET / HTTP/1.1\r\n\r\n",
    "hep-v2": b"\x02\x10\x02\x11" + bytes(40),
    "total-length": good()[:-1],
    "chunk-overrun": frame(b"\x00\x00\x00\x01\x00\xff\x02"),
    "chunk-length": frame(bytes(6)),
    "missing-chunk": good({0x0C: None}),
    "family": good({0x01: b"\x0a"}),
    "microseconds": good({0x0A: (1_000_000).to_bytes(4, "big")}),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_datagram_is_rejected_with_its_reason(store, name):
    with serving(store) as server:
        udp(server, BAD[name], good())
        until(lambda: server.counters.received == 2)
    (reject,) = store.rejects()
    assert reject.name == name and reject.sentence and reject.size == len(BAD[name])
    assert server.counters.rejected == {name: 1}
    assert store.count() == 1


def test_noise_harms_nothing(store):
    dice = random.Random(3)
    noise = [dice.randbytes(dice.randrange(1, 1400)) for _ in range(200)]
    cut = [good()[: dice.randrange(1, len(good()))] for _ in range(200)]
    bent = []
    for _ in range(200):
        raw = bytearray(good())
        raw[dice.randrange(6, 0x8A)] ^= 1 << dice.randrange(8)
        bent.append(bytes(raw))
    with serving(store) as server:
        udp(server, *noise, *cut, *bent, good())
        until(lambda: server.counters.received == 601)
    counters = server.counters
    assert counters.accepted + counters.rejected.total() == 601
    assert counters.rejected.total() >= 400 and store.count() == counters.accepted
    assert good() in raws(store)


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "magic"),
        (b"HEP3\x00\x05" + bytes(20), "total-length"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "magic"),
    ],
)
def test_framing_fault_ends_the_connection_and_nothing_else(store, stream, name):
    with serving(store) as server, tcp(server) as bad, tcp(server) as fine:
        bad.sendall(good() + stream + good())
        assert closed(bad)
        fine.sendall(good())
        until(lambda: server.counters.accepted == 2)
        assert server.counters.rejected == {name: 1} and server.counters.open == 1


def test_bad_packet_in_a_sound_frame_does_not_end_the_connection(store):
    with serving(store) as server, tcp(server) as sock:
        sock.sendall(BAD["family"] + good())
        until(lambda: server.counters.received == 2)
        assert server.counters.rejected == {"family": 1} and server.counters.open == 1


def test_end_inside_a_frame_is_told(store):
    with serving(store) as server:
        with tcp(server) as sock:
            sock.sendall(good() + good()[:40])
        until(lambda: server.counters.received == 2)
    (reject,) = store.rejects()
    assert reject.name == "cut-frame" and "40 octets of it came" in reject.sentence


def test_frame_that_never_ends_is_given_up(store):
    with serving(store, frame_timeout=0.2) as server, tcp(server) as sock:
        sock.sendall(good() + good()[:40])
        assert closed(sock)
        until(lambda: server.counters.open == 0)
        assert server.counters.rejected == {"slow-frame": 1} and store.count() == 1
        assert "not complete after 0.2 s" in store.rejects()[0].sentence


def test_trickle_does_not_put_the_end_off(store):
    with serving(store, frame_timeout=0.3) as server, tcp(server) as sock:
        for octet in good():
            try:
                sock.sendall(bytes([octet]))
            except OSError:
                break
            if server.counters.rejected:
                break
            time.sleep(0.02)
        assert server.counters.rejected == {"slow-frame": 1}
        assert closed(sock) and store.count() == 0


def test_silent_connection_is_closed(store):
    with serving(store, idle_timeout=0.2, frame_timeout=60) as server, tcp(server) as sock:
        sock.sendall(good())
        assert closed(sock)
        until(lambda: server.counters.idle == 1)
        assert server.counters.rejected.total() == 0 and store.count() == 1


def test_connections_are_limited(store):
    with serving(store, max_connections=2) as server, contextlib.ExitStack() as stack:
        kept = [stack.enter_context(tcp(server)) for _ in range(2)]
        for sock in kept:
            sock.sendall(good())
        until(lambda: server.counters.accepted == 2)
        with tcp(server) as extra:
            assert closed(extra)
        assert server.counters.refused == 1
        kept.pop().close()
        until(lambda: server.counters.open == 1)
        stack.enter_context(tcp(server)).sendall(good())
        until(lambda: server.counters.accepted == 3)


def test_newcomer_gets_the_place_of_the_oldest_that_brought_nothing(store):
    with serving(store, max_connections=3) as server, contextlib.ExitStack() as stack:
        proven, first, second = (stack.enter_context(tcp(server)) for _ in range(3))
        proven.sendall(good())
        first.sendall(BAD["family"])
        until(lambda: server.counters.received == 2 and server.counters.connections == 3)
        stack.enter_context(tcp(server)).sendall(good())
        assert closed(first)
        second.sendall(good())
        proven.sendall(good())
        until(lambda: server.counters.accepted == 4)
        assert server.counters.open == 3 and server.counters.refused == 1


def test_longest_frame(store):
    payload = b"x" * (65535 - len(good({0x0F: b""})))
    raw = good({0x0F: payload})
    assert len(raw) == 65535
    with serving(store) as server, tcp(server) as sock:
        sock.sendall(raw + raw)
        until(lambda: server.counters.accepted == 2)
    assert store.messages("c1@192.0.2.10")[0].raw == raw


@pytest.mark.parametrize(
    ("key", "name"), [(b"sesame", None), (b"sesamE", "wrong"), (b"", "absent"), (None, "absent")]
)
def test_key_is_asked_for(store, key, name):
    with serving(store, key=b"sesame") as server:
        udp(server, good({0x0E: key}))
        until(lambda: server.counters.received == 1)
    if name:
        assert server.counters.rejected == {"auth-key": 1} and store.count() == 0
        assert store.rejects()[0].sentence == f"the authentication key (0x000e) is {name}"
    else:
        assert store.count() == 1


def test_without_a_key_any_key_will_do(store):
    with serving(store) as server:
        udp(server, good({0x0E: b"whatever"}), good({0x0E: None}))
        until(lambda: server.counters.accepted == 2)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_port_in_use(store, kind):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(ListenError, match=f"127.0.0.1:{port} is in use by another"),
            in_thread(Server(store, port=port)),
        ):
            pass


@pytest.mark.parametrize(
    ("host", "sentence"),
    [("192.0.2.77", "does not have that address"), ("no such host", "is no address to listen on")],
)
def test_address_that_is_not_here(store, host, sentence):
    with pytest.raises(ListenError, match=sentence), serving(store, host=host):
        pass


def test_restart_on_the_same_database_and_port(tmp_path):
    port = free_port()
    for part in (captured(CALL[:4]), captured(CALL[4:])):
        with (
            Store(tmp_path / "uhep.db") as store,
            in_thread(Server(store, port=port)) as server,
            tcp(server) as sock,
        ):
            sock.sendall(b"".join(part))
            until(lambda: server.counters.accepted == len(part))  # noqa: B023
    with Store(tmp_path / "uhep.db", create=False) as store:
        assert store.calls()[0].messages == 14 == store.count()


# The verb itself.

INJECTED = packet(
    sip(
        b"INVITE sip:h SIP/2.0",
        b"1 INVITE",
        b"x\x1b[2J\x07[red]",
        users=(b"\x1b]0;a\x07b", b"[bold]script"),
    )
)


@contextlib.contextmanager
def uhep_serve(tmp_path, stdout):
    """The running verb on a free port: (process, port)."""
    port = free_port()
    command = [UHEP, "serve", "--listen", f"127.0.0.1:{port}", "--db", str(tmp_path / "u.db")]
    command += ["--page", "127.0.0.1:0"]
    process = subprocess.Popen(
        command,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120", "LINES": "30"},
    )
    try:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.02)
        yield process, port
    finally:
        process.kill()
        process.wait()


def send(port, *packets):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"".join(packets))


def test_serve_prints_a_line_an_event_where_there_is_no_terminal(tmp_path):
    with uhep_serve(tmp_path, subprocess.PIPE) as (process, port):
        send(port, *captured(), INJECTED, b"garbage\x1b[2J")
        lines = []
        for line in process.stdout:
            lines.append(line.decode().rstrip("\n"))
            if "rejected" in lines[-1]:
                break
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert f"listening on 127.0.0.1:{port}" in lines[0]
    who = rf"INVITE 100 → 200  {CALL_ID.decode()}  \(desk-17, lobby\)"
    for event in ("calling", "ringing", "answered", "ended"):
        assert len([line for line in lines if re.search(rf"\.\d\d\d  {event} +{who}$", line)]) == 1
    assert r"  x\x1b[2J\x07[red]  " in "\n".join(lines)
    assert "magic at offset 0" in lines[-1]
    assert "Stopped. 16 received   15 stored   1 rejected (1 magic)" in rest.decode()
    assert all(line.isprintable() for line in lines + rest.decode().splitlines())


def test_serve_shows_a_table_in_a_terminal(tmp_path):
    master, slave = pty.openpty()
    with uhep_serve(tmp_path, slave) as (process, port):
        os.close(slave)
        send(port, *captured(), INJECTED)
        shown = b""
        while b"ended" not in shown or rb"\x1b[2J\x07[red]" not in shown:
            shown += os.read(master, 65536)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the terminal's end
            while data := os.read(master, 65536):
                shown += data
        assert process.wait(PATIENCE_S) == 0
    os.close(master)
    assert b"Stopped. 15 received   15 stored   0 rejected" in shown
    assert b"[bold]script" in shown and rb"\x1b]0" in shown
    # Neither the title nor the bell of the injected name, nor a clearing of the screen.
    assert b"\x1b]" not in shown and b"\x07" not in shown and b"\x1b[2J\x07" not in shown


def test_serve_on_a_port_in_use(tmp_path):
    with uhep_serve(tmp_path, subprocess.DEVNULL) as (_, port):
        other = subprocess.run(
            [UHEP, "serve", "--listen", f"127.0.0.1:{port}", "--db", str(tmp_path / "v.db")],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    assert other.returncode == 1 and other.stdout == ""
    assert other.stderr == (
        f"uhep serve: 127.0.0.1:{port} is in use by another program; "
        "stop it, or choose another port\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--listen", "127.0.0.1:70000"],
            "the port must be a number from 0 to 65535, not '70000'",
        ),
        (
            ["--key", ""],
            "the key is empty; leave --key out to accept packets with any key or none",
        ),
        (["--db", "no/folder/u.db"], "no/folder/u.db: unable to open database file"),
    ],
)
def test_serve_with_wrong_options(tmp_path, arguments, sentence):
    found = subprocess.run(
        [UHEP, "serve", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert found.returncode == 1
    assert found.stderr.startswith("uhep serve: ") and found.stderr.endswith(sentence + "\n")
