"""The agent's TCP over real sockets: collectors that die, come back, or never read."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faults import Fault, Proxy
from linkmake import CPYTHON, Sender, account, serving, stored, undisturbed
from peers.program import bound
from uhep_tools.ports import free_port
from uhep_tools.store import Store
from waiting import until

UHEP = str(Path(sys.executable).parent / "uhep")


def cut_only(server):
    """The server saw no fault but connections that ended inside a packet."""
    return set(server.counters.rejected) <= {"cut-frame"}


@pytest.mark.parametrize("which", ["micropython", "cpython"])
def test_all_arrive(request, store, which):
    interpreter = request.getfixturevalue("micropython") if which == "micropython" else CPYTHON
    with serving(store) as server:
        sender = Sender(interpreter, 300, 1, capture_address=f"127.0.0.1:{server.port}").wait()
        until(lambda: server.counters.accepted == 300)
    assert account(store, sender.stats, 300) == list(range(300))
    assert sender.stats["connects"] == 1 and sender.stats["unconfirmed"] == 0
    assert server.counters.rejected.total() == 0


def test_by_name(micropython, store):
    with serving(store) as server:
        address = f"localhost:{server.port}"
        sender = Sender(micropython, 20, capture_address=address).wait()
        until(lambda: server.counters.accepted == 20)
    assert account(store, sender.stats, 20) == list(range(20))


def test_ipv6(micropython, store):
    with serving(store, host="::1") as server:
        sender = Sender(micropython, 20, capture_address=f"[::1]:{server.port}").wait()
        until(lambda: server.counters.accepted == 20)
    assert account(store, sender.stats, 20) == list(range(20))


def test_no_collector_yet(micropython, store):
    port = free_port()
    sender = Sender(micropython, 20, capture_address=f"127.0.0.1:{port}")
    # It prints a status when it has been refused.
    assert "ECONNREFUSED" in sender.process.stdout.readline()
    with serving(store, port=port) as server:
        sender.wait()
        until(lambda: server.counters.accepted == 20)
    assert account(store, sender.stats, 20) == list(range(20))
    assert sender.stats["refused"] >= 1


@pytest.mark.parametrize("after", [0, 1, 5, 6, 300, 700, 3000])
def test_reset(micropython, store, after):
    with serving(store) as server, Proxy(("127.0.0.1", server.port)) as proxy:
        proxy.then(Fault("reset", after=after))
        address = f"127.0.0.1:{proxy.port}"
        sender = Sender(micropython, 60, 4, last=10, capture_address=address).wait()
        account_later(store, sender, 60)
        check_attempts(proxy)
    assert len(proxy.connections) == 2 and sender.stats["errors"] >= 1 and cut_only(server)
    assert account(store, sender.stats, 60)[-1] == 59


@pytest.mark.soak
def test_reset_at_every_octet_of_a_frame(micropython, tmp_path, cases):
    """Of the second one: what was captured after that arrives, and nothing twice or cut."""
    frame = 624  # octets of each that link_sender.py makes

    def reset(after):
        with Store(tmp_path / f"{after}.db") as store, serving(store) as server:
            with Proxy(("127.0.0.1", server.port), Fault("reset", after=after)) as proxy:
                address = f"127.0.0.1:{proxy.port}"
                sender = Sender(micropython, 5, 2, last=3, capture_address=address).wait()
                account_later(store, sender, 5)
                whole, cut = check_attempts(proxy)[0]
            assert len(whole) * frame + len(cut) == after, after
            # The kernel had taken both before the reset, so that they count as sent.
            assert account(store, sender.stats, 5) == [0, 2, 3, 4]
            assert sender.stats["unconfirmed"] == 2 and cut_only(server)
            return after

    # Most of a run is the wait before the second connection.
    offsets = list(range(frame + 1, 2 * frame, cases(206, 1)))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(reset, offsets)) == offsets


def check_attempts(proxy):
    """(whole frames, cut one) of each connection. A frame that was cut may be sent once more."""
    found = [connection.frames() for connection in proxy.connections]
    begun = [bytes(raw[:56]) for whole, cut in found for raw in [*whole, cut] if len(raw) >= 56]
    # Its stamps are within the first 56 octets, and no two are the same.
    assert not begun or max(Counter(begun).values()) <= 2
    assert all(n == 1 for n in Counter(raw for whole, _ in found for raw in whole).values())
    return found


def account_later(store, sender, count):
    until(lambda: (numbers := stored(store)) and numbers[-1] == count - 1)


def test_collector_stopped_and_started_in_mid_call(micropython, store):
    port = free_port()
    with serving(store, port=port) as server:
        address = f"127.0.0.1:{port}"
        sender = Sender(micropython, 400, 5, last=20, capture_address=address)
        until(lambda: server.counters.accepted >= 100)
    time.sleep(0.5)
    with serving(store, port=port) as server:
        sender.wait()
        account_later(store, sender, 400)
    numbers = account(store, sender.stats, 400)
    assert len(numbers) >= 380 and cut_only(server) and sender.stats["dropped"] == 0


def test_collector_killed_and_started_in_mid_call(micropython, tmp_path):
    database = tmp_path / "uhep.db"
    port = free_port()

    def serve():
        server = subprocess.Popen(
            [UHEP, "serve", "--listen", f"127.0.0.1:{port}", "--no-page", "--db", str(database)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: bound("tcp", port))
        return server

    def count():
        with Store(database, create=False) as store:
            return store.count()

    server = serve()
    address = f"127.0.0.1:{port}"
    sender = Sender(
        micropython,
        600,
        5,
        last=20,
        capture_address=address,
        tcp_buffer=65536,
        queue_bytes=1 << 20,
    )
    until(lambda: count() >= 100)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server = serve()
    sender.wait()
    with Store(database, create=False) as store:
        account_later(store, sender, 600)
        numbers = account(store, sender.stats, 600)
    server.terminate()
    server.wait()
    assert sender.stats["dropped"] == 0 and sender.stats["unconfirmed"] > 0
    # What was on its way when it was killed is missing, and nothing of the new connection.
    gaps = [b - a for a, b in zip(numbers, numbers[1:], strict=False) if b > a + 1]
    assert len(numbers) >= 450 and len(gaps) <= 1 and numbers[0] == 0, gaps


def test_a_collector_that_never_reads(micropython, store):
    with (
        serving(store) as server,
        Proxy(("127.0.0.1", server.port), receive_buffer=4096) as proxy,
    ):
        proxy.then(Fault("stall", after=2000))
        address = f"127.0.0.1:{proxy.port}"
        sender = Sender(
            micropython, 300, 1, capture_address=address, stall_s=2, tcp_buffer=65536
        ).wait()
        account_later(store, sender, 300)
    account(store, sender.stats, 300)
    assert sender.stats["connects"] == 2 and sender.stats["dropped"] == 0
    assert 0 < sender.stats["unconfirmed"] < 250 and cut_only(server)


def test_an_outage_into_the_spool(micropython, store, tmp_path):
    port = free_port()
    with serving(store, port=port) as server:
        sender = Sender(
            micropython,
            400,
            2,
            last=100,
            capture_address=f"127.0.0.1:{port}",
            queue_bytes=8192,
            spool={"path": str(tmp_path / "spool"), "blocks": 100},
            spool_per_s=1000,
        )
        until(lambda: server.counters.accepted >= 50)
    time.sleep(1.2)
    with serving(store, port=port) as server:
        sender.wait()
        stats = sender.stats
        left = stats["sent"] + stats["spool_sent"]
        until(lambda: len(stored(store)) >= left - stats["unconfirmed"])
    numbers = stored(store)
    undisturbed(stats, flash=True)
    assert len(set(numbers)) == len(numbers) <= left and cut_only(server)
    assert stats["captured"] == 400 == left + stats["dropped"] + stats["spool_lost"]
    assert stats["spool_sent"] > 50 and stats["dropped"] == stats["spool_lost"] == 0
    assert list(tmp_path.glob("spool*")) == []


def test_fail_over_between_two(micropython, store):
    with serving(store) as one, serving(store) as two:
        with Proxy(("127.0.0.1", one.port)) as first:
            addresses = [f"127.0.0.1:{first.port}", f"127.0.0.1:{two.port}"]
            sender = Sender(micropython, 300, 4, last=20, capture_address=addresses)
            until(lambda: one.counters.accepted >= 50)
            first.refuse()
            first.reset()
            sender.wait()
            account_later(store, sender, 300)
        assert two.counters.accepted > 0
    account(store, sender.stats, 300)
    assert sender.statuses[-1] == f"{addresses[1]}: open"


def test_copies_to_two_of_which_one_is_killed(micropython, store, tmp_path):
    with Store(tmp_path / "two.db") as other, serving(store) as one:
        port = free_port()
        with serving(other, port=port) as two:
            sender = Sender(
                micropython,
                400,
                4,
                capture_address=[f"127.0.0.1:{one.port}", f"127.0.0.1:{port}"],
                collectors="copy",
            )
            until(lambda: two.counters.accepted >= 50)
        before = one.counters.accepted
        until(lambda: one.counters.accepted > before + 50)  # goes on
        assert cut_only(two)
        with serving(other, port=port) as two:
            sender.wait()
            until(lambda: one.counters.accepted == 400)
            account_later(other, sender, 400)
        assert cut_only(two) and one.counters.rejected.total() == 0
        stats = sender.stats
        undisturbed(stats)
        assert stored(store) == list(range(400))
        assert stats["sent"] == stats["copy_sent"] + stats["copy_dropped"] == 400
        assert stats["unconfirmed"] == 0 and stats["connects"] == 1
        numbers = stored(other)
        assert numbers == sorted(set(numbers))
        assert stats["copy_sent"] - stats["copy_unconfirmed"] <= len(numbers) <= 400


class Names(threading.Thread):
    """A DNS server that says `address` to every question."""

    def __init__(self, address):
        """address: None: it says nothing."""
        super().__init__(daemon=True)
        self.address = address
        self.asked = 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.sock.sendto(b"", ("127.0.0.1", self.port))
        self.join()
        self.sock.close()

    def run(self):
        while (question := self.sock.recvfrom(512))[0]:
            data, peer = question
            self.asked += 1
            if not self.address:
                continue
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(self.address)
            head = data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0"
            self.sock.sendto(head + data[12:] + answer, peer)


def test_names_that_nobody_tells_for_a_while(micropython, store):
    with Names(None) as names, serving(store) as server:
        sender = Sender(
            micropython,
            60,
            1,
            capture_address=f"collector.test:{server.port}",
            dns=f"127.0.0.1:{names.port}",
        )
        until(lambda: names.asked >= 2)  # again after a second
        names.address = "127.0.0.1"
        sender.wait()
        account_later(store, sender, 60)
    assert account(store, sender.stats, 60) == list(range(60))
    assert sender.stats["unconfirmed"] == 0


@pytest.mark.parametrize("which", ["micropython", "cpython"])
def test_a_poll_that_waits_is_seen(request, store, which):
    interpreter = request.getfixturevalue("micropython") if which == "micropython" else CPYTHON
    with serving(store) as server:
        address = f"127.0.0.1:{server.port}"
        sender = Sender(interpreter, 5, 2, mode="waits", capture_address=address).wait()
    assert sender.stats["waits"] is None or sender.stats["waits"] > 0


def test_the_collector_moves_to_another_address(micropython, store, tmp_path):
    with Store(tmp_path / "two.db") as other, Names("127.0.0.1") as names:
        port = free_port()
        with serving(store, port=port) as one:
            sender = Sender(
                micropython,
                300,
                5,
                last=20,
                capture_address=f"collector.test:{port}",
                dns=f"127.0.0.1:{names.port}",
            )
            until(lambda: one.counters.accepted >= 50)
            names.address = "127.0.0.2"
        with serving(other, host="127.0.0.2", port=port) as two:
            sender.wait()
            account_later(other, sender, 300)
        first, second, stats = stored(store), stored(other), sender.stats
    undisturbed(stats)
    assert cut_only(one) and cut_only(two)
    assert first and first + second == sorted(set(first + second)) and names.asked >= 2
    assert stats["sent"] == 300 and stats["connects"] == 2 and stats["dropped"] == 0
    assert 300 - len(first + second) <= stats["unconfirmed"]
