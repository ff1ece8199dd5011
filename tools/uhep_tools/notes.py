"""Say in one line what a captured packet that is not SIP tells: RTCP, quality, log."""

from uhep_tools import vqreport
from uhep_tools.chunks import PAYLOAD_TYPES
from uhep_tools.figures import json_object, packets
from uhep_tools.hep import Packet
from uhep_tools.status import LOG, parse
from uhep_tools.text import printable

_RTCP = 5
_QUALITY = (32, 34, 38)
_SHORT = 35
_REPORTS = {200: "SR", 201: "RR", 207: "XR"}


def note(packet: Packet) -> str:
    """One printable line of any length; what can not be read in the payload is shown as it is."""
    name = PAYLOAD_TYPES.get(packet.type, f"type {packet.type}")
    content = json_object(packet.payload)
    if packet.type == _RTCP and content:
        said = _rtcp(content)
        name = f"RTCP {_REPORTS.get(_number(content.get('type')), '')}".rstrip()
    elif packet.type in _QUALITY and content:
        said = _report(content)
    elif packet.type == _SHORT and (report := _vq(packet.payload)):
        said = report
    elif packet.type == LOG and (status := parse(packet.payload)):
        name, said = "status", str(status)
    else:
        said = packet.payload.strip().partition(b"\n")[0].strip().decode(errors="backslashreplace")
    if packet.mos is not None and "MOS " not in said:
        said = f"MOS {packet.mos / 100:.2f}, {said}"
    return printable(f"{name}: {said}" if said else name)


def _rtcp(content: dict) -> str:
    """Loss, jitter in clock ticks and packets, of the JSON that all HEP senders agree on."""
    said = []
    blocks = content.get("report_blocks")
    block = blocks[0] if isinstance(blocks, list) and blocks else {}
    if isinstance(block, dict):
        lost, fraction = packets(block.get("packets_lost")), _number(block.get("fraction_lost"))
        if lost is not None:
            percent = f" ({fraction / 256:.1%})" if fraction is not None else ""
            said.append(f"{lost} lost{percent}")
        if (jitter := _number(block.get("ia_jitter"))) is not None:
            said.append(f"jitter {jitter}")
    sender = content.get("sender_information")
    if isinstance(sender, dict) and (sent := _number(sender.get("packets"))) is not None:
        said.append(f"{sent} sent")
    return ", ".join(said)


def _report(content: dict) -> str:
    """What Homer draws of a report, if it has that, else all that is in it."""
    known = {"TYPE": "", "DIR": "DIR ", "MOS": "MOS ", "PACKET_LOSS": "lost ", "JITTER": "jitter "}
    known |= {"RTT": "round trip "}
    if "MOS" not in content and "JITTER" not in content:
        known = {key: f"{key} " for key in content}
    found = [(word, content[key]) for key, word in known.items() if _plain(key, content.get(key))]
    return ", ".join(f"{word}{value}" for word, value in found)


def _vq(payload: bytes) -> str:
    """The first line of an RFC 6035 report, and the metrics that matter."""
    try:
        report = vqreport.parse(payload)
    except ValueError:
        return ""
    names = ("MOSLQ", "MOSCQ", "NLR", "JDR", "IAJ", "RTD")
    told = [f"{name} {report.local[name]}" for name in names if name in report.local]
    return ", ".join([f"{report.kind} {report.what}".strip(), *told])


def _number(value: object) -> int | None:
    """Asterisk writes some of the numbers as strings."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and abs(value) < 1 << 64 else None


def _plain(key: str, value: object) -> bool:
    return isinstance(value, str | int | float) and not key.endswith("_ID")
