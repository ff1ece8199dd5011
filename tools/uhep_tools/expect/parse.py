"""Read a scenario from YAML."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from uhep_tools.expect.nodes import Document, ScenarioError, line, suggest
from uhep_tools.expect.patterns import Container, Literal, Pattern, Presence, Regex, Variable
from uhep_tools.expect.scenario import Check, Expectation, Place, Rules, Scenario
from uhep_tools.expect.view import ENDS, FIELDS, NAMES, SIP_FIELDS, canonical
from uhep_tools.sip import long_name

_TOP = ("what", "order", "ignore", "rules", "defaults", "packets")
_PACKET = ("what", "times", *FIELDS, "sip", "json")
_DEFAULTS = (*FIELDS, "sip")
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)


def load(path: str | Path, given: Mapping[str, str] | None = None) -> Scenario:
    """The scenario of a file. given: variables that are set already, name -> text.

    Raises ScenarioError.
    """
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise ScenarioError(f"{path} can not be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path} is not UTF-8 text") from None
    return parse(text, given, str(path))


def parse(text: str, given: Mapping[str, str] | None = None, source: str = "scenario") -> Scenario:
    """The scenario of a YAML text; source: what errors call it. Raises ScenarioError."""
    try:
        return _Parser(Document(text, source)).scenario(given or {})
    except RecursionError:
        raise ScenarioError(f"{source} is nested too deeply") from None


class _Parser:
    def __init__(self, document: Document):
        self.doc = document
        self.uses: Counter[str] = Counter()  # of a variable, in how many checks
        self.first_use: dict[str, yaml.Node] = {}

    def scenario(self, given: Mapping[str, str]) -> Scenario:
        doc = self.doc
        top = doc.mapping(doc.root, "the scenario", _TOP)
        if "packets" not in top:
            doc.fail(doc.root, "`packets:` is missing, the list of what should come")
        defaults = self._packet_checks(top["defaults"][1], _DEFAULTS) if "defaults" in top else {}
        packets: list[Expectation] = []
        for node in doc.sequence(top["packets"][1], "packets"):
            packets += self._packet(node, defaults)
        scenario = Scenario(
            source=doc.source,
            what=doc.text(top["what"][1], "what") if "what" in top else "",
            packets=tuple(packets),
            in_order="order" not in top or self._in_order(top["order"][1]),
            ignore=frozenset(self._types(top["ignore"][1])) if "ignore" in top else frozenset(),
            rules=self._rules(top["rules"][1]) if "rules" in top else Rules(),
            given=dict(given),
        )
        self._check_variables(scenario)
        return scenario

    def _in_order(self, node: yaml.Node) -> bool:
        order = self.doc.text(node, "order")
        if order not in ("listed", "any"):
            self.doc.fail(node, f"order is {order!r}; use listed (as below) or any")
        return order == "listed"

    def _types(self, node: yaml.Node) -> Iterator[int]:
        for entry in self.doc.sequence(node, "ignore"):
            yield self._number(entry, "type", "a type to ignore")

    def _rules(self, node: yaml.Node) -> Rules:
        found = {}
        for rule, (_, value) in self.doc.mapping(node, "rules", Rules.__annotations__).items():
            found[rule] = self.doc.value(value, rule)
            if not isinstance(found[rule], bool):
                self.doc.fail(value, f"{rule} is {value.value!r}; use true or false")
        return Rules(**found)

    def _packet(self, node: yaml.Node, defaults: dict[Place, Check]) -> list[Expectation]:
        doc = self.doc
        own = self._packet_checks(node, _PACKET)
        keys = doc.mapping(node, "a packet")
        inherited = {
            place: check
            for place, check in defaults.items()
            if place[0] in FIELDS or place[0] in keys  # `sip` is for packets that have `sip`
        }
        if "sip" in keys:
            inherited.setdefault(("type",), Check("type", ("type",), Literal(1, "SIP")))
        checks = inherited | own
        times = 1
        if "times" in keys:
            at = keys["times"][1]
            times = doc.value(at, "times")
            if isinstance(times, bool) or not isinstance(times, int) or not 0 < times <= 10000:
                doc.fail(at, f"times is {at.value!r}; use a number from 1 to 10000")
        for check in checks.values():
            for name in check.pattern.variables:
                self.uses[name] += times
                self.first_use.setdefault(name, node)
        what = doc.text(keys["what"][1], "what") if "what" in keys else _title(checks)
        return [Expectation(what, line(node), tuple(checks.values()))] * times

    def _packet_checks(self, node: yaml.Node, known: tuple[str, ...]) -> dict[Place, Check]:
        what = "a packet" if known is _PACKET else "defaults"
        checks: dict[Place, Check] = {}
        for key, (_, value) in self.doc.mapping(node, what, known).items():
            if key == "sip":
                checks |= self._sip(value)
            elif key == "json":
                checks |= {c.place: c for c in self._json(value, ("json",), "json")}
            elif key in FIELDS:
                checks[(key,)] = Check(key, (key,), self._pattern(value, key))
        return checks

    def _sip(self, node: yaml.Node) -> dict[Place, Check]:
        checks: dict[Place, Check] = {}
        known = (*SIP_FIELDS, "headers")
        for key, (_, value) in self.doc.mapping(node, "sip", known).items():
            if key != "headers":
                place: Place = ("sip", key)
                checks[place] = Check(key, place, self._pattern(value, key))
                continue
            for name, (at, wanted) in self.doc.mapping(value, "headers").items():
                place = ("sip", "headers", long_name(name))
                if place in checks:
                    self.doc.fail(at, f"header {name!r} is there already")
                checks[place] = Check(name, place, self._pattern(wanted, f"header {name}"))
        return checks

    def _json(self, node: yaml.Node, place: Place, label: str) -> Iterator[Check]:
        """A check for each value at the leaves, and one for each object and list itself."""
        if isinstance(node, yaml.MappingNode):
            yield Check(label, place, Container())
            for key, (_, value) in self.doc.mapping(node, label).items():
                yield from self._json(value, (*place, key), f"{label}.{key}")
        elif isinstance(node, yaml.SequenceNode):
            yield Check(label, place, Container(len(node.value)))
            for at, value in enumerate(node.value):
                yield from self._json(value, (*place, at), f"{label}[{at}]")
        else:
            value = self.doc.value(node, label)
            special = self._special(node) if isinstance(value, str) else None
            yield Check(label, place, special or Literal(value))

    def _pattern(self, node: yaml.Node, key: str) -> Pattern:
        """The pattern for a field, whose kind says what a literal has to be."""
        special = self._special(node) if isinstance(node, yaml.ScalarNode) else None
        if special:
            return special
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":bool"):
            return Presence(self.doc.value(node, key) is True)
        if key in NAMES:
            number = self._number(node, key, key)
            return Literal(number, NAMES[key].get(number, ""))
        text = self.doc.text(node, key)
        if key in ENDS:
            try:
                text = canonical(key, text)
            except ValueError as error:
                self.doc.fail(node, f"{key} is {text!r}; {error}")
        return Literal(text)

    def _special(self, node: yaml.ScalarNode) -> Pattern | None:
        """The regex or variable that a value is, None if it stands for itself."""
        text = node.value
        if len(text) > 1 and text[0] == text[-1] == "/":
            try:
                return Regex(re.compile(text[1:-1], re.MULTILINE))
            except re.error as error:
                self.doc.fail(node, f"{text} is no regular expression: {error}")
        if text.startswith("$"):
            name = _VARIABLE.fullmatch(text)
            if not name:
                self.doc.fail(
                    node, rf"{text!r} is no variable such as $peer; for this very text: /^\{text}/"
                )
            return Variable(name[1])
        return None

    def _number(self, node: yaml.Node, field: str, what: str) -> int:
        value = self.doc.value(node, what)
        names = {name.lower(): number for number, name in NAMES[field].items()}
        if isinstance(value, str) and value.lower() in names:
            return names[value.lower()]
        if isinstance(value, bool) or not isinstance(value, int):
            names = f" or one of: {', '.join(names)}" if names else ""
            self.doc.fail(node, f"{what} is {node.value!r}; use a number{names}")
        return value

    def _check_variables(self, scenario: Scenario) -> None:
        """A variable that stands in one place only would check nothing: a misspelt one, mostly."""
        for name in scenario.given:
            if name not in self.uses:
                raise ScenarioError(
                    f"{scenario.source} does not use the variable {name}; "
                    + suggest(name, self.uses)
                )
        for name, uses in self.uses.items():
            if uses == 1 and name not in scenario.given:
                self.doc.fail(
                    self.first_use[name],
                    f"the variable {name} is used in this packet only, which checks nothing; "
                    "use it again or set it from outside; true stands for any value, in json /./",
                )


def _title(checks: dict[Place, Check]) -> str:
    """What to call a packet that has no `what`."""
    for place in ("sip", "method"), ("sip", "status"):
        if place in checks:
            return checks[place].pattern.told({}).strip('"')
    kind = checks[("type",)].pattern if ("type",) in checks else None
    if isinstance(kind, Literal):
        return kind.name or f"type {kind.value}"
    return "any packet"
