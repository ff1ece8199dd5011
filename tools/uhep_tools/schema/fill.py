"""Compute what version 2 of the schema adds, for the packets and calls that are there."""

import sqlite3
from collections.abc import Callable

from uhep_tools.hep import HepError, decode
from uhep_tools.message import message
from uhep_tools.tables import CALLS, Call
from uhep_tools.words import text_of

_AT_ONCE = 500


def fill(db: sqlite3.Connection, progress: Callable[[int, int], None]) -> None:
    """progress(done, packets) hears how far it is."""
    (total,) = db.execute("SELECT count(*) FROM packets").fetchone()
    done = after = 0
    while rows := db.execute(
        "SELECT id, raw, peer, received_us FROM packets WHERE id > ? ORDER BY id LIMIT ?",
        (after, _AT_ONCE),
    ).fetchall():
        for number, raw, peer, received_us in rows:
            _packet(db, number, raw, peer, received_us)
        after = rows[-1][0]
        done += len(rows)
        progress(done, total)
    for row in db.execute(f"SELECT {CALLS.columns} FROM calls").fetchall():
        call = Call(*row)
        db.execute("UPDATE calls SET state = ? WHERE call = ?", (call.state, call.call))


def _packet(db: sqlite3.Connection, number: int, raw: bytes, peer: str, received_us: int) -> None:
    try:
        packet = decode(raw)
    except HepError:  # an older uhep was less strict
        return
    db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, text_of(packet)))
    mos = message(packet, raw, peer, received_us).mos
    if mos is not None:
        db.execute("UPDATE packets SET mos = ? WHERE id = ?", (mos, number))
        db.execute(
            "UPDATE calls SET mos = min(ifnull(mos, 500), ?1)"
            " WHERE call = (SELECT call FROM packets WHERE id = ?2)",
            (mos, number),
        )
