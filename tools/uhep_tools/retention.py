"""Delete the oldest packets: by age, and when the database is larger than it may be."""

import sqlite3
from dataclasses import dataclass

from uhep_tools.hep import HepError
from uhep_tools.words import text_of_raw

_AT_ONCE = 2000  # packets, as many as are written at once at the most
_AT_LEAST = 20
_PAGES = 2000  # that are given back to the file system at once


LEAST = 16 << 20  # octets: what there is beside the packets takes a few


@dataclass(frozen=True)
class Keep:
    """What is kept: packets that came in the last `seconds`, in `octets` of file; None: all.

    The file grows by the write-ahead log beyond that, 64 MiB or one batch. LEAST octets or more.
    """

    seconds: float | None = None
    octets: int | None = None


def trim(db: sqlite3.Connection, keep: Keep, now_us: int) -> int:
    """Delete some of the oldest packets that are not to be kept; how many that were.

    Calls go with the last of their packets. Call it again: it does one step of the work.
    """
    last = _last_to_go(db, keep, now_us)
    if not last:
        return 0
    db.execute("BEGIN IMMEDIATE")
    rows = db.execute("SELECT id, raw FROM packets WHERE id <= ?", (last,)).fetchall()
    db.executemany("INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", _words(rows))
    db.execute("DELETE FROM packets WHERE id <= ?", (last,))
    db.execute(
        "DELETE FROM call_agents WHERE call IN (SELECT call FROM calls WHERE last_id <= ?)",
        (last,),
    )
    db.execute("DELETE FROM calls WHERE last_id <= ?", (last,))
    db.execute("COMMIT")
    db.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
    return len(rows)


def _last_to_go(db: sqlite3.Connection, keep: Keep, now_us: int) -> int:
    """The id up to which packets go, 0 for none."""
    last = 0
    if keep.seconds is not None:
        cutoff = now_us - int(keep.seconds * 1_000_000)
        sql = "SELECT max(id) FROM (SELECT id, received_us FROM packets ORDER BY id LIMIT ?)"
        (last,) = db.execute(f"{sql} WHERE received_us < ?", (_AT_ONCE, cutoff)).fetchone()
    if keep.octets is not None and (octets := used(db)) > keep.octets:
        first, newest = db.execute("SELECT min(id), max(id) FROM packets").fetchone()
        if first is not None:
            share = (newest - first + 1) * (octets - keep.octets) // octets
            over = first + min(_AT_ONCE, max(_AT_LEAST, share)) - 1
            last = max(last or 0, min(over, newest))
    return last or 0


def used(db: sqlite3.Connection) -> int:
    """Octets of the database, without its unused pages."""
    size, pages, unused = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    return size * (pages - unused)


def _words(rows: list[tuple[int, bytes]]):
    for number, raw in rows:
        try:
            yield number, text_of_raw(raw)
        except HepError:  # an older uhep was less strict, and it has no words
            continue
