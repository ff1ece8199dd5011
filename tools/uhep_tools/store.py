"""Keep captured packets in SQLite, and answer what the views ask."""

import sqlite3
import threading
import time
from collections import deque
from pathlib import Path

from uhep_tools.database import Progress, StoreError, connect
from uhep_tools.hep import HepError, Packet
from uhep_tools.message import Message, message
from uhep_tools.queries import Queries
from uhep_tools.retention import Keep, trim
from uhep_tools.tables import REJECTS_KEPT, Agent, Reject
from uhep_tools.text import printable
from uhep_tools.words import text_of
from uhep_tools.writing import write_packets, write_rejects

__all__ = ["Agent", "Keep", "Reject", "Store", "StoreError"]

BATCH = 2000  # packets that may wait; who adds one more writes them first
PENDING_OCTETS = 32 << 20  # of packets that wait while the disk is full
_RETRY_S = 1.0


class Store(Queries):
    """A database of packets, open for writing; usable from several threads.

    Packets are gathered and written in one transaction by flush(): when BATCH are waiting,
    before every query, and whenever the caller wants. When the database can not be written (a
    full disk) `fault` says why, PENDING_OCTETS of packets wait for it, and what does not fit is
    counted in `lost`, oldest first. `written` counts the packets written since opening, and
    `trimmed` those that were deleted because of `keep`. At any moment the packets added are
    those written, lost, and waiting.
    """

    def __init__(
        self,
        path: str | Path,
        create: bool = True,
        keep: Keep | None = None,
        progress: Progress = lambda done, total: None,
    ):
        """Open path; create: make it if it is not there. progress: of renewing an older one.

        Raises StoreError.
        """
        self.path = Path(path)
        self.keep = keep or Keep()
        self.written = 0
        self.trimmed = 0
        self.lost = 0
        self.fault: str | None = None
        self._db = connect(path, create, progress)
        self._lock = threading.RLock()  # of the database
        self._waiting = threading.Lock()  # of what is below, never held for long
        self._pending: deque[tuple[Message, str]] = deque()
        self._pending_octets = 0
        self._rejects: deque[Reject] = deque(maxlen=REJECTS_KEPT)
        self._retry_at = 0.0

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is pending, a last time, and close the file; what can not be, is lost."""
        with self._lock:
            self._retry_at = 0.0
            self.flush()
            self.lost += len(self._take()[0])
            self._db.close()

    def add(self, packet: Packet, raw: bytes, peer: str, received_us: int | None = None) -> None:
        """Keep a strictly decoded packet, and the octets that it was decoded from.

        peer: the sender's address as text. received_us: Unix microseconds, now by default.
        """
        entry = message(packet, raw, peer, received_us or _now_us()), text_of(packet)
        with self._waiting:
            self._pending.append(entry)
            self._pending_octets += len(raw)
            self._lose_what_does_not_fit()
            many = len(self._pending) >= BATCH
        if many:
            self.flush()

    def _lose_what_does_not_fit(self) -> None:
        while self._pending_octets > PENDING_OCTETS:
            self._pending_octets -= len(self._pending.popleft()[0].raw)
            self.lost += 1

    def reject(
        self, fault: HepError, size: int, peer: str, received_us: int | None = None
    ) -> None:
        """Keep why something was refused; the last REJECTS_KEPT are kept. size: its octets."""
        now, sentence = received_us or _now_us(), printable(fault.sentence)
        with self._waiting:
            self._rejects.append(Reject(now, peer, fault.name, fault.offset, sentence, size))

    def flush(self) -> None:
        """Write what was added, and delete what `keep` does not keep.

        A failure does not raise: see `fault`; it is tried again.
        """
        with self._lock:
            if time.monotonic() < self._retry_at:
                return
            entries, rejects = self._take()
            try:
                # In parts: on a disk that is nearly full some may fit.
                while entries or rejects:
                    self._write(entries[:BATCH], rejects)
                    # Should what follows fail, these must not be put back.
                    del entries[:BATCH]
                    rejects.clear()
                self.trimmed += trim(self._db, self.keep, _now_us())
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self.fault = f"{self.path} can not be written: {error}"
                self._retry_at = time.monotonic() + _RETRY_S
                self._put_back(entries, rejects)
                return
            self.fault = None

    def _write(self, entries: list[tuple[Message, str]], rejects: list[Reject]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        write_packets(self._db, entries)
        write_rejects(self._db, rejects)
        self._db.execute("COMMIT")
        self.written += len(entries)

    def _take(self) -> tuple[list[tuple[Message, str]], list[Reject]]:
        with self._waiting:
            taken = list(self._pending), list(self._rejects)
            self._pending.clear()
            self._pending_octets = 0
            self._rejects.clear()
        return taken

    def _put_back(self, entries: list[tuple[Message, str]], rejects: list[Reject]) -> None:
        with self._waiting:
            self._pending.extendleft(reversed(entries))
            self._pending_octets += sum(len(entry.raw) for entry, _ in entries)
            newer, self._rejects = self._rejects, deque(rejects, maxlen=REJECTS_KEPT)
            self._rejects.extend(newer)
            self._lose_what_does_not_fit()

    def _query(self, sql: str, *values: object) -> list[tuple]:
        with self._lock:
            self.flush()
            return self._db.execute(sql, values).fetchall()


def _now_us() -> int:
    return time.time_ns() // 1000
