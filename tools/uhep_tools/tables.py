"""The rows of the database as objects, and the SQL that goes with them."""

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
    """The columns of a dataclass that is stored as a row."""

    def __init__(self, name: str, cls: type, without: tuple[str, ...] = ()):
        names = [field.name for field in fields(cls) if field.name not in without]
        self.columns = ", ".join(names)
        self.values = attrgetter(*names)
        marks = ", ".join("?" * len(names))
        self.write = f"INSERT OR REPLACE INTO {name} ({self.columns}) VALUES ({marks})"


PACKETS = Table("packets", Message, without=("id",))
CALLS = Table("calls", Call, without=("agents",))
AGENTS = Table("agents", Agent)
REJECTS = Table("rejects", Reject)

SELECT_CALLS = (
    f"SELECT {CALLS.columns}, (SELECT json_group_array(agent) FROM call_agents AS a"
    " WHERE a.call = calls.call) FROM calls"
)
COUNT_AGENT = (
    f"INSERT INTO agents ({AGENTS.columns}) VALUES (?, ?, 1, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET packets = packets + 1, octets = octets + excluded.octets,"
    " last_us = excluded.last_us, peer = excluded.peer"
)
