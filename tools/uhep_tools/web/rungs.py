"""A call as a ladder for the page: a column a participant, a row a message."""

from dataclasses import dataclass

from uhep_tools.arrows import Arrow, Scene
from uhep_tools.chunks import SIP
from uhep_tools.notes import note

PAUSE_US = 1_000_000  # a gap from which on the lifelines are shown broken
_GUTTER, _COLUMN, _CHARACTER = 120, 150, 7  # pixels


@dataclass(frozen=True)
class Column:
    """A participant. x: percent of the width. who: the device at it, or what it does."""

    end: str
    who: str
    x: float


@dataclass(frozen=True)
class Rung:
    """A row. x1, x2: percent, from source to target, the same for what is no SIP message.

    seen: percent, where it was captured. others: who captured it and has no column. pause_us:
    the gap before it if that is long, else 0.
    """

    arrow: Arrow
    since_us: int
    gap_us: int
    pause_us: int
    x1: float
    x2: float
    seen: list[float]
    others: list[str]
    label: str
    style: str


@dataclass(frozen=True)
class Ladder:
    columns: list[Column]
    rungs: list[Rung]

    @property
    def width(self) -> int:
        """Pixels that it takes at the least: no address is written over its neighbour's."""
        longest = max((len(column.end) for column in self.columns), default=0)
        return _GUTTER + len(self.columns) * max(_COLUMN, (longest + 1) * _CHARACTER)


def rungs(picture: Scene) -> Ladder:
    """Where everything of a scene stands."""
    columns = _columns(picture)
    place = {column.end: column.x for column in columns}
    found = []
    start = before = picture.arrows[0].message.stamp_us if picture.arrows else 0
    for arrow in picture.arrows:
        message = arrow.message
        gap = message.stamp_us - before
        seats = {agent: place.get(picture.seats.get(agent, "")) for agent in arrow.agents}
        seen = [x for x in seats.values() if x is not None]
        spoken = message.type == SIP
        at = seen[0] if seen else columns[0].x if columns else 50.0
        found.append(
            Rung(
                arrow,
                since_us=message.stamp_us - start,
                gap_us=gap,
                pause_us=gap if gap >= PAUSE_US else 0,
                x1=place[message.source] if spoken else at,
                x2=place[message.target] if spoken else at,
                seen=seen,
                others=[agent for agent, x in seats.items() if x is None],
                label=_label(arrow),
                style=_style(arrow),
            )
        )
        before = message.stamp_us
    return Ladder(columns, found)


def _columns(picture: Scene) -> list[Column]:
    devices = {end: agent for agent, end in picture.seats.items()}
    peers: dict[str, set[str]] = {}
    for arrow in picture.arrows:
        if arrow.message.type == SIP:
            source, target = arrow.message.source, arrow.message.target
            peers.setdefault(source, set()).add(target)
            peers.setdefault(target, set()).add(source)
    width = 100 / max(1, len(picture.participants))
    return [
        Column(
            end,
            devices.get(end) or ("proxy" if len(peers.get(end, ())) > 1 else ""),
            round((index + 0.5) * width, 3),
        )
        for index, end in enumerate(picture.participants)
    ]


def _label(arrow: Arrow) -> str:
    message = arrow.message
    if message.type != SIP:
        return note(message.packet)[:200]
    return message.label


def _style(arrow: Arrow) -> str:
    message = arrow.message
    if message.type != SIP:
        return "note"
    if message.status:
        return f"r{message.status // 100}"
    return {"INVITE": "start", "BYE": "end", "CANCEL": "end", "ACK": "ack"}.get(
        message.method or "", "other"
    )
