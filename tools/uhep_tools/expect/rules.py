"""What holds for every packet, whichever is expected."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from uhep_tools import chunks as c
from uhep_tools.expect.capture import Capture
from uhep_tools.expect.scenario import Rules
from uhep_tools.message import Message
from uhep_tools.text import printable

_ADDRESSES = {c.SRC4: "source", c.DST4: "destination", c.SRC6: "source", c.DST6: "destination"}


@dataclass(frozen=True)
class Breach:
    """A rule, by its name in `rules:`, and what broke it."""

    rule: str
    sentence: str


def breaches(rules: Rules, capture: Capture) -> Iterator[Breach]:
    """Yield each breach of each rule that is on."""
    if rules.strict:
        for reject in capture.refused:
            where = f"{reject.name} at offset {reject.offset}: {reject.sentence}"
            size = f"{reject.size} octets from {reject.peer}"
            yield Breach("strict", f"{size} were refused, {printable(where)}")
    if rules.addresses:
        yield from _addresses(capture.packets)
    if rules.stamps:
        yield from _stamps(capture.packets)


def _addresses(packets: list[Message]) -> Iterator[Breach]:
    for number, entry in enumerate(packets, 1):
        for chunk in entry.packet.chunks:
            if chunk.vendor or chunk.type not in _ADDRESSES:
                continue
            address = ipaddress.ip_address(chunk.body)
            # An agent that does not know its IPv4 address may write it so in IPv6.
            mapped = getattr(address, "ipv4_mapped", None)
            if (mapped or address).is_unspecified:
                text = f"::ffff:{mapped}" if mapped else str(address)
                yield Breach(
                    "addresses", f"#{number} has {text} for the {_ADDRESSES[chunk.type]} address"
                )


def _stamps(packets: list[Message]) -> Iterator[Breach]:
    latest: dict[tuple[int, str], tuple[int, int]] = {}  # agent -> (stamp, number of packet)
    for number, entry in enumerate(packets, 1):
        stamp = entry.packet.stamp_us
        agent = (entry.node_id, entry.node_name)
        if stamp == 0:
            yield Breach("stamps", f"#{number} ({entry.agent}) has no time: its seconds are 0")
            continue
        before, which = latest.get(agent, (0, 0))
        if stamp < before:
            yield Breach(
                "stamps",
                f"#{number} ({entry.agent}) is stamped {before - stamp} µs before #{which}, "
                "which came before it",
            )
        elif stamp == before:
            yield Breach("stamps", f"#{number} ({entry.agent}) has the same stamp as #{which}")
        latest[agent] = (stamp, number)
