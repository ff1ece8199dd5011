"""A decoded packet for a person's terminal, or as a JSON object."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from rich.text import Text

from uhep_tools import chunks as c
from uhep_tools.hep import Fault, Packet
from uhep_tools.notes import note
from uhep_tools.record import Record
from uhep_tools.status import LOG, parse
from uhep_tools.text import count, endpoint, printable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INDENT = "    "
# The fields of a packet that JSON shows as they are, and those that it shows as text.
_NUMBERS = ("total", "family", "proto", "src", "sport", "dst", "dport", "sec", "usec", "type")
_NUMBERS += ("node_id", "compressed", "vlan", "mos", "r_factor", "jitter")
_TOLD = (5, 34, 35)  # whose payload is told in a line of words
_TEXTS = ("key", "cid", "node_name", "group", "payload")


def as_text(number: int, record: Record, packet: Packet) -> Text:
    """Several lines: the packet's head, its chunks, what is wrong with it, and the payload."""
    time = _time(packet.stamp_us) if packet.stamp_us else "no time"
    text = Text.assemble(
        (f"#{number}", "bold"),
        (f"  {time}  ", "green"),
        (f"{_end(packet.src, packet.sport)} > {_end(packet.dst, packet.dport)}", "cyan"),
        f"  {_named(packet.proto, c.IP_PROTOCOLS, 'protocol')}",
        (f"  {_named(packet.type, c.PAYLOAD_TYPES, 'payload type')}", "bold"),
    )
    where = record.where + (f" from {printable(record.peer)}" if record.peer else "")
    _line(text, f"{', '.join([count(packet.total, 'octet'), *_details(packet)])} ({where})", "dim")
    _line(text, "chunks " + " ".join(_chunk(*entry) for entry in packet.order), "dim")
    for fault in packet.lint:
        _fault(text, fault)
    if packet.type == LOG and (status := parse(packet.payload)):
        _line(text, printable(f"status  {status}"), "green")
    if packet.type in _TOLD and packet.payload:
        _line(text, note(packet), "green")
    if packet.payload:
        text.append("\n")
        for line in packet.payload.removesuffix(b"\n").split(b"\n"):
            _line(text, printable(line.removesuffix(b"\r")))
    return text.append("\n")


def refusal(number: int, record: Record, fault: Fault) -> Text:
    """What is no packet at all, with its first octets."""
    text = Text.assemble((f"#{number}", "bold"), f"  {count(len(record.data), 'octet')}")
    text.append(f" ({record.where})")
    if record.data:
        _line(text, record.data[:32].hex(" ") + (" ..." if record.data[32:] else ""), "dim")
    _fault(text, fault)
    return text.append("\n")


def as_object(record: Record, packet: Packet | None, faults: list[Fault]) -> dict:
    """The packet for JSON. hex is exact; in the texts octets that are not UTF-8 are \\x.. ."""
    found = {
        "where": record.where,
        "received_us": record.received_us,
        "peer": record.peer or None,
        "faults": [_fault_object(fault) for fault in faults if fault.refused],
        "remarks": [_fault_object(fault) for fault in faults if not fault.refused],
    }
    if packet:
        found |= {name: getattr(packet, name) for name in _NUMBERS}
        found["time"] = _time(packet.stamp_us) if packet.stamp_us else None
        found |= {name: _lossy(getattr(packet, name)) for name in _TEXTS}
        found["order"] = packet.order
        status = parse(packet.payload) if packet.type == LOG and packet.payload else None
        if status:
            found["status"] = {"why": status.why, **status.values}
    return found | {"hex": record.data.hex()}


def _line(text: Text, line: str, style: str = "") -> None:
    text.append("\n" + _INDENT)
    text.append(line, style)


def _fault(text: Text, fault: Fault) -> None:
    word, style = ("fault ", "red") if fault.refused else ("remark", "yellow")
    _line(text, f"{word}  {fault}", style)


def _fault_object(fault: Fault) -> dict:
    return {"name": fault.name, "offset": fault.offset, "sentence": fault.sentence}


def _details(packet: Packet) -> Iterator[str]:
    if packet.node_id is not None:
        yield f"capture id {packet.node_id}"
    texts = {"node": packet.node_name, "correlation": packet.cid, "key": packet.key}
    for name, value in (texts | {"group": packet.group}).items():
        if value:
            yield f"{name} {printable(value)}"
    numbers = {"VLAN": packet.vlan, "R-factor": packet.r_factor, "jitter": packet.jitter}
    for name, value in numbers.items():
        if value is not None:
            yield f"{name} {value}"
    if packet.mos is not None:
        yield f"MOS {packet.mos / 100:.2f}"
    if packet.compressed:
        yield f"payload was {packet.compressed}"


def _chunk(vendor: int, kind: int, length: int) -> str:
    known = c.GENERIC.get(kind)
    width = known.width if known and not vendor else None
    size = "" if width is not None else f"[{length - 6}]"
    return (f"{c.VENDORS.get(vendor, hex(vendor))}:" if vendor else "") + f"{kind:x}{size}"


def _end(host: str | None, port: int | None) -> str:
    return endpoint(host or "?", port or 0)


def _named(number: int | None, names: dict[int, str], what: str) -> str:
    if number is None:
        return f"no {what}"
    return names.get(number, f"{what} {number}")


def _time(stamp_us: int) -> str:
    stamp = _EPOCH + timedelta(microseconds=stamp_us)
    return f"{stamp:%Y-%m-%d %H:%M:%S.%f} UTC"


def _lossy(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")
