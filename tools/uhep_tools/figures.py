"""The figures of voice quality in one packet, whichever way its sender says them."""

import json
from dataclasses import dataclass

from uhep_tools.hep import Packet

_RTCP = 5
_REPORTS = (32, 34, 38)
_CLOCK_HZ = 8000  # of RTP, where nobody says: G.711 and most others of telephony


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
    mos = packet.mos / 100 if packet.mos else None
    jitter = float(packet.jitter) if packet.jitter is not None and packet.jitter < 60_000 else None
    loss = None
    if packet.type == _RTCP:
        block = _first_block(_object(packet.payload))
        fraction, ticks = number(block.get("fraction_lost")), number(block.get("ia_jitter"))
        loss = fraction * 100 / 256 if fraction is not None and 0 <= fraction <= 256 else None
        if jitter is None and ticks is not None and 0 <= ticks < 1 << 31:
            jitter = ticks * 1000 / _CLOCK_HZ
    elif packet.type in _REPORTS:
        said = _object(packet.payload)
        if mos is None:
            mos = number(said.get("MOS", said.get("MEAN_MOS")))
        lost, expected = number(said.get("PACKET_LOSS")), number(said.get("EXPECTED_PK"))
        if lost is not None and expected and 0 <= lost <= expected:
            loss = lost * 100 / expected
        if jitter is None:
            jitter = number(said.get("MEAN_JITTER", said.get("JITTER")))
    if mos is not None and 5 < mos <= 500:  # some say hundredths
        mos /= 100
    return Figures(mos if mos is not None and 1 <= mos <= 5 else None, loss, jitter)


def _object(payload: bytes) -> dict:
    """The payload as a JSON object; empty if it is none."""
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


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
