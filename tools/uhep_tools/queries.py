"""What the views ask of a database; Store answers it too."""

from dataclasses import dataclass
from pathlib import Path

from uhep_tools.calls import Call
from uhep_tools.database import connect_to_read
from uhep_tools.message import Message
from uhep_tools.status import LOG, MARK, OWN_CID, Status, parse
from uhep_tools.tables import (
    AGENTS,
    PACKETS,
    REJECTS,
    REJECTS_KEPT,
    SELECT_CALLS,
    Agent,
    Reject,
    to_call,
)
from uhep_tools.words import ask

# As the index packets_status has it.
_IS_STATUS = f"type = {LOG} AND cid = '{OWN_CID}' AND instr(raw, x'{MARK.hex()}')"
_MATCHES = 5000  # messages of a search whose calls are looked at, the newest

# What a person chooses from -> the condition on a call's state.
STATES = {
    "live": "state IN ('calling', 'ringing', 'in call', 'waiting')",
    "ended": "state = 'ended'",
    "answered": "answer_us IS NOT NULL",
    "failed": "state GLOB '[3-6][0-9][0-9]*'",
    "cancelled": "state = 'cancelled'",
    "done": "state GLOB '2[0-9][0-9]*'",
}


@dataclass(frozen=True)
class Filter:
    """Which calls; what is empty does not count.

    search: words in one of its messages, see words.ask; of many matches the newest count.
    state: a key of STATES. user: a part of From's or To's user. mos_below: hundredths.
    *_us: Unix microseconds of the call's first message.
    """

    search: str = ""
    state: str = ""
    method: str = ""
    user: str = ""
    agent: str = ""
    mos_below: int | None = None
    since_us: int | None = None
    until_us: int | None = None

    def where(self) -> tuple[list[str], list[object]]:
        """SQL conditions, and their values."""
        conditions, values = ([STATES[self.state]] if self.state in STATES else []), []
        for value, condition in (
            (self.method, "method = ?"),
            (self.user, "(instr(lower(from_user), lower(?)) OR instr(lower(to_user), lower(?)))"),
            (self.agent, "call IN (SELECT call FROM call_agents WHERE agent = ?)"),
            (self.mos_below, "mos < ?"),
            (self.since_us, "start_us >= ?"),
            (self.until_us, "start_us < ?"),
        ):
            if value:
                conditions.append(condition)
                values += [value] * condition.count("?")
        if self.search.strip():
            condition, more = _searched(self.search)
            conditions.append(condition)
            values += more
        return conditions, values


def _searched(search: str) -> tuple[str, list[object]]:
    words, exact = ask(search)
    if not words:  # nothing but punctuation: no word has it
        return "0", []
    held = " AND instr(raw, ?)" * len(exact)
    return (
        "call IN (SELECT call FROM packets WHERE id IN (SELECT rowid FROM words WHERE words MATCH"
        f" ? ORDER BY rowid DESC LIMIT {_MATCHES}) AND call IS NOT NULL{held})",
        [words, *exact],
    )


class Queries:
    """The questions, for a class that has _query(sql, *values)."""

    def _query(self, sql: str, *values: object) -> list[tuple]:
        raise NotImplementedError

    def call(self, call: str) -> Call | None:
        """The call with this Call-ID, as `printable` text."""
        rows = self._query(f"{SELECT_CALLS} WHERE call = ?", call)
        return to_call(rows[0]) if rows else None

    def calls(
        self,
        limit: int = 100,
        after: int = 0,
        only: Filter | None = None,
        before: tuple[int, str] | None = None,
    ) -> list[Call]:
        """The latest calls, newest first; limit -1: all. after: with packets after this id.

        before: (start_us, call) of the last one that is known already.
        """
        conditions, values = (only or Filter()).where()
        if after:
            conditions.append("last_id > ?")
            values.append(after)
        if before:
            conditions.append("(start_us, call) < (?, ?)")
            values += before
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        sql = f"{SELECT_CALLS}{where} ORDER BY start_us DESC, call DESC LIMIT ?"
        return [to_call(row) for row in self._query(sql, *values, limit)]

    def find(self, beginning: str, limit: int = 10) -> list[str]:
        """Call-IDs that begin so, the latest first."""
        sql = (
            "SELECT call FROM calls WHERE substr(call, 1, length(?1)) = ?1"
            " ORDER BY start_us DESC LIMIT ?2"
        )
        return [call for (call,) in self._query(sql, beginning, limit)]

    def messages(self, call: str, limit: int = -1, last: bool = False) -> list[Message]:
        """All packets of a call in the order of their stamps; at most the first limit of them.

        Also those that a correlation id ties to it: RTCP of an agent that does not correlate by
        Call-ID, the other leg of a back-to-back agent, the PUBLISH of a report about it.
        last: at most the last limit of them.
        """
        order = "DESC" if last else "ASC"
        sql = (
            f"SELECT {PACKETS.columns} FROM packets WHERE call = ?1"
            " OR call IN (SELECT cid FROM packets WHERE call = ?1 AND cid IS NOT NULL)"
            " OR cid IN (SELECT cid FROM packets WHERE call = ?1 AND cid IS NOT NULL) OR cid = ?1"
            f" ORDER BY stamp_us {order}, id {order} LIMIT ?2"
        )
        found = [Message(*row) for row in self._query(sql, call, limit)]
        return found[::-1] if last else found

    def ends(self, call: str, most: int) -> list[Message]:
        """The same; of more than most the first and the last half of so many."""
        found = self.messages(call, most + 1)
        if len(found) <= most:
            return found
        return found[: most // 2] + self.messages(call, most // 2, last=True)

    def message(self, number: int) -> Message | None:
        """The packet with this id."""
        rows = self._query(f"SELECT {PACKETS.columns} FROM packets WHERE id = ?", number)
        return Message(*rows[0]) if rows else None

    def logs(self, limit: int = 100, agent: tuple[int, str] | None = None, before: int = 0):
        """The last packets of type 100, newest first. agent: (node id, name). before: an id."""
        where = "" if agent is None else " AND node_id = ? AND node_name = ?"
        until = " AND id < ?" if before else ""
        sql = (
            f"SELECT {PACKETS.columns} FROM packets WHERE type = {LOG}{where}{until}"
            " ORDER BY id DESC LIMIT ?"
        )
        values = [*(agent or ()), *([before] if before else []), limit]
        return [Message(*row) for row in self._query(sql, *values)]

    def newest_raw(self, limit: int) -> list[bytes]:
        """The octets of the packets that came last."""
        sql = "SELECT raw FROM packets ORDER BY id DESC LIMIT ?"
        return [raw for (raw,) in self._query(sql, limit)]

    def clocks(self) -> dict[tuple[int, str], int]:
        """{(node id, name): microseconds by which its stamp was ahead of our receipt}.

        By the last packet of each agent that sent one of the last 5,000 of all.
        """
        sql = (
            "SELECT node_id, node_name, stamp_us - received_us, max(id) FROM packets"
            " WHERE id > (SELECT max(id) FROM packets) - 5000 GROUP BY node_id, node_name"
        )
        return {(node, name): ahead for node, name, ahead, _ in self._query(sql)}

    def agents(self) -> list[Agent]:
        """All devices that ever sent a packet here, by node id."""
        sql = f"SELECT {AGENTS.columns} FROM agents ORDER BY node_id, node_name"
        return [Agent(*row) for row in self._query(sql)]

    def agent_types(self) -> dict[tuple[int, str], dict[int, int]]:
        """{(node id, name): {payload type: packets}}."""
        found: dict[tuple[int, str], dict[int, int]] = {}
        for node, name, kind, packets in self._query("SELECT * FROM agent_types"):
            found.setdefault((node, name), {})[kind] = packets
        return found

    def statuses(self, after: int = 0) -> list[tuple[Message, Status]]:
        """The last status line of each device that sent one, the latest first.

        after: only of those that sent one after the packet with this id.
        """
        sql = (
            f"SELECT {PACKETS.columns} FROM packets WHERE id IN (SELECT (SELECT max(id)"
            " FROM packets AS p WHERE p.node_id = agents.node_id"
            f" AND p.node_name = agents.node_name AND {_IS_STATUS} AND id > ?) FROM agents)"
            " ORDER BY id DESC"
        )
        found = [Message(*row) for row in self._query(sql, after)]
        lines = [(each, parse(each.packet.payload)) for each in found]
        return [(each, status) for each, status in lines if status]

    def rejects(self, limit: int = REJECTS_KEPT) -> list[Reject]:
        """The last rejects, newest first."""
        sql = f"SELECT {REJECTS.columns} FROM rejects ORDER BY id DESC LIMIT ?"
        return [Reject(*row) for row in self._query(sql, limit)]

    def last_id(self) -> int:
        """The highest id that a packet ever had, 0 if there was none."""
        return self._query("SELECT last_id FROM numbered")[0][0]

    def count(self) -> int:
        """Packets in the database."""
        return self._query("SELECT count(*) FROM packets")[0][0]


class Reader(Queries):
    """A database that is only looked at: it never keeps a writer waiting. Use it in a `with`.

    Raises StoreError: no such file, or one whose schema this version does not have.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._db = connect_to_read(self.path)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *exc: object) -> None:
        self._db.close()

    def _query(self, sql: str, *values: object) -> list[tuple]:
        return self._db.execute(sql, values).fetchall()
