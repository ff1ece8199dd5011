"""What differed, for a person."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from uhep_tools.chunks import PAYLOAD_TYPES
from uhep_tools.expect.patterns import shown
from uhep_tools.expect.rules import Breach
from uhep_tools.expect.scenario import Check, Expectation, Scenario
from uhep_tools.expect.view import NAMES, View
from uhep_tools.message import Message
from uhep_tools.text import count, printable

_LONGEST = 300  # characters of a value, which may be a whole message body
_MOST = 20  # surplus packets, breaches, or packets that agree on a variable
_STYLES = {"ok": "green", "differs": "red", "missing": "red", "surplus": "red", "order": "red"}


@dataclass(frozen=True)
class Difference:
    """One check that failed: what would be right, and the values that are there."""

    check: Check
    expected: str
    values: Sequence[Any]

    @property
    def got(self) -> str:
        names = NAMES.get(str(self.check.place[0]), {})
        told = [shown(v) + (f" ({names[v]})" if v in names else "") for v in self.values]
        text = " and ".join(told) or "nothing"
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"


@dataclass(frozen=True)
class Outcome:
    """What became of an expectation, or of a packet that nothing expected (None).

    view: the packet, None if it is missing. misplaced: it came, but out of turn.
    """

    expected: Expectation | None
    view: View | None
    differences: list[Difference] = field(default_factory=list)
    misplaced: bool = False

    @property
    def kind(self) -> str:
        """ok, differs, missing, surplus or order."""
        if self.expected is None:
            return "surplus"
        if self.view is None:
            return "missing"
        if self.misplaced:
            return "order"
        return "differs" if self.differences else "ok"


@dataclass(frozen=True)
class Report:
    """The result of a comparison; prints as text, and in colour on a rich console.

    came: the packets that count. outcomes: one for each expectation and each surplus packet.
    votes: of each variable that packets do not agree on, value -> numbers of the packets.
    """

    scenario: Scenario
    came: list[Message]
    outcomes: list[Outcome]
    breaches: list[Breach]
    votes: Mapping[str, Mapping[str, Sequence[int]]]

    @property
    def ok(self) -> bool:
        return not self.breaches and all(each.kind == "ok" for each in self.outcomes)

    def __str__(self) -> str:
        return self.__rich__().plain

    def __rich__(self) -> Text:
        what = self.scenario.what
        source = f"{self.scenario.source}" + (f" ({what})" if what else "")
        expected = count(len(self.scenario.packets), "packet")
        if self.ok:
            return Text.assemble(
                ("PASS  ", "bold green"), f"{source}: {expected}, all as expected"
            )
        text = Text.assemble(
            ("FAIL  ", "bold red"), f"{source}: {expected} expected, {len(self.came)} came"
        )
        lines = [*self._counts(), *self._packets(), *self._variables(), *self._breaches()]
        for line in lines:
            text.append("\n").append_text(line)
        return text

    def _counts(self) -> Iterator[Text]:
        """A line for each payload type of which there are too many or too few."""
        if not self.scenario.rules.exact or any(e.type is None for e in self.scenario.packets):
            return
        wanted = Counter(each.type for each in self.scenario.packets)
        came = Counter(entry.type for entry in self.came)
        for kind in sorted(wanted | came):
            if wanted[kind] != came[kind]:
                name = PAYLOAD_TYPES.get(kind, f"type {kind}")
                yield Text(f"      {name}: {wanted[kind]} expected, {came[kind]} came")

    def _packets(self) -> Iterator[Text]:
        surplus = 0
        for each in self.outcomes:
            surplus += each.kind == "surplus"
            if each.kind == "surplus" and surplus > _MOST:
                continue
            yield Text.assemble(
                (f"{each.kind:8}", _STYLES[each.kind]), printable(" ".join(_told(each)))
            )
            width = max((len(d.check.label) for d in each.differences), default=0)
            for difference in each.differences:
                label = printable(difference.check.label).ljust(width)
                yield Text.assemble(
                    f"          {label}  expected  ", (difference.expected, "green")
                )
                yield Text.assemble(f"          {'':{width}}  got       ", (difference.got, "red"))
        if surplus > _MOST:
            yield Text(f"surplus and {surplus - _MOST} more")

    def _variables(self) -> Iterator[Text]:
        for name, values in self.votes.items():
            most_first = sorted(values.items(), key=lambda each: -len(each[1]))
            told = [f"{shown(value)} in {_numbers(numbers)}" for value, numbers in most_first]
            yield Text(f"${name} is {', '.join(told)}")

    def _breaches(self) -> Iterator[Text]:
        for breach in self.breaches[:_MOST]:
            yield Text.assemble((f"{breach.rule:9} ", "red"), breach.sentence)
        if left_out := len(self.breaches[_MOST:]):
            yield Text(f"and {left_out} more")


def _numbers(packets: Sequence[int]) -> str:
    each = [f"#{number}" for number in dict.fromkeys(packets)]
    more = [f"and {len(each) - _MOST} more"] if len(each) > _MOST else []
    return " ".join(each[:_MOST] + more)


def _told(outcome: Outcome) -> Iterator[str]:
    expected, view = outcome.expected, outcome.view
    if expected:
        yield f"{expected.what} (line {expected.line})"
    if outcome.misplaced:
        yield "came out of turn:"
    if view:
        entry = view.entry
        yield f"#{view.number} {entry.label}, {entry.source} > {entry.target}, {entry.agent}"
