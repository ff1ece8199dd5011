"""The figures of voice quality in one packet, whichever way its sender says them."""

import json
from dataclasses import dataclass

from uhep_tools.hep import Packet

_RTCP = 5
_REPORTS = (32, 34, 38)
CLOCK_HZ = 8000  # of RTP, where nobody says: G.711 and most others of telephony
_LONGEST_MS = 60_000  # of a jitter or a round trip: what is longer is no measurement


@dataclass(frozen=True)
class Figures:
    """mos: 1.0 to 5.0. loss: percent. jitter_ms. Each None where the packet does not say."""

    mos: float | None = None
    loss: float | None = None
    jitter_ms: float | None = None


def figures(packet: Packet) -> Figures:
    """Chunks 0x20 and 0x23 first, then the JSON of RTCP (5) and of reports (32, 34, 38).

    Interarrival jitter of RTCP is in ticks of the RTP clock, taken as 8 kHz.
    """
    mos = score(packet.mos / 100) if packet.mos else None
    jitter = milliseconds(packet.jitter)
    loss = None
    if packet.type == _RTCP:
        block = _first_block(json_object(packet.payload))
        loss = percent(block.get("fraction_lost"), 256)
        if jitter is None:
            jitter = milliseconds(block.get("ia_jitter"), CLOCK_HZ)
    elif packet.type in _REPORTS:
        said = json_object(packet.payload)
        if mos is None:
            mos = score(said.get("MOS", said.get("MEAN_MOS")), hundredths=True)
        loss = percent(said.get("PACKET_LOSS"), said.get("EXPECTED_PK"))
        if jitter is None:
            jitter = milliseconds(said.get("MEAN_JITTER", said.get("JITTER")))
    return Figures(mos, loss, jitter)


def score(value: object, hundredths: bool = False) -> float | None:
    """A MOS from 1 to 5, or None. hundredths: it may be one of 100 to 500, as some write it."""
    mos = number(value)
    if hundredths and mos is not None and mos > 5:
        mos /= 100
    return mos if mos is not None and 1 <= mos <= 5 else None


def percent(part: object, of: object) -> float | None:
    """What part of it in percent; None where that is less than nothing or more than all."""
    some, all_of_it = number(part), number(of)
    if some is None or not all_of_it or not 0 <= some <= all_of_it:
        return None
    return some * 100 / all_of_it


def milliseconds(value: object, hz: int = 1000) -> float | None:
    """A jitter or a round trip in ticks of so many Hz; None where it can not be one."""
    ticks = number(value)
    if ticks is None or not 0 <= ticks * 1000 / hz < _LONGEST_MS:
        return None
    return ticks * 1000 / hz


def json_object(payload: bytes) -> dict:
    """The payload as a JSON object; empty if it is none."""
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def packets(value: object) -> int | None:
    """A number of lost packets. None for less than none, also as Asterisk writes it: 24 bits."""
    lost = number(value)
    return int(lost) if lost is not None and 0 <= lost <= 0x7FFFFF else None


def _first_block(report: dict) -> dict:
    blocks = report.get("report_blocks")
    block = blocks[0] if isinstance(blocks, list) and blocks else {}
    return block if isinstance(block, dict) else {}


def number(value: object) -> float | None:
    """A finite number, also where it is written as a string; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and len(value) < 32:
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float) or not abs(value) < 1 << 63:
        return None
    return float(value)
