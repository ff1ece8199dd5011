"""How a capturing device is: what came from it, and what it says of itself in its logs."""

import re
from dataclasses import dataclass

from uhep_tools.message import Message
from uhep_tools.queries import Queries
from uhep_tools.status import LOG, parse
from uhep_tools.text import printable

_PAIR = re.compile(r"(?<![\w.-])([A-Za-z_][\w.-]*+)=(\"[^\"]*\"|\S*)")
_LINES = 20  # of its last ones that are looked through
# In a packet as it is: to decode each line of each device would take seconds.
_UPTIME = re.compile(rb"\bup(?:time)?=(\d+(?:\.\d+)?)(?![^ \n])")
_DROPS = ("dropped", "drops", "lost")


@dataclass(frozen=True)
class Health:
    """A device. clock_us: how far its clock is ahead of ours, by the last line or packet of it;
    what travelled late makes it smaller. reboots: in its last log lines. told: the pairs of its
    last status line. told_us: when that came."""

    node_id: int
    name: str
    peer: str
    packets: int
    octets: int
    first_us: int
    last_us: int
    types: dict[int, int]
    told: dict[str, str]
    told_us: int | None
    clock_us: int | None
    reboots: int

    @property
    def agent(self) -> str:
        return self.name or f"node {self.node_id}"

    @property
    def dropped(self) -> str:
        """How many packets it says it dropped, as it says it."""
        return next((self.told[key] for key in _DROPS if key in self.told), "0")


def told(message: Message) -> dict[str, str]:
    """What a status line tells, or the key=value pairs of any log line; printable."""
    payload = message.packet.payload[:4096]
    if status := parse(payload):
        pairs = {"why": status.why, **status.values}
        return {key: printable(str(value)) for key, value in pairs.items()}
    line = payload.decode("utf-8", "backslashreplace")
    return {key: printable(value.strip('"')) for key, value in _PAIR.findall(line)}


def healths(queries: Queries, most: int = 200) -> list[Health]:
    """The devices that were heard last, the latest first; at most so many."""
    types, clocks = queries.agent_types(), queries.clocks()
    found = []
    for agent in sorted(queries.agents(), key=lambda one: -one.last_us)[:most]:
        key = (agent.node_id, agent.node_name)
        lines = queries.logs(_LINES, key) if LOG in types.get(key, {}) else []
        status = next(((line, pairs) for line in lines if len(pairs := told(line)) > 2), None)
        found.append(
            Health(
                agent.node_id,
                agent.node_name,
                agent.peer,
                agent.packets,
                agent.octets,
                agent.first_us,
                agent.last_us,
                types=types.get(key, {}),
                told=status[1] if status else {},
                told_us=status[0].received_us if status else None,
                clock_us=clocks.get(key),
                reboots=_reboots(lines),
            )
        )
    return found


def _reboots(newest_first: list[Message]) -> int:
    """How often the time since the start went back."""
    found = [_UPTIME.search(line.raw) for line in reversed(newest_first)]
    ups = [float(each[1]) for each in found if each]
    return sum(later < earlier for earlier, later in zip(ups, ups[1:], strict=False))
