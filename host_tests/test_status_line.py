"""The agent's status line, as the host reads, keeps and shows it."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

from hepmake import good
from hypothesis import given
from hypothesis import strategies as st
from linkmake import Sender, serving
from uhep_tools.hep import decode
from uhep_tools.ports import free_port
from uhep_tools.status import parse
from waiting import until

UHEP = str(Path(sys.executable).parent / "uhep")
LINE = (
    b'uhep why=gap up=3725 heap=61234 clock=set link="tcp 192.0.2.9:9060" failure="failed: x"'
    b" lost=8 lost_from=1767225600.123470 lost_to=1767225604.000120"
    b' lost_calls="c1@192.0.2.10 q\\"\\\\uote" lost_more=1'
    b' captured=825 connects=3 dropped=16 sent=809 reset="power on" mos=412 spool="off:ENOSPC"'
)


def status_packet(line=LINE, name=b"esp32-01"):
    return good({0x0B: b"\x64", 0x11: b"uhep", 0x0F: line, 0x13: name})


def test_every_value():
    status = parse(LINE)
    assert status.why == "gap" and status.number("up") == 3725 and status.number("sent") == 809
    assert status.number("dropped_newest") == 0 and status.number("reset") == 0
    assert status.word("link") == "tcp 192.0.2.9:9060" and status.word("nothing") == ""
    gap = status.gap
    assert (gap.lost, gap.to_us - gap.from_us) == (8, 3_876_650)
    assert gap.calls == ("c1@192.0.2.10", 'q"\\uote') and gap.more
    assert str(status) == (
        "gap: up 1:02:05 h, reset power on, 61,234 octets free, 809 sent, 16 dropped, "
        "2 reconnects, 8 packets lost in 3.88 s from 00:00:00 UTC, of c1@192.0.2.10 "
        'q"\\uote and others, failed: x, spool off:ENOSPC'
    )


def test_what_is_no_status_line():
    for payload in (b"", b"keepalive", b"uhep", b"uhep up=3", b"UHEP why=x", b"Uhep why=time"):
        assert parse(payload) is None


def test_a_cut_line_keeps_what_is_whole():
    for n in range(len(b"uhep why="), len(LINE)):
        status = parse(LINE[:n])
        assert set(status.values) <= set(parse(LINE).values)
        str(status)


@given(st.binary())
def test_never_raises(octets):
    status = parse(b"uhep why=time " + octets)
    str(status), status.gap
    assert status.why == "time"


def add(store, raw):
    store.add(decode(raw), raw, "127.0.0.1:40000")


def test_the_last_of_each_device_and_no_call(store):
    add(store, status_packet(b"uhep why=start up=0"))
    add(store, status_packet(b"uhep why=start up=0", b"lobby"))
    add(store, status_packet())
    add(store, status_packet(b"keepalive"))
    found = store.statuses()
    assert [(m.agent, s.why) for m, s in found] == [("esp32-01", "gap"), ("lobby", "start")]
    assert store.calls() == [] and store.count() == 4


def test_the_many_before_the_last_are_not_read(store):
    """A server asks four times a second, and an agent tells every minute for years."""
    for n in range(1500):
        add(store, status_packet())
        add(store, status_packet(b"keepalive"))
        add(store, status_packet(b"uhep why=start up=0" if n == 0 else b"keepalive", b"lobby"))
    store.flush()
    steps = []
    store._db.set_progress_handler(lambda: steps.append(1), 1)
    assert len(store.statuses()) == 2 and len(steps) < 1000
    store._db.set_progress_handler(None, 0)
    assert [m.agent for m, _ in store.statuses(after=3)] == ["esp32-01"]


def test_show_and_decode(store):
    add(store, status_packet())
    store.flush()
    shown = subprocess.run([UHEP, "show", "--db", store.path], capture_output=True, text=True)
    assert "esp32-01  gap: up 1:02:05 h" in shown.stdout and "8 packets lost" in shown.stdout
    text = subprocess.run([UHEP, "decode", store.path], capture_output=True, text=True).stdout
    assert "status  gap: up 1:02:05 h" in text
    told = subprocess.run([UHEP, "decode", store.path, "--json"], capture_output=True, text=True)
    assert json.loads(told.stdout)["status"]["dropped"] == 16


def test_an_outage_tells_how_many_packets_it_cost(micropython, store):
    port = free_port()
    with serving(store, port=port) as server:
        address = f"127.0.0.1:{port}"
        sender = Sender(micropython, 500, 4, capture_address=address, status_s=1, queue_bytes=8192)
        until(lambda: server.counters.accepted >= 20)
    until(lambda: any("failed" in line for line in iter(sender.process.stdout.readline, "")))
    with serving(store, port=port) as server:
        sender.wait()
        until(lambda: len(lines(store)) >= 2)
    found = lines(store)
    assert found[0].why == "start" and "outage" in [status.why for status in found]
    lost = [status.gap for status in found if status.gap]
    assert lost and all(gap.calls == ("c1@192.0.2.10",) for gap in lost)
    assert 0 < sum(gap.lost for gap in lost) <= sender.stats["dropped"]


def lines(store):
    """The status lines in a store, in the order in which they came."""
    store.flush()
    with sqlite3.connect(store.path) as db:
        rows = db.execute("SELECT raw FROM packets WHERE cid = 'uhep' ORDER BY id").fetchall()
    return [parse(decode(raw).payload) for (raw,) in rows]
