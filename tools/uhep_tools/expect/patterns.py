"""What one value of a packet should be: a literal, a regex, a variable, there, or absent."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uhep_tools.text import printable

# Text of a variable -> name. Values are compared as text: a port that a regex finds in a
# header is the same as the number of a chunk.
Bindings = Mapping[str, str]


class Pattern(ABC):
    """One condition on the values that a packet has at some place.

    A place has no value, one, or several: a SIP header may come more than once, and then one
    of them that is right is enough.
    """

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables in it."""
        return frozenset()

    @abstractmethod
    def match(self, values: Sequence[Any], bound: Bindings) -> dict[str, str] | None:
        """None if it does not match; else what its variables are then.

        A variable that is in `bound` has to have that value, any other may have every one.
        """

    @abstractmethod
    def told(self, bound: Bindings) -> str:
        """For a report: what would be right."""


@dataclass(frozen=True)
class Literal(Pattern):
    """This very value, of this very type: 5 is not "5", and true is not 1."""

    value: Any
    name: str = ""  # what a person calls the number: 17 is UDP

    def match(self, values: Sequence[Any], bound: Bindings) -> dict[str, str] | None:
        return {} if any(_same(value, self.value) for value in values) else None

    def told(self, bound: Bindings) -> str:
        return shown(self.value) + (f" ({self.name})" if self.name else "")


@dataclass(frozen=True)
class Regex(Pattern):
    """Found anywhere in a text or number. A named group is a variable."""

    regex: re.Pattern[str]

    @property
    def variables(self) -> frozenset[str]:
        return frozenset(self.regex.groupindex)

    def match(self, values: Sequence[Any], bound: Bindings) -> dict[str, str] | None:
        for value in values:
            if value is None or isinstance(value, list | dict):
                continue
            if found := self.regex.search(as_text(value)):
                groups = {k: text for k, text in found.groupdict().items() if text is not None}
                if all(bound.get(name, text) == text for name, text in groups.items()):
                    return groups
        return None

    def told(self, bound: Bindings) -> str:
        known = [_told(name, bound) for name in sorted(self.variables) if name in bound]
        return " with ".join([f"/{self.regex.pattern}/", *([", ".join(known)] if known else [])])


@dataclass(frozen=True)
class Variable(Pattern):
    """The same value wherever the name stands."""

    name: str

    @property
    def variables(self) -> frozenset[str]:
        return frozenset({self.name})

    def match(self, values: Sequence[Any], bound: Bindings) -> dict[str, str] | None:
        for text in map(as_text, values):
            if bound.get(self.name, text) == text:
                return {self.name: text}
        return None

    def told(self, bound: Bindings) -> str:
        return _told(self.name, bound)


@dataclass(frozen=True)
class Presence(Pattern):
    """There with any value, or not there at all."""

    there: bool

    def match(self, values: Sequence[Any], bound: Bindings) -> dict[str, str] | None:
        return {} if bool(values) == self.there else None

    def told(self, bound: Bindings) -> str:
        return "any value" if self.there else "nothing"


@dataclass(frozen=True)
class Container(Pattern):
    """A JSON object, or a JSON list of this length."""

    length: int | None = None  # None: an object

    def match(self, values: Sequence[Any], bound: Bindings) -> dict[str, str] | None:
        for value in values:
            if self.length is None:
                right = isinstance(value, dict)
            else:
                right = isinstance(value, list) and len(value) == self.length
            if right:
                return {}
        return None

    def told(self, bound: Bindings) -> str:
        return "an object" if self.length is None else f"a list of length {self.length}"


def as_text(value: Any) -> str:
    """The text that variables and regexes see of a value."""
    return value if isinstance(value, str) else json.dumps(value)


def shown(value: Any) -> str:
    """A value for a person's terminal; text in quotes, so that it is seen where it ends."""
    text = f'"{value}"' if isinstance(value, str) else json.dumps(value)
    return printable(text)


def _same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _told(name: str, bound: Bindings) -> str:
    return f"${name} = {shown(bound[name])}" if name in bound else f"${name}"
