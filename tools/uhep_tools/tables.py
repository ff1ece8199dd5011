"""The rows of the database as objects, and the SQL that goes with them."""

import json
from dataclasses import dataclass, fields
from operator import attrgetter

from uhep_tools.calls import Call
from uhep_tools.message import Message


@dataclass(frozen=True)
class Agent:
    """A capturing device, and what came from it in all. peer: where it was last seen."""

    node_id: int
    node_name: str
    packets: int
    octets: int
    first_us: int
    last_us: int
    peer: str


@dataclass(frozen=True)
class Reject:
    """Something received that is no message. name, offset, sentence: as in a HepError."""

    received_us: int
    peer: str
    name: str
    offset: int
    sentence: str
    size: int


class Table:
    """The columns of a dataclass that is stored as a row.

    without: fields that are no columns. computed: columns that are written, not read back.
    """

    def __init__(
        self,
        name: str,
        cls: type,
        without: tuple[str, ...] = (),
        computed: tuple[str, ...] = (),
    ):
        names = [field.name for field in fields(cls) if field.name not in without]
        self.columns = ", ".join(names)
        self.values = attrgetter(*names, *computed)
        written = ", ".join([*names, *computed])
        marks = ", ".join("?" * (len(names) + len(computed)))
        self.write = f"INSERT OR REPLACE INTO {name} ({written}) VALUES ({marks})"


PACKETS = Table("packets", Message)
CALLS = Table("calls", Call, without=("agents",), computed=("state",))
AGENTS = Table("agents", Agent)
REJECTS = Table("rejects", Reject)

REJECTS_KEPT = 1000

SELECT_CALLS = (
    f"SELECT {CALLS.columns}, (SELECT json_group_array(agent) FROM call_agents AS a"
    " WHERE a.call = calls.call) FROM calls"
)
COUNT_TYPE = (
    "INSERT INTO agent_types VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET packets = packets + excluded.packets"
)
COUNT_AGENT = (
    f"INSERT INTO agents ({AGENTS.columns}) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET packets = packets + excluded.packets,"
    " octets = octets + excluded.octets, last_us = excluded.last_us, peer = excluded.peer"
)


def to_call(row: tuple) -> Call:
    """A Call of what SELECT_CALLS gives."""
    return Call(*row[:-1], agents=sorted(json.loads(row[-1])))
