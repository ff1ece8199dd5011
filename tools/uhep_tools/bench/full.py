"""Fill a database with a great many messages."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from uhep_tools.hep import decode
from uhep_tools.load.traffic import MEAN_PACKETS, Traffic, stream
from uhep_tools.store import Store
from uhep_tools.tables import CALLS, PACKETS
from uhep_tools.words import text_of

_MADE = 50_000  # messages that are made one by one; more are copies of them, with Call-IDs of
_DAY_US = 86_400_000_000  # their own, a day earlier each time

Progress = Callable[[str, float], None]


def fill(path: Path, messages: int, progress: Progress) -> None:
    """Make a database of so many messages: calls of 500 phones through a day, and days before."""
    made = min(messages, _MADE)
    start_us = time.time_ns() // 1000 - _DAY_US
    packets = stream(Traffic(500), start_us, made / 86_400 / MEAN_PACKETS)
    with sqlite3.connect(":memory:") as texts, Store(path) as store:
        texts.execute("CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT)")
        for number in range(made):
            if number % 500 == 0:
                progress(f"storing {messages:,} messages", number / messages)
            raw = next(packets).packet
            packet = decode(raw, remark=False)
            store.add(packet, raw, "127.0.0.1:9")
            texts.execute("INSERT INTO texts VALUES (?, ?)", (number + 1, text_of(packet)))
    with sqlite3.connect(path) as db:
        copies = range(1, -(-messages // made))
        for copy in copies:
            progress(f"storing {messages:,} messages", copy * made / messages)
            last = min(made, messages - copy * made)
            _copy(db, texts, copy, copy * made, last)
            db.commit()
        db.execute("UPDATE numbered SET last_id = (SELECT max(id) FROM packets)")
    db.close()
    texts.close()


def _copy(
    db: sqlite3.Connection, texts: sqlite3.Connection, copy: int, offset: int, last: int
) -> None:
    """The first `last` messages again, and the calls that were complete by then."""
    earlier = copy * _DAY_US
    changed = {
        "id": f"id + {offset}",
        "call": f"call || '-{copy}'",
        "cid": f"cid || '-{copy}'",
        "last_id": f"last_id + {offset}",
    }
    times = {name: f"{name} - {earlier}" for name in ("received_us", "stamp_us", "start_us")}
    times |= {name: f"{name} - {earlier}" for name in ("head_us", "end_us", "answer_us", "bye_us")}
    changed |= times
    for table, columns, extra, only in (
        ("packets", PACKETS.columns, "", f"id <= {last}"),
        ("calls", CALLS.columns, ", state", f"last_id <= {last}"),
    ):
        values = ", ".join(changed.get(name, name) for name in columns.split(", "))
        db.execute(
            f"INSERT INTO {table} ({columns}{extra}) SELECT {values}{extra} FROM {table}"
            f" WHERE {only}"
        )
    db.execute(
        f"INSERT INTO call_agents SELECT call || '-{copy}', agent FROM call_agents"
        f" WHERE call IN (SELECT call FROM calls WHERE last_id <= {last})"
    )
    db.executemany(
        f"INSERT INTO words (rowid, text) VALUES (? + {offset}, ?)",
        texts.execute("SELECT id, text FROM texts WHERE id <= ?", (last,)),
    )
