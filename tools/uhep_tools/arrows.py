"""Make one arrow of each message on the wire, whoever captured it and how often."""

from collections import Counter
from dataclasses import dataclass, field
from statistics import mean, median

from uhep_tools.chunks import SIP
from uhep_tools.message import Message

LOOKED_AT = 4000  # packets of one call, at most
DRAWN = 1000  # of them, at most; see fewer


@dataclass
class Arrow:
    """One message that went from source to target, addresses as text.

    captures: the packets that tell of it, at most one an agent, the earliest first. again: how
    often the same message went the same way before; above 0 it is a retransmission.
    """

    captures: list[Message]
    again: int = 0

    @property
    def message(self) -> Message:
        return self.captures[0]

    @property
    def agents(self) -> list[str]:
        return [capture.agent for capture in self.captures]


@dataclass
class Scene:
    """A call, ready to be drawn.

    arrows: in the order of time. participants: addresses as text, in the order in which they
    take part in the SIP. seats: agent -> the participant that it is at, where that is known.
    """

    arrows: list[Arrow]
    participants: list[str] = field(default_factory=list)
    seats: dict[str, str] = field(default_factory=dict)


def scene(messages: list[Message]) -> Scene:
    """Arrange the messages of a call, given in the order of their stamps."""
    arrows = _merge(messages)
    spoken = [arrow for arrow in arrows if arrow.message.type == SIP]
    ends = (end for arrow in spoken for end in (arrow.message.source, arrow.message.target))
    return Scene(arrows, list(dict.fromkeys(ends)), _seats(spoken))


def fewer(messages: list[Message], most: int) -> list[Message]:
    """At most so many to draw: without what is no SIP, and then without the middle."""
    if len(messages) > most:
        messages = [message for message in messages if message.type == SIP]
    if len(messages) > most:
        messages = messages[: most // 2] + messages[-(most // 2) :]
    return messages


@dataclass
class _Alike:
    """Equal messages. unseen: agent -> those of arrows[:known[agent]] that it has not captured.

    An agent is (node id, name).
    """

    arrows: list[Arrow] = field(default_factory=list)
    unseen: dict[tuple[int, str], list[Arrow]] = field(default_factory=dict)
    known: dict[tuple[int, str], int] = field(default_factory=dict)


def _merge(messages: list[Message]) -> list[Arrow]:
    found: dict[tuple, _Alike] = {}
    arrows = []
    for message in messages:
        key = (message.type, message.source, message.target, message.packet.payload)
        alike = found.setdefault(key, _Alike())
        agent = message.node_id, message.node_name  # two devices may have one name
        unseen = alike.unseen.setdefault(agent, [])
        unseen += alike.arrows[alike.known.get(agent, 0) :]
        if unseen:
            # The latest of those that this agent has not seen: its clock may differ a little,
            # and an earlier one may have been lost on the way to it.
            unseen.pop().captures.append(message)
        else:
            again = len(alike.arrows) if message.type == SIP else 0
            arrows.append(Arrow([message], again))
            alike.arrows.append(arrows[-1])
        alike.known[agent] = len(alike.arrows)
    return arrows


def _seats(arrows: list[Arrow]) -> dict[str, str]:
    """Which participant each agent is at.

    It takes part in all that it captures. Where that leaves two, as for a device that only ever
    talks to one peer, it is the one from whose address its packets come, or the one that no
    other agent has to do with, as both ends' proxy has, or the one whose messages it sees
    sooner than the other agents do, compared with those of the other way: this holds however
    far the agents' clocks are apart.
    """
    options: dict[str, set[str]] = {}
    near: set[tuple[str, str]] = set()
    late: dict[tuple[str, str], list[float]] = {}
    shared: set[str] = set()
    for arrow in arrows:
        ends = {arrow.message.source, arrow.message.target}
        middle = mean(capture.stamp_us for capture in arrow.captures)
        for capture in arrow.captures:
            agent = capture.agent
            options.setdefault(agent, set(ends)).intersection_update(ends)
            at_host = [end for end in ends if _host(end) == _host(capture.peer)]
            if len(at_host) == 1:
                near.add((agent, at_host[0]))
            if len(arrow.captures) > 1:
                shared.add(agent)
                late.setdefault((agent, arrow.message.source), []).append(
                    capture.stamp_us - middle
                )
    crowd = Counter(end for ends in options.values() for end in ends)
    alone = {
        (agent, end)
        for agent, ends in options.items()
        for end in ends
        if crowd[end] == 1 and all(crowd[other] > 1 for other in ends - {end})
    }
    ranked = sorted(
        (
            len(ends) > 1,
            (agent, end) not in near,
            (agent, end) not in alone,
            median(late.get((agent, end), [0])),
            agent,
            end,
        )
        for agent, ends in options.items()
        for end in ends
    )
    seats: dict[str, str] = {}
    for several, far, crowded, _, agent, end in ranked:
        known = agent in shared or not (several and far and crowded)
        if known and agent not in seats and end not in seats.values():
            seats[agent] = end
    return seats


def _host(address: str) -> str:
    return address.rpartition(":")[0]
