"""Keep captured packets in SQLite, and answer what the views ask."""

import json
import sqlite3
import threading
import time
from collections import deque
from pathlib import Path

from uhep_tools.calls import Call
from uhep_tools.database import StoreError, connect
from uhep_tools.hep import HepError, Packet
from uhep_tools.message import Message, message
from uhep_tools.status import LOG, MARK, OWN_CID, Status, parse
from uhep_tools.tables import (
    AGENTS,
    CALLS,
    COUNT_AGENT,
    PACKETS,
    REJECTS,
    SELECT_CALLS,
    Agent,
    Reject,
)
from uhep_tools.text import printable

__all__ = ["Agent", "Reject", "Store", "StoreError"]

BATCH = 500  # packets that are written at once at the most
REJECTS_KEPT = 1000
PENDING_OCTETS = 32 << 20  # of packets that wait while the disk is full
_RETRY_S = 1.0


class Store:
    """A database of packets, open for writing; usable from several threads.

    Packets are gathered and written in one transaction by flush(): every BATCH packets, before
    every query, and whenever the caller wants. When the database can not be written (a full
    disk) `fault` says why, PENDING_OCTETS of packets wait for it, and what does not fit is
    counted in `lost`, oldest first. `written` counts the packets written since opening.
    """

    def __init__(self, path: str | Path, create: bool = True):
        """Open path; create: make it if it is not there. Raises StoreError."""
        self.path = Path(path)
        self.written = 0
        self.lost = 0
        self.fault: str | None = None
        self._db = connect(path, create)
        self._lock = threading.RLock()
        self._pending: deque[Message] = deque()
        self._pending_octets = 0
        self._rejects: deque[Reject] = deque(maxlen=REJECTS_KEPT)
        self._retry_at = 0.0

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is pending, a last time, and close the file."""
        with self._lock:
            self._retry_at = 0.0
            self.flush()
            self._db.close()

    def add(self, packet: Packet, raw: bytes, peer: str, received_us: int | None = None) -> None:
        """Keep a strictly decoded packet, and the octets that it was decoded from.

        peer: the sender's address as text. received_us: Unix microseconds, now by default.
        """
        entry = message(packet, raw, peer, received_us or _now_us())
        with self._lock:
            self._pending.append(entry)
            self._pending_octets += len(raw)
            while self._pending_octets > PENDING_OCTETS:
                self._pending_octets -= len(self._pending.popleft().raw)
                self.lost += 1
            if len(self._pending) >= BATCH:
                self.flush()

    def reject(
        self, fault: HepError, size: int, peer: str, received_us: int | None = None
    ) -> None:
        """Keep why something was refused; the last REJECTS_KEPT are kept. size: its octets."""
        now, sentence = received_us or _now_us(), printable(fault.sentence)
        with self._lock:
            self._rejects.append(Reject(now, peer, fault.name, fault.offset, sentence, size))

    def flush(self) -> None:
        """Write what was added. A failure does not raise: see `fault`; it is tried again."""
        with self._lock:
            if not (self._pending or self._rejects) or time.monotonic() < self._retry_at:
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._write_packets()
                self._write_rejects()
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self.fault = f"{self.path} can not be written: {error}"
                self._retry_at = time.monotonic() + _RETRY_S
                return
            self.fault = None
            self.written += len(self._pending)
            self._pending.clear()
            self._pending_octets = 0
            self._rejects.clear()

    def _write_packets(self) -> None:
        calls: dict[str, Call] = {}
        seen_by: set[tuple[str, str]] = set()
        for entry in self._pending:
            cursor = self._db.execute(PACKETS.write, PACKETS.values(entry))
            if entry.call is not None:
                if entry.call not in calls:
                    calls[entry.call] = self._call(entry.call) or Call(entry.call)
                calls[entry.call].add(entry)
                calls[entry.call].last_id = cursor.lastrowid
                seen_by.add((entry.call, entry.agent))
        self._db.executemany(CALLS.write, map(CALLS.values, calls.values()))
        self._db.executemany("INSERT OR IGNORE INTO call_agents VALUES (?, ?)", seen_by)
        self._db.executemany(
            COUNT_AGENT,
            (
                (m.node_id, m.node_name, len(m.raw), m.received_us, m.received_us, m.peer)
                for m in self._pending
            ),
        )

    def _write_rejects(self) -> None:
        self._db.executemany(REJECTS.write, map(REJECTS.values, self._rejects))
        self._db.execute(
            "DELETE FROM rejects WHERE id <= (SELECT max(id) FROM rejects) - ?", (REJECTS_KEPT,)
        )

    def _query(self, sql: str, *values: object) -> list[tuple]:
        with self._lock:
            self.flush()
            return self._db.execute(sql, values).fetchall()

    def _call(self, call: str) -> Call | None:
        row = self._db.execute(f"{SELECT_CALLS} WHERE call = ?", (call,)).fetchone()
        return _to_call(row) if row else None

    def call(self, call: str) -> Call | None:
        """The call with this Call-ID, as `printable` text."""
        with self._lock:
            self.flush()
            return self._call(call)

    def calls(self, limit: int = 100, after: int = 0) -> list[Call]:
        """The latest calls, newest first; limit -1: all. after: with packets after this id."""
        sql = f"{SELECT_CALLS} WHERE last_id > ? ORDER BY start_us DESC LIMIT ?"
        return [_to_call(row) for row in self._query(sql, after, limit)]

    def find(self, beginning: str, limit: int = 10) -> list[str]:
        """Call-IDs that begin so, the latest first."""
        sql = (
            "SELECT call FROM calls WHERE substr(call, 1, length(?1)) = ?1"
            " ORDER BY start_us DESC LIMIT ?2"
        )
        return [call for (call,) in self._query(sql, beginning, limit)]

    def messages(self, call: str) -> list[Message]:
        """All packets of a call in the order of their stamps.

        Also those that a correlation id ties to it: RTCP of an agent that does not correlate by
        Call-ID, the other leg of a back-to-back agent.
        """
        sql = (
            f"SELECT id, {PACKETS.columns} FROM packets WHERE call = ?1"
            " OR call IN (SELECT cid FROM packets WHERE call = ?1 AND cid IS NOT NULL)"
            " OR cid IN (SELECT cid FROM packets WHERE call = ?1 AND cid IS NOT NULL)"
            " ORDER BY stamp_us, id"
        )
        return [Message(*row) for row in self._query(sql, call)]

    def agents(self) -> list[Agent]:
        """All devices that ever sent a packet here, by node id."""
        sql = f"SELECT {AGENTS.columns} FROM agents ORDER BY node_id, node_name"
        return [Agent(*row) for row in self._query(sql)]

    def statuses(self) -> list[tuple[Message, Status]]:
        """The last status line of each device that sent one, the latest first."""
        sql = (
            f"SELECT id, {PACKETS.columns} FROM packets WHERE id IN (SELECT max(id) FROM packets"
            " WHERE cid = ? AND type = ? AND instr(raw, ?) GROUP BY node_id, node_name)"
            " ORDER BY id DESC"
        )
        found = [Message(*row) for row in self._query(sql, OWN_CID, LOG, MARK)]
        lines = [(each, parse(each.packet.payload)) for each in found]
        return [(each, status) for each, status in lines if status]

    def rejects(self, limit: int = REJECTS_KEPT) -> list[Reject]:
        """The last rejects, newest first."""
        sql = f"SELECT {REJECTS.columns} FROM rejects ORDER BY id DESC LIMIT ?"
        return [Reject(*row) for row in self._query(sql, limit)]

    def last_id(self) -> int:
        """The highest packet id in the database, 0 if it is empty."""
        return self._query("SELECT ifnull(max(id), 0) FROM packets")[0][0]

    def count(self) -> int:
        """Packets in the database."""
        return self._query("SELECT count(*) FROM packets")[0][0]


def _to_call(row: tuple) -> Call:
    return Call(*row[:-1], agents=sorted(json.loads(row[-1])))


def _now_us() -> int:
    return time.time_ns() // 1000
