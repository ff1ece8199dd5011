"""How much the capture server takes before it loses, and how fast it answers when it is full."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from uhep_tools.bench.full import fill
from uhep_tools.bench.machine import BenchError
from uhep_tools.load.traffic import MEAN_PACKETS, Traffic, stream
from uhep_tools.queries import Reader

_POOL = 20_000  # packets that are made beforehand, and sent round and round
_STEP = 1.15  # from one rate to the next
_DRAIN_S = 60.0
_TICK_S = 0.002
_TELL_S = 0.2
_BEHIND_S = 0.3  # how far a receiver may be behind when the last packet was sent
_REPEATS = 5

Progress = Callable[[str, float], None]  # (what is measured, how far it is, from 0 to 1)


def measure(seconds: float, messages: int, progress: Progress) -> dict:
    """seconds: how long a rate must be held. messages: stored before the page is asked."""
    pool = _pool(progress)
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "bench.db")
        tcp = _tcp(pool, path, seconds, progress)
        bare = _udp(pool, ["bare"], seconds, tcp * 2, "bare UDP reader", progress)
        udp = _udp(pool, ["server", path], seconds, tcp / 2, "UDP", progress)
        return {
            "seconds": seconds,
            "octets_a_packet": sum(map(len, pool)) / len(pool),
            "bare_a_second": bare,
            "udp_a_second": udp,
            "udp_ratio": udp / bare,
            "tcp_a_second": tcp,
            "tcp_ratio": tcp / bare,
            "page": _page(Path(folder) / "full.db", messages, progress) if messages else None,
        }


def _pool(progress: Progress) -> list[bytes]:
    packets = stream(Traffic(50), time.time_ns() // 1000, 500 / MEAN_PACKETS)
    made = []
    for number in range(_POOL):
        if number % 500 == 0:
            progress("making calls", number / _POOL)
        made.append(next(packets).packet)
    return made


class _Receiver:
    """A receiver's process, and what it counts."""

    def __init__(self, process: subprocess.Popen):
        self._process = process
        self.port = self._read()["port"]

    def _read(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise BenchError("the receiver ended by itself")
        return json.loads(line)

    def counts(self) -> dict:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def drained(self) -> dict:
        """The counts, once nothing more comes and all of it is done."""
        end = time.monotonic() + _DRAIN_S
        before = self.counts()
        while time.monotonic() < end:
            time.sleep(0.3)
            now = self.counts()
            if now == before and now["done"] >= now["received"] - now.get("rejected", 0):
                return now
            before = now
        raise BenchError("the receiver does not come to an end with what it was sent")


@contextmanager
def _receiver(args: list[str]):
    process = subprocess.Popen(
        [sys.executable, "-m", "uhep_tools.bench.receivers", *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield _Receiver(process)
    finally:
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _tcp(pool: list[bytes], path: str, seconds: float, progress: Progress) -> float:
    """Stored packets a second, when a connection is never empty."""
    with _receiver(["server", path]) as receiver:
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=30) as sock:
            began, sent = time.monotonic(), 0
            while (now := time.monotonic()) < began + seconds:
                at = sent % (_POOL - 100)
                sock.sendall(b"".join(pool[at : at + 100]))
                sent += 100
                if sent % 2000 == 0:
                    progress("TCP", (now - began) / seconds)
        end = time.monotonic() + _DRAIN_S
        while (counts := receiver.counts())["done"] < sent:
            if counts.get("lost") or time.monotonic() > end:
                raise BenchError(f"over TCP {counts['done']:,} of {sent:,} packets were stored")
            time.sleep(0.01)
        return sent / (time.monotonic() - began)


def _udp(
    pool: list[bytes], args: list[str], seconds: float, first: float, name: str, progress: Progress
) -> float:
    """The highest rate, of a rising series, at which no datagram was lost.

    Nor may many be left in the socket's buffer in the end: it would have lost them later.
    """
    best, rate = 0.0, first
    while True:
        with _receiver(args) as receiver:
            held, sent = _send(
                pool,
                receiver.port,
                rate,
                seconds,
                lambda done, rate=rate: progress(f"{name}, {rate:,.0f} a second", done),
            )
            behind = sent - receiver.counts()["received"] > rate * _BEHIND_S
            counts = receiver.drained()
        if counts["received"] < sent or counts["drops"] or behind:
            if best or rate < 200:
                return best
            rate /= 2  # it began too high
            continue
        best = max(best, held)
        if held < rate * 0.97:  # the sender can not do more
            return best
        rate *= _STEP


def _send(
    pool: list[bytes], port: int, rate: float, seconds: float, progress: Callable[[float], None]
) -> tuple[float, int]:
    """(rate that was held, packets)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        send, total, sent = sock.send, int(rate * seconds), 0
        began, told = time.monotonic(), 0.0
        while sent < total and (now := time.monotonic() - began) < seconds * 2:
            for _ in range(min(total, int((now + _TICK_S) * rate)) - sent):
                send(pool[sent % _POOL])
                sent += 1
            if now > told + _TELL_S:
                told = now
                progress(sent / total)
            time.sleep(_TICK_S)
        return sent / (time.monotonic() - began), sent


def _page(path: Path, messages: int, progress: Progress) -> dict:
    """Milliseconds and octets of what a person asks of a full database."""
    fill(path, messages, progress)
    with Reader(path) as reader:
        calls = reader.calls(limit=2000)
    one = calls[-1]
    asked = {
        "list": "/",
        "list, ended": "/?state=ended",
        "list, an agent": f"/?agent={one.agents[0]}",
        "list, MOS under 3.1": "/?mos=3.1",
        "search a Call-ID": f"/?q={one.call}",
        "search a word of few": "/?q=Unavailable",
        "search a word of all": "/?q=INVITE",
        "search two words": "/?q=phone-107+Busy",
        "search what is not there": "/?q=nowhere",
        "a call": f"/call?id={one.call}",
        "agents": "/agents",
    }
    with _serving(path) as get:
        figures = {}
        for number, (name, url) in enumerate(asked.items()):
            progress("asking the page", number / len(asked))
            times = []
            for _ in range(_REPEATS):
                began = time.perf_counter()
                size = len(get(url))
                times.append((time.perf_counter() - began) * 1000)
            figures[name] = {"ms": median(times), "octets": size}
    return {"messages": messages, "file_octets": os.path.getsize(path), "asked": figures}


@contextmanager
def _serving(path: Path):
    """get(url) of a page of the database, in a process of its own."""
    import urllib.request

    uhep = [sys.executable, "-m", "uhep_tools.cli"]
    with subprocess.Popen(
        [*uhep, "serve", "--listen", "127.0.0.1:0", "--db", str(path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while not (line := process.stdout.readline()).startswith("page: "):
                if not line:
                    raise BenchError("the server ended by itself")
            url = line.removeprefix("page: ").strip().rstrip("/")

            def get(path: str) -> bytes:
                with urllib.request.urlopen(url + path, timeout=60) as answer:
                    return answer.read()

            yield get
        finally:
            process.terminate()
