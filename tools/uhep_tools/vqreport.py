"""Read a voice quality report of RFC 6035 (application/vq-rtcpxr)."""

import re
from dataclasses import dataclass, field

from uhep_tools.figures import number

_FIRST = re.compile(r"VQ(Session|Interval|Alert)Report\s*:?\s*(.*)")
_LINE = re.compile(r"([A-Za-z][A-Za-z-]*)\s*:\s*(.*)")
# A word is read once: hostile ones are long.
_PAIR = re.compile(r'(?<![\w-])([A-Za-z][\w-]*+)=("[^"]*"|[^\s"]+)')
_METRICS = ("LocalMetrics", "RemoteMetrics")
# What is about the call, wherever it stands: CallID, LocalAddr, RemoteGroup, LocalMAC ...
_OF_THE_CALL = re.compile(r"[A-Za-z]+(ID|Addr|Group|MAC)")


@dataclass(frozen=True)
class VqReport:
    """A report as it was written; nothing is filled in.

    kind: "session", "interval" or "alert". what: the rest of its first line: CallTerm, or what
    the alert is about. fields: CallID, LocalID, ... as text. local, remote: the metrics of each
    side, by name as in the RFC (NLR, IAJ, MOSCQ ...), as text; START and STOP are among them.
    """

    kind: str
    what: str
    fields: dict[str, str] = field(default_factory=dict)
    local: dict[str, str] = field(default_factory=dict)
    remote: dict[str, str] = field(default_factory=dict)

    @property
    def call_id(self) -> str | None:
        return self.fields.get("CallID")

    def number(self, name: str, remote: bool = False) -> float | None:
        """A metric as a finite number, None if it is not there or none."""
        return number((self.remote if remote else self.local).get(name))

    def address(self, side: str) -> tuple[str, int, str]:
        """(IP, port, SSRC as written) of "Local" or "Remote"; "", 0 where it is not told."""
        pairs = _pairs(self.fields.get(f"{side}Addr", ""))
        port = number(pairs.get("PORT")) or 0
        return pairs.get("IP", ""), int(port) if 0 < port < 65536 else 0, pairs.get("SSRC", "")


def parse(text: bytes | str) -> VqReport:
    """Read a report, in the spellings that devices use: a colon or none after the first words,
    any space after the others, a bare "Metrics:" for LocalMetrics, folded lines (RFC 6035 4.6);
    as before the RFC, what is about the call may stand among the metrics.

    Raises ValueError with a sentence for what is none.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    lines = _unfolded(text)
    first = _FIRST.fullmatch(lines[0]) if lines else None
    if not first:
        raise ValueError(
            "it does not begin with VQSessionReport, VQIntervalReport or VQAlertReport"
        )
    report = VqReport(first[1].lower(), first[2])
    into = None
    for line in lines[1:]:
        entry = _LINE.fullmatch(line)
        if not entry:
            raise ValueError(f"{line!r} is no line of a report")
        name, value = entry.groups()
        name = "LocalMetrics" if name == "Metrics" else name
        if name in _METRICS:
            into = report.local if name == "LocalMetrics" else report.remote
        elif into is None or _OF_THE_CALL.fullmatch(name):
            report.fields.setdefault(name, value)
        else:
            for key, found in _pairs(value).items():
                into.setdefault(key, found)
    if "CallID" not in report.fields:
        raise ValueError("it has no CallID")
    return report


def _unfolded(text: str) -> list[str]:
    """Its lines. One that begins with a space goes on with the line before, unless it has a name
    of its own: some indent the metrics.
    """
    lines: list[str] = []
    for line in text.strip().splitlines():
        said = line.strip()
        if lines and line[:1].isspace() and not _LINE.fullmatch(said):
            lines[-1] = f"{lines[-1]} {said}".strip()
        elif said:
            lines.append(said)
    return lines


def _pairs(text: str) -> dict[str, str]:
    return {key: value.strip('"') for key, value in _PAIR.findall(text)}
