"""The agent and `uhep serve` in networks of their own, and a wire that loses packets."""

import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from linkmake import Sender, account, stored, undisturbed
from peers import lossy
from uhep_tools.store import Store
from waiting import until

UHEP = str(Path(sys.executable).parent / "uhep")
PORT = 9060


@contextmanager
def collector(wire, folder):
    """`uhep serve` beyond the wire; its store, open for reading while it writes."""
    database = folder / "uhep.db"
    listen = ["--listen", f"{lossy.COLLECTOR}:{PORT}", "--db", str(database), "--no-page"]
    server = wire.collector.submit(
        subprocess.Popen, [UHEP, "serve", *listen], stdout=subprocess.PIPE, text=True
    ).result()
    try:
        assert "listening" in server.stdout.readline()
        with Store(database, create=False) as store:
            yield store
    finally:
        server.terminate()
        server.communicate(timeout=30)


def send(wire, interpreter, count, every_ms, **config):
    def start(*args, **options):
        return wire.device.submit(subprocess.Popen, *args, **options).result()

    address = f"{lossy.COLLECTOR}:{PORT}"
    return Sender(interpreter, count, every_ms, start=start, capture_address=address, **config)


def arrived(store, count):
    return lambda: (numbers := stored(store)) and numbers[-1] == count - 1


@pytest.mark.parametrize("seed", [1, 2])
def test_tcp_brings_all_through_a_loss_of_30_percent(micropython, tmp_path, seed):
    with lossy.lossy(0.3, seed) as wire, collector(wire, tmp_path) as store:
        # TCP waits twice as long after each loss of the same segment: eight in a row take 50 s.
        sender = send(wire, micropython, 60, 1, stall_s=3600).wait(300)
        until(arrived(store, 60), seconds=300)
        assert account(store, sender.stats, 60) == list(range(60))
        assert wire.lost > 5 and sender.stats["unconfirmed"] == 0


def test_udp_loses_its_share_and_nothing_else(micropython, tmp_path):
    with lossy.lossy(0.3) as wire, collector(wire, tmp_path) as store:
        sender = send(wire, micropython, 200, 1, transport="udp").wait()
        assert sender.stats["sent"] == 200 == wire.lost + wire.passed
        undisturbed(sender.stats)
        until(lambda: len(stored(store)) == wire.passed)
        numbers = stored(store)
        assert numbers == sorted(set(numbers)) and 100 < len(numbers) < 180


def test_what_a_dead_wire_swallowed(micropython, tmp_path):
    """Neither end tells the other: what the device's own port had taken is lost, and counted."""
    with lossy.lossy(0) as wire:
        with collector(wire, tmp_path) as store:
            config = {"stall_s": 2, "tcp_buffer": 16384, "queue_bytes": 1 << 20}
            sender = send(wire, micropython, 1200, 2, last=50, **config)
            until(lambda: len(stored(store)) >= 100)
            wire.down()
            until(lambda: "failed" in sender.process.stdout.readline())
        with collector(wire, tmp_path) as store:
            wire.up()
            sender.wait()
            until(arrived(store, 1200))
            account(store, sender.stats, 1200)
        assert sender.stats["connects"] == 2 and sender.stats["dropped"] == 0


@pytest.mark.soak
def test_an_outage_longer_than_a_connection_lives(micropython, tmp_path, cases):
    with lossy.lossy(0) as wire, collector(wire, tmp_path) as store:
        config = {"stall_s": 2, "tcp_buffer": 16384, "queue_bytes": 1 << 20}
        sender = send(wire, micropython, 900, cases(5, 80), last=50, **config)
        until(lambda: len(stored(store)) >= 100)
        wire.down()
        until(lambda: "failed" in sender.process.stdout.readline())
        time.sleep(cases(1, 60))
        wire.up()
        sender.wait(300)
        stats = sender.stats
        undisturbed(stats)
        # What the kernel still had arrives by the old connection, behind newer ones.
        until(lambda: len(stored(store)) >= 900 - stats["unconfirmed"])
        numbers = stored(store)
        each = {message.peer: [] for message in store.messages("c1@192.0.2.10")}
        for message in sorted(store.messages("c1@192.0.2.10"), key=lambda message: message.id):
            each[message.peer].append(int(message.packet.payload[:6]))
    assert len(set(numbers)) == len(numbers)
    assert len(each) == stats["connects"] >= 2
    assert all(part == sorted(part) for part in each.values())
    assert stats["sent"] == 900 and stats["dropped"] == stats["waiting"] == 0
    assert 0 < stats["unconfirmed"] < 100
