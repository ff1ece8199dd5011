"""A scenario: the packets that a device should send, and what holds for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from uhep_tools.expect.patterns import Literal, Pattern

Place = tuple[str | int, ...]  # of a value in a packet, as ("sip", "headers", "cseq")


@dataclass(frozen=True)
class Check:
    """One condition. label: what a person calls the place; place: see view.View."""

    label: str
    place: Place
    pattern: Pattern


@dataclass(frozen=True)
class Expectation:
    """One packet that should come. line: where the file says so."""

    what: str
    line: int
    checks: tuple[Check, ...]

    @property
    def type(self) -> int | None:
        """The payload type, if the scenario gives it as a number or name."""
        for check in self.checks:
            if check.place == ("type",) and isinstance(check.pattern, Literal):
                return check.pattern.value
        return None


@dataclass(frozen=True)
class Rules:
    """What holds for every packet that comes, unless a scenario switches it off.

    strict: none is refused by the strict decoder. addresses: none has the address 0.0.0.0 or
    ::. stamps: those of one agent increase strictly. exact: none comes that is not listed.
    """

    strict: bool = True
    addresses: bool = True
    stamps: bool = True
    exact: bool = True


@dataclass(frozen=True)
class Scenario:
    """What a whole file says. given: the variables that the caller has set, name -> text.

    ignore: payload types that are not counted, and matched with nothing.
    """

    source: str
    what: str
    packets: tuple[Expectation, ...]
    in_order: bool = True
    ignore: frozenset[int] = frozenset()
    rules: Rules = Rules()
    given: Mapping[str, str] = field(default_factory=dict)
