"""What a database keeps and gives up: search, retention, older versions, a disk that is full."""

import asyncio
import ctypes
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from importlib import resources
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sipmake import CALL_ID, START_US, captured, packet, sip
from uhep_tools.commands.serve import _serve
from uhep_tools.database import APPLICATION, VERSION
from uhep_tools.hep import decode
from uhep_tools.live import Lines
from uhep_tools.queries import Filter, Reader
from uhep_tools.retention import used
from uhep_tools.server import Server
from uhep_tools.store import Keep, Store, StoreError
from waiting import PATIENCE_S

PEER = "127.0.0.1:40000"
UHEP = str(Path(sys.executable).parent / "uhep")


def fill(store, packets, received_us=None):
    for raw in packets:
        store.add(decode(raw), raw, PEER, received_us)


def options(number, padding=b""):
    text = sip(b"OPTIONS sip:h SIP/2.0", b"1 OPTIONS", b"%d@h" % number)
    return packet(text.replace(b"\r\n\r\n", b"\r\nSubject: only%d%s\r\n\r\n" % (number, padding)))


def found(store, search):
    return sorted(call.call for call in store.calls(-1, only=Filter(search=search)))


def test_search(store):
    fill(store, [options(n) for n in range(20)])
    fill(store, [packet(b"lamp\xff <on> caf\xc3\xa9", kind=100, cid=b"5@h"), *captured()])
    assert found(store, "only7") == ["7@h"]
    assert found(store, "only1") == sorted(["1@h", *(f"{n}@h" for n in range(10, 20))])
    assert found(store, "ONLY7") == ["7@h"]
    assert found(store, "lamp") == found(store, "lamp café") == ["5@h"]
    assert found(store, r"lamp\xff") == found(store, '"<on> caf"') == ["5@h"]
    assert found(store, "lamp only5") == []  # in two messages, not in one
    assert found(store, '"SIP/2.0 180"') == [CALL_ID.decode()]
    assert found(store, '"180 SIP/2.0"') == []


@pytest.mark.parametrize(
    "search", ['"', '""', "*", "a*b", "NEAR(", "-x", "^", "'; DROP", "(", ":"]
)
def test_search_is_no_language(store, search):
    fill(store, captured())
    found(store, search)
    assert store.count() == 14


def test_old_packets_go(tmp_path):
    with Store(tmp_path / "uhep.db", keep=Keep(seconds=3600)) as store:
        now = time.time_ns() // 1000
        fill(store, [options(n) for n in range(50)], now - 3_700_000_000)
        fill(store, [options(n) for n in range(50, 60)], now)
        while store.count() > 10:
            pass
        assert store.trimmed == 50 and store.written == 60
        assert {call.call for call in store.calls(-1)} == {f"{n}@h" for n in range(50, 60)}
        assert found(store, "only7") == [] and found(store, "only55") == ["55@h"]
        assert found(store, "OPTIONS") == sorted(f"{n}@h" for n in range(50, 60))
        assert store._query("SELECT count(*) FROM call_agents") == [(10,)]


def test_a_call_goes_with_its_last_packet(tmp_path):
    with Store(tmp_path / "uhep.db", keep=Keep(seconds=3600)) as store:
        now = time.time_ns() // 1000
        fill(store, captured()[:4], now - 3_700_000_000)
        fill(store, captured()[4:], now)
        while store.count() > 10:
            pass
        assert store.calls()[0].state == "ended" and len(store.messages(CALL_ID.decode())) == 10


def test_what_comes_after_all_have_gone_is_told(store):
    """A packet's id is never given again: who looks for what is new goes by it."""
    console = Console(file=StringIO(), width=200)
    lines = Lines(Server(store), console)
    ok = [packet(sip(b"SIP/2.0 200 OK", b"1 OPTIONS", b"%d@h" % n)) for n in range(6)]
    fill(store, ok[:5])
    lines.update()
    store.keep = Keep(seconds=0)
    while store.count():
        pass
    store.keep = Keep()
    assert store.last_id() == 5
    status = packet(b"uhep why=start up=0", kind=100, cid=b"uhep", name=b"lobby")
    fill(store, [ok[5], status])
    lines.update()
    told = console.file.getvalue()
    assert "  4@h  " in told and "  5@h  " in told and "status  lobby" in told


def test_a_full_disk_is_told_once_and_when_it_is_over(store):
    console = Console(file=StringIO(), width=200)
    lines = Lines(Server(store), console)
    for pages in (30, 100_000):
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        store._retry_at = 0.0
        fill(store, [packet(b"x" * 60000, kind=100)] * 2)
        for _ in range(3):
            lines.update()
    told = re.findall(
        r"(trouble|over)  .*uhep\.db can not be written: .* full$", console.file.getvalue(), re.M
    )
    assert told == ["trouble", "over"]


def test_what_comes_while_the_page_starts_is_told(store, capsys):
    server = Server(store, port=0)

    class Page:
        url = "http://127.0.0.1:9080/"

        async def start(self):
            assert server.take(captured()[0], PEER)
            store.flush()
            signal.raise_signal(signal.SIGINT)

        async def stop(self):
            pass

    asyncio.run(_serve(server, Page(), ["a note"]))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["page: http://127.0.0.1:9080/", "a note"]
    assert "calling     INVITE 100 → 200" in lines[3]


def test_size_is_kept(tmp_path):
    limit = 8 << 20
    with Store(tmp_path / "uhep.db", keep=Keep(octets=limit)) as store:
        for number in range(1200):
            fill(store, [options(number, b" x" * 10_000)])
            if number % 50 == 0:
                store.flush()
        store.flush()
        assert used(store._db) < limit * 1.3
        assert store.written == 1200 == store.count() + store.trimmed
        assert store.count() > 200  # what fits is kept
        assert store.call("1199@h") and found(store, "only1199") == ["1199@h"]
        assert store.call("0@h") is None and found(store, "only0") == []
        store._db.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert (tmp_path / "uhep.db").stat().st_size < limit * 1.6


def old_database(path):
    """One of version 1: as the schema says, with rows as it wrote them."""
    schema = (resources.files("uhep_tools.schema") / "1.sql").read_text()
    with sqlite3.connect(path) as db:
        db.executescript(schema)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute("PRAGMA user_version = 1")
        report = packet(b'{"MOS": 3.2}', kind=34, cid=CALL_ID, after_us=5_900_000)
        for number, raw in enumerate([*captured(), report, b"HEP3 of an older taste"], 1):
            call = CALL_ID.decode() if raw.startswith(b"HEP3\0") or len(raw) > 50 else None
            db.execute(
                "INSERT INTO packets VALUES (?, ?, ?, ?, ?, 1, ?, NULL, 's', 1, 'd', 2, 17, 2001,"
                " 'desk-17', NULL, NULL, '', NULL, '', '')",
                (number, START_US, PEER, raw, START_US + number, call),
            )
        db.execute(
            "INSERT INTO calls VALUES (?, 'INVITE', 1, '100', '200', 1, 9, 2, 3, 8, 1, 1, 200,"
            " 'OK', 3, 15, 15)",
            (CALL_ID.decode(),),
        )
        db.execute("INSERT INTO call_agents VALUES (?, 'desk-17')", (CALL_ID.decode(),))
    db.close()


def test_older_database_is_renewed(tmp_path):
    path, said = tmp_path / "uhep.db", []
    old_database(path)
    with Store(path, progress=lambda done, total: said.append((done, total))) as store:
        assert said == [(16, 16)]
        assert store._query("PRAGMA user_version") == [(VERSION,)]
        (call,) = store.calls(only=Filter(search="Ringing", state="ended", mos_below=360))
        assert (call.state, call.mos, call.agents) == ("ended", 320, ["desk-17"])
        assert store.agent_types() == {(2001, "desk-17"): {1: 16}}
        fill(store, [options(1)])
        assert found(store, "only1") == ["1@h"] and store.count() == 17


def test_database_of_version_2_is_renewed(tmp_path):
    path = tmp_path / "uhep.db"
    status = packet(b"uhep why=start up=0", kind=100, cid=b"uhep")
    with Store(path) as store:
        fill(store, [options(1), status])
    with sqlite3.connect(path) as db:
        db.executescript("DROP INDEX packets_status; DROP TABLE numbered")
        db.execute("PRAGMA user_version = 2")
    db.close()
    with Store(path) as store:
        assert [one.id for one, _ in store.statuses()] == [2] == [store.last_id()]
        fill(store, [options(3)])
        assert store.messages("3@h")[0].id == 3


def test_older_database_is_renewed_for_a_reader(tmp_path):
    old_database(tmp_path / "uhep.db")
    with Reader(tmp_path / "uhep.db") as reader:
        assert reader.calls(only=Filter(search="Ringing"))[0].call == CALL_ID.decode()


def test_renewal_that_is_cut_is_done_again(tmp_path, monkeypatch):
    path = tmp_path / "uhep.db"
    old_database(path)

    def cut(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Store(path, progress=cut)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    db.close()
    with Store(path) as store:
        assert store.count() == 16 and found(store, "Ringing")


def test_reader_of_what_is_not_there(tmp_path):
    with pytest.raises(StoreError, match="no such database"):
        Reader(tmp_path / "uhep.db")
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(StoreError, match="not a database"):
        Reader(tmp_path / "text.db")


def as_others_do(*command):
    """Run it without root's privilege to write where nobody may."""

    def drop():
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP

    return subprocess.run(
        command, preexec_fn=drop, capture_output=True, text=True, timeout=PATIENCE_S
    )


def test_read_only_medium(tmp_path):
    """A database in WAL mode has no other file beside it once it was closed."""
    path = tmp_path / "ro" / "uhep.db"
    path.parent.mkdir()
    with Store(path) as store:
        fill(store, captured())
    path.parent.chmod(0o500)
    assert as_others_do("touch", path.parent / "x").returncode
    for args, said in (
        (["show", "--db", path], CALL_ID.decode()),
        (["show", "5f3", "--db", path], "180 Ringing"),
        (["decode", path], "180 Ringing"),
    ):
        done = as_others_do(UHEP, *args)
        assert said in done.stdout and not done.returncode, done.stderr
    path.parent.chmod(0o700)
    path.with_name("uhep.db-wal").write_bytes(b"not all is in the file")
    path.parent.chmod(0o500)
    for args in (["show", "--db", path], ["decode", path]):
        done = as_others_do(UHEP, *args)
        assert done.returncode and "copy it and uhep.db-wal to" in done.stderr
        assert "Traceback" not in done.stderr
    path.parent.chmod(0o700)
    for file in path.parent.iterdir():
        file.unlink()
    old_database(path)
    path.parent.chmod(0o500)
    done = as_others_do(UHEP, "show", "--db", path)
    assert done.returncode == 1 and "older uhep" in done.stderr and "copy it to" in done.stderr
    assert "180 Ringing" in as_others_do(UHEP, "decode", path).stdout
    path.parent.chmod(0o700)


class Served:
    """`uhep serve` in a process of its own."""

    def __init__(self, *args, **popen):
        self.process = subprocess.Popen(
            [UHEP, "serve", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **popen,
        )
        self.lines = []
        self.port = int(self.read(r"listening on \S+:(\d+) UDP"))
        self.page = int(self.read(r"page: http://127.0.0.1:(\d+)/"))

    def read(self, pattern):
        for line in self.process.stdout:
            self.lines.append(line)
            if match := re.search(pattern, line):
                return match[1]
        raise AssertionError("".join(self.lines))

    def send(self, packets):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for raw in packets:
                udp.sendto(raw, ("127.0.0.1", self.port))

    def get(self, path):
        with socket.create_connection(("127.0.0.1", self.page), timeout=PATIENCE_S) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n".encode())
            sock.sendall(b"Connection: close\r\n\r\n")
            return b"".join(iter(lambda: sock.recv(65536), b"")).decode()

    def until(self, path, text):
        end = time.monotonic() + PATIENCE_S
        while text not in self.get(path):
            assert time.monotonic() < end, f"{text!r} is not in {path}"
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=PATIENCE_S)
        return output


@pytest.fixture
def served(tmp_path):
    made = []

    def start(*args, **popen):
        made.append(Served("--listen", "127.0.0.1:0", *args, cwd=tmp_path, **popen))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()


def test_full_disk_is_said_and_the_server_goes_on(served, tmp_path):
    """A limit on the size of files is to a process what a full disk is."""
    one = served()
    one.send(captured())
    one.until("/", CALL_ID.decode())
    full = (tmp_path / "uhep.db-wal").stat().st_size + 8192
    _, hard = resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (full, hard))
    one.send(options(n, b"y" * 20_000) for n in range(5))
    one.until("/", "can not be written")
    assert CALL_ID.decode() in one.get("/") and "180 Ringing" in one.get(
        f"/call?id={CALL_ID.decode()}"
    )
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    one.until("/", "4@h")
    assert "can not be written" not in one.get("/")
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (8192, hard))
    one.send([options(7)])
    one.until("/", "can not be written")
    said = one.stop()
    assert "20 received   19 stored" in said
    assert "1 packet lost: the database could not be written" in said
    with Store(tmp_path / "uhep.db", create=False) as store:
        assert store.count() == 19


def test_kill_loses_nothing_that_was_said_to_be_stored(served, tmp_path):
    one = served()
    one.send(options(n) for n in range(200))
    one.until("/", "200 stored")
    one.process.kill()
    one.process.wait()
    with Store(tmp_path / "uhep.db", create=False) as store:
        assert store.count() == 200


def run_serve(*args, cwd):
    return subprocess.run(
        [UHEP, "serve", *args], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S
    )


def test_second_server_says_what_is_wrong(served, tmp_path):
    one = served()
    for args in (
        ["--listen", f"127.0.0.1:{one.port}", "--no-page"],
        ["--listen", "127.0.0.1:0", "--page", f"127.0.0.1:{one.page}"],
    ):
        done = run_serve(*args, cwd=tmp_path)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert "is in use by another program; stop it, or choose another port" in done.stderr
    one.send(captured())
    one.until("/", CALL_ID.decode())  # the first one was not disturbed


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--listen", "0.0.0.0:0"], "--token WORD"),
        (["--page", "0.0.0.0:0"], "--no-page does without"),
        (["--keep-size", "many"], "'many' is no size; 500M or 4G would be one"),
        (["--keep-size", "1M"], "16M is the least"),
        (["--keep-days", "inf"], "--keep-days inf: 36500 is the most; any age without"),
        (["--keep-days", "1e300"], "--keep-days 1e+300: 36500 is the most"),
        (["--token", ""], "the token is empty"),
        (["--token", "ключ"], "take those of ASCII"),
        (["--no-page", "--token", "x"], "--no-page is there with"),
        (["--page", "127.0.0.1:x"], "must be a number from 0 to 65535"),
    ],
)
def test_what_serve_refuses(tmp_path, args, said):
    done = run_serve(*args, cwd=tmp_path)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr


def test_retention_by_the_command(served, tmp_path):
    one = served("--keep-size", "16M", "--keep-days", "1")
    for start in range(0, 1200, 50):
        one.send(options(n, b" z" * 15_000) for n in range(start, start + 50))
        one.until("/", f"{start + 50:,} stored")
    one.stop()
    with Store(tmp_path / "uhep.db", create=False) as store:
        assert 300 < store.count() < 900
        assert found(store, "only1199") == ["1199@h"]
