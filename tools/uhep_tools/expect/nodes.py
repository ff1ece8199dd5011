"""Read YAML that a person wrote: every mistake is told with its file and line.

Plain words are read as YAML 1.2 does: only true and false are booleans, 10:20 and 007 are
text, no date is made of anything.
"""

import difflib
import re
from collections.abc import Iterable
from typing import Any, NoReturn

import yaml


class ScenarioError(ValueError):
    """A scenario that can not be used: names the file, the line, and what would be right."""


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"0|-?[1-9][0-9]*", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)([eE][-+]?[0-9]+)?", "-0123456789"),
    ("merge", "<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"({_pattern})$"), list(_first)
    )

_KINDS = {"mapping": "keys with values", "sequence": "a list", "scalar": "one value"}


class Document:
    """A YAML text and its nodes. source: what to call it in errors, its path mostly."""

    def __init__(self, text: str, source: str):
        """Raises ScenarioError if it is not YAML, or empty."""
        self.source = source
        try:
            self._loader = _Loader(text)
            root = self._loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = " ".join(filter(None, (error.context, error.problem)))
            if "flow" in problem:
                problem += "; within { } and [ ], text with any of , : ? [ ] { } needs quotes"
            raise ScenarioError(f"{source}, line {mark.line + 1}: {problem}") from None
        except yaml.reader.ReaderError as error:
            at = text.count("\n", 0, error.position) + 1
            raise ScenarioError(f"{source}, line {at}: {error.reason}") from None
        except RecursionError:
            raise ScenarioError(f"{source} is nested too deeply") from None
        if root is None:
            raise ScenarioError(f"{source} is empty; `packets:` with a list is the least")
        self.root = root
        self._flat: set[yaml.Node] = set()

    def fail(self, node: yaml.Node, sentence: str) -> NoReturn:
        raise ScenarioError(f"{self.source}, line {line(node)}: {sentence}")

    def mapping(
        self, node: yaml.Node, what: str, known: Iterable[str] | None = None
    ) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """{key: (its node, node of its value)} of a mapping, with what `<<` merges in.

        known: the keys that there may be, None for any.
        """
        self._expect(node, yaml.MappingNode, what)
        if node not in self._flat:
            self._flatten(node, what)
        found = {key.value: (key, value) for key, value in node.value}
        if known is not None:
            for key, (at, _) in found.items():
                if key not in known:
                    self.fail(at, f"unknown key {key!r} in {what}; {suggest(key, known)}")
        return found

    def _flatten(self, node: yaml.MappingNode, what: str) -> None:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if key.tag.endswith(":merge"):
                continue
            self._expect(key, yaml.ScalarNode, f"a key of {what}")
            if key.value in seen:
                self.fail(key, f"{key.value!r} is there already, in line {seen[key.value]}")
            seen[key.value] = line(key)
        try:
            self._loader.flatten_mapping(node)
        except yaml.MarkedYAMLError as error:
            self.fail(node, f"{error.problem}")
        self._flat.add(node)

    def sequence(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        self._expect(node, yaml.SequenceNode, what)
        return node.value

    def text(self, node: yaml.Node, what: str) -> str:
        """The text of a value as it is written, without the quotes."""
        self._expect(node, yaml.ScalarNode, what)
        return node.value

    def value(self, node: yaml.Node, what: str) -> str | int | float | bool | None:
        """The value that is written."""
        self._expect(node, yaml.ScalarNode, what)
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self.fail(node, f"{what} is {node.value!r}, which is no {node.tag}")

    def _expect(self, node: yaml.Node, kind: type[yaml.Node], what: str) -> None:
        if not isinstance(node, kind):
            self.fail(node, f"{what} must be {_KINDS[kind.id]}, not {_KINDS[node.id]}")


def line(node: yaml.Node) -> int:
    """The line that a node begins in, from 1."""
    return node.start_mark.line + 1


def suggest(word: str, known: Iterable[str]) -> str:
    """What may be meant by an unknown word, and all that is known."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, 1)
    meant = f"{close[0]!r} may be meant; " if close else ""
    return f"{meant}known are: {', '.join(known)}"
