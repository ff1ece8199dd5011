"""uhep load: the calls are sound, come at their rate, and what is missing is said."""

import itertools
import socket

import pytest
from sipmake import START_US
from typer.testing import CliRunner
from uhep_tools.cli import app
from uhep_tools.hep import decode
from uhep_tools.load.traffic import MEAN_PACKETS, Traffic, stream
from uhep_tools.server import Server, in_thread


def run(*args):
    done = CliRunner().invoke(app, ["load", *map(str, args)])
    return done.exit_code, done.output


def test_calls_are_sound(store):
    """The strict decoder takes each packet; the store sees calls of every kind that end."""
    traffic = Traffic(10, key=b"sesame")
    packets = [sent for n in range(300) for sent in traffic.call(START_US + n * 60_000_000)]
    for sent in packets:
        packet = decode(sent.packet)
        assert packet.faults == [] and packet.key == b"sesame"
        store.add(packet, sent.packet, "127.0.0.1:9")
    states = {call.state for call in store.calls(-1)}
    assert {"ended", "cancelled", "486 Busy Here", "404 Not Found", "200 OK"} <= states
    assert states <= {*("ended", "cancelled", "486 Busy Here", "404 Not Found", "200 OK")} | {
        "503 Service Unavailable"
    }
    assert len(store.calls(-1)) == 300 and {status.why for _, status in store.statuses()} == {
        "time"
    }
    assert 0.8 < len(packets) / 300 / MEAN_PACKETS < 1.2


def test_the_same_seed_makes_the_same_calls():
    def made(seed):
        packets = stream(Traffic(10, seed=seed), START_US, 10)
        return [sent.packet for sent in itertools.islice(packets, 500)]

    assert made(1) == made(1) != made(2)


def test_stream_is_in_order():
    times = [sent.after_us for sent in itertools.islice(stream(Traffic(10), START_US, 50), 2000)]
    assert times == sorted(times) and times[-1] > 1_000_000


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_all_of_it_is_found(store, transport, monkeypatch):
    monkeypatch.setattr("uhep_tools.commands.load.BEHIND_S", 60)  # a busy machine
    options = ("--rate", 400, "--seconds", 1, "--transport", transport, "--db", store.path)
    with in_thread(Server(store, port=0)) as server:
        status, output = run(f"127.0.0.1:{server.port}", *options)
    assert status == 0, output
    assert "400 packets of" in output and "octet for octet" in output
    assert server.counters.accepted == 400 == store.count()
    assert ("every octet was acknowledged" in output) == (transport == "tcp")


def test_what_is_missing_is_said(store, monkeypatch):
    monkeypatch.setattr("uhep_tools.commands.load.PATIENCE_S", 0.5)
    with in_thread(Server(store, port=0, key=b"other")) as server:
        where = f"127.0.0.1:{server.port}"
        status, output = run(where, "--rate", 2000, "--seconds", 0.1, "--db", store.path)
    assert status == 1
    assert "failed: 200 of 200 packets are not in" in " ".join(output.split())


def test_nobody_listens():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{udp.getsockname()[1]}"
    status, output = run(where, "--rate", 100, "--seconds", 0.2)
    assert status == 1 and "refused by ICMP" in output
    status, output = run(where, "--transport", "tcp")
    assert status == 1 and "can not be reached" in output


def test_collector_that_stops_reading(monkeypatch):
    monkeypatch.setattr("uhep_tools.load.offer._LINGER_S", 0.2)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        where = f"127.0.0.1:{sock.getsockname()[1]}"
        status, output = run(where, "--transport", "tcp", "--rate", 1e5, "--seconds", 1000)
    assert status == 1 and "the collector has read nothing for 0.2 s, after" in output


def test_a_run_of_less_than_a_packet(store):
    with in_thread(Server(store, port=0)) as server:
        args = (f"127.0.0.1:{server.port}", "--rate", 5, "--seconds", 0.1, "--db", store.path)
        status, output = run(*args)
    assert status == 0 and "1 packet of 1 call offered" in output


def test_two_runs_make_two_sets_of_calls(store, monkeypatch):
    monkeypatch.setattr("uhep_tools.commands.load.BEHIND_S", 60)  # a busy machine
    with in_thread(Server(store, port=0)) as server:
        args = (f"127.0.0.1:{server.port}", "--rate", 1000, "--seconds", 0.1, "--db", store.path)
        assert run(*args)[0] == 0
        first = {call.call: call.messages for call in store.calls(-1)}
        assert run(*args)[0] == 0
    both = {call.call: call.messages for call in store.calls(-1)}
    assert first.items() < both.items()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["127.0.0.1", "--rate", "inf"], "--rate inf --seconds 10: numbers with an end"),
        (["127.0.0.1", "--seconds", "inf"], "--rate 200 --seconds inf: numbers with an end"),
        (["127.0.0.1:x"], "must be a number"),
        (["127.0.0.1", "--transport", "sctp"], "udp or tcp would be right"),
        (["127.0.0.1", "--key", ""], "the key is empty"),
    ],
)
def test_what_load_refuses(args, said):
    status, output = run(*args)
    assert status == 1 and said in output
