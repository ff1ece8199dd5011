"""The database of the capture server: what is kept, grouped, counted, refused."""

import sqlite3
import threading

import pytest
from hepmake import good
from sipmake import ALICE, BOB, CALL, CALL_ID, START_US, captured, packet, sip
from uhep_tools import database
from uhep_tools.database import VERSION
from uhep_tools.hep import HepError, decode
from uhep_tools.queries import Reader
from uhep_tools.store import REJECTS_KEPT, Store, StoreError

PEER = "127.0.0.1:40000"
CALL_TEXT = CALL_ID.decode()


def fill(store, packets):
    for raw in packets:
        store.add(decode(raw), raw, PEER)


def read(store, sql):
    """Ask the file itself, on another connection."""
    with sqlite3.connect(store.path) as db:
        return db.execute(sql).fetchall()


def test_packet_is_kept_whole(store):
    raw = captured()[0]
    store.add(decode(raw), raw, PEER, received_us=17)
    (message,) = store.messages(CALL_TEXT)
    assert message.raw == raw and message.packet.payload == CALL[0][2]
    assert (message.received_us, message.peer, message.stamp_us) == (17, PEER, START_US)
    assert (message.source, message.target) == ("192.0.2.10:5060", "192.0.2.20:5062")
    assert (message.label, message.cseq, message.agent) == ("INVITE", 1, "desk-17")
    assert (message.from_user, message.to_user) == ("100", "200")


@pytest.mark.parametrize("order", [1, -1])
def test_call_is_summed_up_in_any_order(store, order):
    fill(store, captured()[::order])
    (call,) = store.calls()
    assert (call.call, call.method, call.state) == (CALL_TEXT, "INVITE", "ended")
    assert (call.from_user, call.to_user) == ("100", "200")
    assert (call.start_us, call.end_us) == (START_US, START_US + 5_822_700)
    assert call.duration_us(0) == 5_820_000 - 1_812_000
    assert (call.messages, call.agents) == (14, ["desk-17", "lobby"])
    assert [text for _, text in call.events()] == ["calling", "ringing", "answered", "ended"]


@pytest.mark.parametrize(
    ("length", "state"),
    [(1, "calling"), (2, "calling"), (3, "ringing"), (4, "in call"), (5, "in call"), (6, "ended")],
)
def test_state_follows_the_call(store, length, state):
    fill(store, captured(CALL[:length]))
    assert store.call(CALL_TEXT).state == state


@pytest.mark.parametrize(
    ("status", "state"),
    [(b"486 Busy Here", "486 Busy Here"), (b"487 Request Terminated", "cancelled")],
)
def test_call_that_fails(store, status, state):
    fill(store, captured([*CALL[:3], ("B", 20, sip(b"SIP/2.0 " + status, b"1 INVITE"))]))
    call = store.call(CALL_TEXT)
    assert call.state == state and call.duration_us(0) is None


def test_challenge_is_not_the_end(store):
    again = sip(b"INVITE sip:200@192.0.2.20 SIP/2.0", b"2 INVITE")
    challenge = ("B", 2, sip(b"SIP/2.0 407 Proxy Authentication Required", b"1 INVITE"))
    fill(store, captured([CALL[0], challenge]))
    assert store.call(CALL_TEXT).state == "407 Proxy Authentication Required"
    fill(store, captured([("A", 3, again)]))
    assert store.call(CALL_TEXT).state == "calling"


def test_reinvite_of_the_callee_turns_nothing_round(store):
    reinvite = sip(b"INVITE sip:100@h SIP/2.0", b"9 INVITE", users=(b"200", b"100"))
    refused = sip(b"SIP/2.0 488 Not Acceptable Here", b"9 INVITE", users=(b"200", b"100"))
    fill(store, captured([*CALL[:5], ("B", 2000, reinvite), ("A", 2001, refused)]))
    call = store.call(CALL_TEXT)
    assert (call.from_user, call.to_user, call.state) == ("100", "200", "in call")


def test_registration(store):
    register = [
        ("A", 0, sip(b"REGISTER sip:h SIP/2.0", b"1 REGISTER")),
        ("B", 1, sip(b"SIP/2.0 401 Unauthorized", b"1 REGISTER")),
        ("A", 2, sip(b"REGISTER sip:h SIP/2.0", b"2 REGISTER")),
    ]
    fill(store, captured(register, at="A"))
    assert store.call(CALL_TEXT).state == "waiting"
    fill(store, captured([("B", 3, sip(b"SIP/2.0 200 OK", b"2 REGISTER"))], at="A"))
    assert store.call(CALL_TEXT).state == "200 OK"
    assert store.call(CALL_TEXT).events() == [(START_US + 3700, "200 OK")]


def test_packet_without_time_has_that_of_its_receipt(store):
    raw = good({0x09: bytes(4), 0x0A: bytes(4)})
    store.add(decode(raw), raw, PEER, received_us=START_US)
    assert store.messages("c1@192.0.2.10")[0].stamp_us == START_US


def test_other_payloads_go_with_the_call(store):
    """By Call-ID, and by a correlation id of another kind that a SIP message names too."""
    fill(store, captured(CALL[:1], at="A"))
    fill(store, [packet(b"{}", kind=5, cid=CALL_ID, after_us=10)])
    fill(store, [packet(CALL[1][2], BOB, ALICE, after_us=20, cid=b"channel-7")])
    fill(store, [packet(b"{}", kind=5, cid=b"channel-7", after_us=30)])
    fill(store, [packet(b"{}", kind=5, cid=b"channel-8", after_us=40)])
    assert [message.type for message in store.messages(CALL_TEXT)] == [1, 5, 1, 5]
    assert store.call(CALL_TEXT).messages == 3


def test_packet_of_no_call_is_kept(store):
    fill(store, [packet(b"started", kind=100)])
    assert store.calls() == [] and store.count() == 1


def test_agents_are_counted_by_id_and_name(store):
    fill(store, captured())
    fill(store, [packet(CALL[0][2], name=None), packet(CALL[0][2], node=7)])
    found = {(agent.node_id, agent.node_name): agent.packets for agent in store.agents()}
    assert found == {(7, "desk-17"): 1, (2001, ""): 1, (2001, "desk-17"): 7, (2002, "lobby"): 7}
    assert sum(agent.octets for agent in store.agents()) == sum(
        len(raw) for (raw,) in read(store, "SELECT raw FROM packets")
    )


def test_every_octet_in_a_call_id(store):
    ids = [bytes([octet]) + b"%d@h" % octet for octet in range(256) if octet not in b"\r\n\t "]
    for call_id in ids:
        raw = packet(sip(b"OPTIONS sip:h SIP/2.0", b"1 OPTIONS", call_id))
        store.add(decode(raw), raw, PEER)
    calls = store.calls(limit=-1)
    # Octets above 127 are no UTF-8 by themselves, and some below are no text at all.
    assert len(calls) == len(ids)
    assert all(call.call.isprintable() and store.messages(call.call) for call in calls)
    assert r"\x1b27@h" in {call.call for call in calls}


def test_find_by_beginning(store):
    for call_id in (b"ab_c@h", b"abXc@h", b"b@h"):
        fill(store, [packet(sip(b"OPTIONS sip:h SIP/2.0", b"1 OPTIONS", call_id))])
    assert sorted(store.find("ab")) == ["abXc@h", "ab_c@h"]
    assert store.find("ab_") == ["ab_c@h"] and store.find("%") == []


def test_changed_calls_only(store):
    fill(store, captured(CALL[:1]))
    after = store.last_id()
    assert store.calls(after=after) == []
    fill(store, captured([("A", 9, sip(b"OPTIONS sip:h SIP/2.0", b"1 OPTIONS", b"new"))]))
    assert [call.call for call in store.calls(after=after)] == ["new"]


def test_rejects_are_bounded_and_newest_first(store):
    for number in range(REJECTS_KEPT + 30):
        store.reject(HepError("magic", number, "no \x1b[2J HEP3"), 9, PEER, received_us=number)
        if number % 400 == 0:
            store.flush()
    assert len(store.rejects()) == REJECTS_KEPT
    newest = store.rejects(1)[0]
    assert (newest.received_us, newest.offset, newest.size) == (1029, 1029, 9)
    assert newest.sentence == r"no \x1b[2J HEP3"
    assert read(store, "SELECT count(*) FROM rejects") == [(REJECTS_KEPT,)]
    assert store.count() == 0


def test_packets_are_written_in_batches(store):
    fill(store, captured())
    assert read(store, "SELECT count(*) FROM packets") == [(0,)] and store.written == 0
    store.flush()
    assert read(store, "SELECT count(*) FROM packets") == [(14,)] and store.written == 14


def test_reopened_database_goes_on(tmp_path):
    for part in (CALL[:4], CALL[4:]):
        with Store(tmp_path / "uhep.db") as store:
            fill(store, captured(part))
    with Store(tmp_path / "uhep.db", create=False) as store:
        (call,) = store.calls()
        assert (call.state, call.messages, store.count()) == ("ended", 14, 14)
        assert store.written == 0


def test_two_stores_write_one_file(tmp_path):
    with Store(tmp_path / "uhep.db") as one, Store(tmp_path / "uhep.db") as other:
        fill(one, captured(at="A"))
        one.flush()
        fill(other, captured(at="B"))
        other.flush()
        assert one.call(CALL_TEXT).agents == ["desk-17", "lobby"] and one.count() == 14


def test_threads_share_a_store(store):
    threads = [
        threading.Thread(target=fill, args=(store, captured(at=end))) for end in "AB" for _ in "12"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count() == 28 == store.call(CALL_TEXT).messages


def test_full_disk_is_told_and_nothing_is_lost(store):
    store._db.execute("PRAGMA max_page_count = 30")
    fill(store, [packet(b"x" * 60000, kind=100, cid=b"big")] * 3)
    store.flush()
    assert "full" in store.fault and str(store.path) in store.fault
    assert store.calls() == [] and store.written == 0
    store._db.execute("PRAGMA max_page_count = 100000")
    store._retry_at = 0.0
    store.flush()
    assert store.fault is None and store.count() == 3 and store.lost == 0


def test_what_waits_for_a_full_disk_is_bounded(store, monkeypatch):
    monkeypatch.setattr("uhep_tools.store.PENDING_OCTETS", 200_000)
    store._db.execute("PRAGMA max_page_count = 30")
    fill(store, [packet(b"x" * 60000, kind=100, after_us=n, cid=b"big") for n in range(10)])
    assert store.lost == 7
    store._db.execute("PRAGMA max_page_count = 100000")
    assert [m.stamp_us - START_US for m in store.messages("big")] == [7, 8, 9]


def test_what_fits_a_disk_that_is_nearly_full_is_written(store, monkeypatch):
    monkeypatch.setattr("uhep_tools.store.BATCH", 2)
    store._db.execute("PRAGMA max_page_count = 30")
    fill(store, [packet(b"x" * 60000, kind=100, after_us=n, cid=b"big") for n in range(10)])
    assert store.written == 0
    for pages in (120, 100_000):
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        store._retry_at = 0.0
        found = [m.stamp_us - START_US for m in store.messages("big")]
        assert found == list(range(store.written)) and bool(store.fault) == (pages == 120)
        assert store.written == 10 if pages > 120 else 0 < store.written < 10
    assert store.lost == 0


def test_what_waits_in_the_end_is_counted_as_lost(tmp_path):
    with Store(tmp_path / "uhep.db") as store:
        store._db.execute("PRAGMA max_page_count = 30")
        fill(store, [packet(b"x" * 60000, kind=100, cid=b"big")] * 3)
    assert (store.written, store.lost) == (0, 3) and "full" in store.fault


def test_newer_database_is_refused(tmp_path):
    path = tmp_path / "uhep.db"
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreError, match=rf"newer uhep \(schema {VERSION + 1}.*--db"):
        Store(path)


def test_foreign_files_are_refused(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no database " * 100)
    with pytest.raises(StoreError, match=r"notes\.txt can not be used: .*not a database"):
        Store(text)
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE packets (id)")
    for version in (0, VERSION, VERSION + 1):
        db.execute(f"PRAGMA user_version = {version}")
        for opened in (Store, Reader):
            with pytest.raises(StoreError, match="another program"):
                opened(tmp_path / "other.db")
    db.close()
    assert text.read_text().startswith("no database")


def test_paths_that_are_not_there(tmp_path):
    with pytest.raises(StoreError, match="no such database"):
        Store(tmp_path / "uhep.db", create=False)
    assert not (tmp_path / "uhep.db").exists()
    with pytest.raises(StoreError, match="unable to open"):
        Store(tmp_path / "no" / "folder.db")


def test_made_by_two_at_once(tmp_path):
    for turn in range(10):
        path, faults = tmp_path / f"{turn}.db", []
        start = threading.Barrier(2)

        def make(path=path, faults=faults, start=start):
            start.wait()
            try:
                Store(path).close()
            except StoreError as fault:
                faults.append(fault)

        both = [threading.Thread(target=make) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert faults == []


def test_waits_for_its_turn_to_set_wal_mode(tmp_path, monkeypatch):
    path, waited = tmp_path / "uhep.db", []
    Store(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN IMMEDIATE")

    def give_way(seconds):
        if not waited:
            other.execute("ROLLBACK")
        waited.append(seconds)

    monkeypatch.setattr(database.time, "sleep", give_way)
    Store(path).close()
    assert len(waited) == 1


def test_does_not_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_BUSY_S", 0.05)
    other = sqlite3.connect(tmp_path / "uhep.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        Store(tmp_path / "uhep.db")
    other.close()
