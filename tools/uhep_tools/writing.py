"""Write a batch of packets, and what is known of their calls and agents, in a transaction."""

import sqlite3
from collections import Counter

from uhep_tools.calls import Call
from uhep_tools.message import Message
from uhep_tools.tables import (
    CALLS,
    COUNT_AGENT,
    COUNT_TYPE,
    PACKETS,
    REJECTS,
    REJECTS_KEPT,
    SELECT_CALLS,
    Reject,
    to_call,
)

_CALLS_AT_ONCE = 500  # of a query, far below SQLite's limit of variables


def write_packets(db: sqlite3.Connection, entries: list[tuple[Message, str]]) -> None:
    """entries: messages without an id, in the order of arrival, and the text of each to search."""
    (last,) = db.execute("SELECT last_id FROM numbered").fetchone()
    numbered = list(enumerate(entries, last + 1))
    db.execute("UPDATE numbered SET last_id = ?", (last + len(entries),))
    db.executemany(PACKETS.write, ((number, *_row(entry)) for number, (entry, _) in numbered))
    db.executemany(
        "INSERT INTO words (rowid, text) VALUES (?, ?)",
        ((number, text) for number, (_, text) in numbered),
    )
    calls = _calls(db, {entry.call for entry, _ in entries if entry.call is not None})
    seen_by = set()
    for number, (entry, _) in numbered:
        if entry.call is not None:
            calls[entry.call].add(entry)
            calls[entry.call].last_id = number
            seen_by.add((entry.call, entry.agent))
    db.executemany(CALLS.write, map(CALLS.values, calls.values()))
    db.executemany("INSERT OR IGNORE INTO call_agents VALUES (?, ?)", seen_by)
    _count_agents(db, [entry for entry, _ in entries])


def _row(entry: Message) -> tuple:
    return PACKETS.values(entry)[1:]


def _calls(db: sqlite3.Connection, names: set[str]) -> dict[str, Call]:
    """Each with what the database knows of it."""
    found = {name: Call(name) for name in names}
    ordered = sorted(names)
    for at in range(0, len(ordered), _CALLS_AT_ONCE):
        part = ordered[at : at + _CALLS_AT_ONCE]
        marks = ", ".join("?" * len(part))
        for row in db.execute(f"{SELECT_CALLS} WHERE call IN ({marks})", part):
            call = to_call(row)
            found[call.call] = call
    return found


def _count_agents(db: sqlite3.Connection, entries: list[Message]) -> None:
    last = {(entry.node_id, entry.node_name): entry for entry in entries}
    first = {(entry.node_id, entry.node_name): entry for entry in reversed(entries)}
    packets: Counter = Counter()
    octets: Counter = Counter()
    types: Counter = Counter()
    for entry in entries:
        agent = (entry.node_id, entry.node_name)
        packets[agent] += 1
        octets[agent] += len(entry.raw)
        types[*agent, entry.type] += 1
    db.executemany(
        COUNT_AGENT,
        (
            (*agent, packets[agent], octets[agent])
            + (first[agent].received_us, one.received_us, one.peer)
            for agent, one in last.items()
        ),
    )
    db.executemany(COUNT_TYPE, ((*key, number) for key, number in types.items()))


def write_rejects(db: sqlite3.Connection, rejects: list[Reject]) -> None:
    """Append them; only the last REJECTS_KEPT of all are kept."""
    db.executemany(REJECTS.write, map(REJECTS.values, rejects))
    db.execute(
        "DELETE FROM rejects WHERE id <= (SELECT max(id) FROM rejects) - ?", (REJECTS_KEPT,)
    )
