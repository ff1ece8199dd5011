"""Say in a test which messages should be there: matchers that compare with captured ones."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from uhep_tools.chunks import PAYLOAD_TYPES, SIP
from uhep_tools.figures import figures
from uhep_tools.message import Message
from uhep_tools.sip import headers, long_name

_KINDS = {"sip": 1, "rtcp": 5, "log": 100, "quality": 34}


@dataclass(frozen=True, eq=False)
class Matcher:
    """Equal to each Message that is as it says; made by `message`."""

    what: str | int | None
    fields: dict[str, Any]
    headers: dict[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and not self.differences(other)

    __hash__ = None

    def differences(self, entry: Message) -> list[str]:
        """Why it is not this message, a phrase each; empty if it is."""
        found = []
        if isinstance(self.what, int):
            found += self._differs("status", self.what, entry.status)
        elif self.what in _KINDS:
            found += self._differs("type", _KINDS[self.what], entry.type)
        elif self.what is not None:
            method = entry.method if not entry.status else f"{entry.status} to {entry.method}"
            found += self._differs("method", self.what, method)
        for name, wanted in self.fields.items():
            found += self._differs(name, wanted, _value(entry, name))
        if self.headers:
            there = headers(entry.packet.payload) if entry.type == SIP else {}
            for name, wanted in self.headers.items():
                values = there.get(long_name(name), [])
                if not any(_is(wanted, value) for value in values):
                    found.append(f"{name} is {' and '.join(values) or 'absent'}, not {wanted!r}")
        return found

    @staticmethod
    def _differs(name: str, wanted: Any, value: Any) -> list[str]:
        return [] if _is(wanted, value) else [f"{name} is {value!r}, not {wanted!r}"]

    def __repr__(self) -> str:
        said = [repr(self.what)] if self.what is not None else []
        said += [f"{name}={value!r}" for name, value in self.fields.items()]
        said += [f"headers={self.headers!r}"] if self.headers else []
        return f"message({', '.join(said)})"


def message(
    what: str | int | None = None, *, headers: dict[str, Any] | None = None, **fields: Any
) -> Matcher:
    """A message that is as it says.

    what: a request's method, a response's status as a number, or "sip", "rtcp", "quality",
    "log". fields: attributes of a Message (source, target, agent, cseq, method, call, ...), and
    `body`, `payload`: text. headers: by name, long or compact; one of several must match. A
    value is compared as it is, a compiled regex is searched for, of a callable the answer
    counts.

        assert messages[0] == message("INVITE", agent="alice", body=re.compile("m=audio"))
    """
    return Matcher(what, fields, headers or {})


def in_order(messages: Iterable[Message], *expected: Matcher) -> str:
    """Empty if messages like these are there in this order, others between; else what is not."""
    rest = list(messages)
    for number, wanted in enumerate(expected):
        for at, entry in enumerate(rest):
            if wanted == entry:
                rest = rest[at + 1 :]
                break
        else:
            after = f" after {expected[number - 1]!r}" if number else ""
            left = "\n  ".join(map(told, rest)) or "nothing"
            return f"no {wanted!r}{after}; there is\n  {left}"
    return ""


def told(entry: Message) -> str:
    """One line of a message for a report."""
    return f"{entry.label:16} {entry.source} > {entry.target}, {entry.agent}"


@dataclass(frozen=True)
class Quality:
    """Of all reports of a call, the worst: mos 1 to 5, loss in percent, jitter_ms; None where
    no report says it. reports: how many say anything."""

    mos: float | None
    loss: float | None
    jitter_ms: float | None
    reports: int


def quality(messages: Iterable[Message]) -> Quality:
    """The quality that the RTCP and the reports among these tell."""
    said = [figures(entry.packet) for entry in messages if entry.type != SIP]
    said = [one for one in said if (one.mos, one.loss, one.jitter_ms) != (None, None, None)]
    return Quality(
        min((one.mos for one in said if one.mos is not None), default=None),
        max((one.loss for one in said if one.loss is not None), default=None),
        max((one.jitter_ms for one in said if one.jitter_ms is not None), default=None),
        len(said),
    )


def _value(entry: Message, name: str) -> Any:
    if name == "payload":
        return entry.packet.payload.decode("utf-8", "backslashreplace")
    if name == "body":
        return entry.packet.payload[entry.text.body :].decode("utf-8", "backslashreplace")
    if name == "kind":
        return PAYLOAD_TYPES.get(entry.type, str(entry.type))
    return getattr(entry, name)


def _is(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, re.Pattern):
        return isinstance(value, str) and bool(wanted.search(value))
    if callable(wanted):
        return bool(wanted(value))
    return wanted == value
