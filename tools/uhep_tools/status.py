"""Read the line that an agent tells about itself (lib/uhep/README.md, Status line)."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from uhep_tools.text import count, span

LOG = 100  # the payload type of such a line
OWN_CID = "uhep"  # the correlation id of an agent's own lines: status and keep-alive
MARK = b"uhep why="  # how a status line begins
_PAIR = re.compile(r'([a-z0-9_]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?:\s+|$)')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Gap:
    """Packets that an agent lost. from_us, to_us: stamps of the first and the last, Unix
    microseconds; calls: Call-IDs of at most four, cut at 64 octets; more: there were others."""

    lost: int
    from_us: int
    to_us: int
    calls: tuple[str, ...] = ()
    more: bool = False

    def __str__(self) -> str:
        said = f"{count(self.lost, 'packet')} lost"
        if self.to_us > self.from_us:
            said += f" in {span(self.to_us - self.from_us)}"
        said += f" from {_EPOCH + timedelta(microseconds=self.from_us):%H:%M:%S} UTC"
        calls = " ".join(self.calls) + (" and others" if self.more and self.calls else "")
        return f"{said}, of {calls}" if calls else said


@dataclass(frozen=True)
class Status:
    """One status line. values: all its pairs in order, numbers as int; what is absent is 0.

    why: start, time, outage, gap, failure, spool, or what the device asked with.
    """

    why: str
    values: dict[str, int | str] = field(default_factory=dict)

    def number(self, key: str) -> int:
        """The counter `key`; 0 if it is not there, or no number."""
        value = self.values.get(key, 0)
        return value if isinstance(value, int) else 0

    def word(self, key: str) -> str:
        """The text `key`; "" if it is not there."""
        return str(self.values.get(key, ""))

    @property
    def gap(self) -> Gap | None:
        """What was lost since the line before, or None."""
        return self._gap("")

    @property
    def copy_gap(self) -> Gap | None:
        """The same of the second collector of an agent that sends a copy to each."""
        return self._gap("copy_")

    def _gap(self, prefix: str) -> Gap | None:
        if not self.number(prefix + "lost"):
            return None
        return Gap(
            self.number(prefix + "lost"),
            _stamp_us(self.word(prefix + "lost_from")),
            _stamp_us(self.word(prefix + "lost_to")),
            tuple(self.word(prefix + "lost_calls").split()),
            bool(self.number(prefix + "lost_more")),
        )

    def __str__(self) -> str:
        """For a person: the state and what was lost, in one line."""
        said = [f"up {span(self.number('up') * 1_000_000)}"]
        if self.word("reset"):
            said.append(f"reset {self.word('reset')}")
        if self.number("heap"):
            said.append(f"{self.number('heap'):,} octets free")
        if self.word("clock") != "set":
            said.append("clock not set")
        said.append(f"{self.number('sent'):,} sent")
        for key in ("dropped", "unconfirmed"):
            if self.number(key):
                said.append(f"{self.number(key):,} {key}")
        if self.number("connects") > 1:
            said.append(count(self.number("connects") - 1, "reconnect"))
        if self.gap:
            said.append(str(self.gap))
        if self.copy_gap:
            said.append(f"for the second collector {self.copy_gap}")
        if self.word("failure"):
            said.append(self.word("failure"))
        if self.word("spool") not in ("", "ok"):
            said.append(f"spool {self.word('spool')}")
        return f"{self.why}: " + ", ".join(said)


def parse(payload: bytes) -> Status | None:
    """The status line in the payload of a type-100 packet; None if it is none.

    Never raises: pairs that can not be read end the line.
    """
    if not payload.startswith(MARK):
        return None
    text = payload.removeprefix(b"uhep ").decode("ascii", "replace")
    values: dict[str, int | str] = {}
    at = 0
    while pair := _PAIR.match(text, at):
        values[pair[1]] = _value(pair[2])
        at = pair.end()
    why = values.pop("why", "")
    return Status(str(why), values)


def _value(text: str) -> int | str:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text


def _stamp_us(text: str) -> int:
    """1767225600.123456 as microseconds; 0 for what is no stamp."""
    found = re.fullmatch(r"([0-9]{1,10})\.([0-9]{6})", text)
    return int(found[1]) * 1_000_000 + int(found[2]) if found else 0
