"""Compare what came with what a scenario expects."""

import time
from collections import defaultdict

from uhep_tools.expect.capture import Capture
from uhep_tools.expect.pairing import OTHER_KIND, Pair, pair
from uhep_tools.expect.patterns import Bindings
from uhep_tools.expect.report import Difference, Outcome, Report
from uhep_tools.expect.rules import breaches
from uhep_tools.expect.scenario import Expectation, Scenario
from uhep_tools.expect.view import View

# The places that say what a packet is; where one differs, it is another packet.
_KIND = {("type",), ("sip", "method"), ("sip", "status")}
_POLL_S = 0.02

Votes = dict[str, dict[str, list[int]]]  # variable -> value -> numbers of the packets with it


def wait(scenario: Scenario, capture: Capture, timeout: float, settle: float) -> None:
    """Wait until all that is expected may have come, and `settle` seconds more for surplus.

    Comes back after `timeout` seconds at the latest.
    """
    end = time.monotonic() + timeout
    while not _complete(scenario, capture):
        if time.monotonic() > end:
            return
        time.sleep(_POLL_S)
    time.sleep(max(0.0, min(settle, end - time.monotonic())))


def _complete(scenario: Scenario, capture: Capture) -> bool:
    if len(_counted(scenario, capture)) < len(scenario.packets):
        return False
    return scenario.rules.exact or check(scenario, capture).ok


def _counted(scenario: Scenario, capture: Capture) -> list[View]:
    numbered = enumerate(list(capture.packets), 1)
    return [View(n, entry) for n, entry in numbered if entry.type not in scenario.ignore]


def check(scenario: Scenario, capture: Capture) -> Report:
    """Judge what has come so far, as all that there is."""
    views = _counted(scenario, capture)
    pairs, bound = _one_to_one(scenario, views) or _pairs(scenario, views)
    votes = {}
    if bound is None:
        votes = _vote(scenario, views, pairs)
        # A variable is what most packets say, so that one wrong packet is told as that one.
        elected = {name: max(said, key=lambda v: len(said[v])) for name, said in votes.items()}
        bound = elected | scenario.given
    return Report(
        scenario,
        [view.entry for view in views],
        _outcomes(scenario, views, pairs, bound),
        list(breaches(scenario.rules, capture)),
        {name: said for name, said in votes.items() if set(said) != {bound[name]}},
    )


def _one_to_one(scenario: Scenario, views: list[View]) -> tuple[list[Pair], Bindings] | None:
    """What is so most of the time: everything as it is listed. None if it is not."""
    if len(views) != len(scenario.packets):
        return None
    bound = dict(scenario.given)
    for expected, view in zip(scenario.packets, views, strict=True):
        after = _bind(expected, view, bound)
        if after is None:
            return None
        bound = after
    return [(number, number) for number in range(len(views))], bound


def _pairs(scenario: Scenario, views: list[View]) -> tuple[list[Pair], Bindings | None]:
    wanted = scenario.packets
    return pair(
        [[_cost(expected, view, scenario.given) for view in views] for expected in wanted],
        len(views),
        lambda e, p, bound: _bind(wanted[e], views[p], bound),
        dict(scenario.given),
        scenario.in_order,
        scenario.rules.exact,
    )


def _cost(expected: Expectation, view: View, given: Bindings) -> float:
    """The share of the checks that fail, without regard to variables that are not given."""
    failed = [
        check.place
        for check in expected.checks
        if check.pattern.match(view.values(check.place), given) is None
    ]
    if _KIND.intersection(failed):
        return OTHER_KIND
    return len(failed) / len(expected.checks) if failed else 0.0


def _bind(expected: Expectation, view: View, bound: Bindings) -> dict[str, str] | None:
    """All variables, when the packet is as expected; None if it is not."""
    after = dict(bound)
    for check in expected.checks:
        matched = check.pattern.match(view.values(check.place), after)
        if matched is None:
            return None
        after |= matched
    return after


def _vote(scenario: Scenario, views: list[View], pairs: list[Pair]) -> Votes:
    """What each pair says its variables are."""
    votes: Votes = defaultdict(lambda: defaultdict(list))
    first: dict[str, str] = dict(scenario.given)
    for e, p in pairs:
        if e is None or p is None:
            continue
        for check in scenario.packets[e].checks:
            values = views[p].values(check.place)
            # Of a header that comes several times, the value that agrees is the one meant.
            said = check.pattern.match(values, first) or check.pattern.match(values, {}) or {}
            for name, text in said.items():
                first.setdefault(name, text)
                votes[name][text].append(views[p].number)
    return votes


def _outcomes(
    scenario: Scenario, views: list[View], pairs: list[Pair], bound: Bindings
) -> list[Outcome]:
    wanted = scenario.packets
    surplus = [p for e, p in pairs if e is None]
    misplaced: dict[int, int] = {}
    for e, p in pairs:
        if p is None:
            fits = (s for s in surplus if _bind(wanted[e], views[s], bound) is not None)
            if (found := next(fits, None)) is not None:
                misplaced[e] = found
                surplus.remove(found)
    outcomes = []
    for e, p in pairs:
        if e is None:
            if p in surplus and scenario.rules.exact:
                outcomes.append(Outcome(None, views[p]))
        elif p is None:
            view = views[misplaced[e]] if e in misplaced else None
            outcomes.append(Outcome(wanted[e], view, misplaced=e in misplaced))
        else:
            outcomes.append(
                Outcome(wanted[e], views[p], list(_differences(wanted[e], views[p], bound)))
            )
    return outcomes


def _differences(expected: Expectation, view: View, bound: Bindings):
    for check in expected.checks:
        values = view.values(check.place)
        if check.pattern.match(values, bound) is None:
            yield Difference(check, check.pattern.told(bound), values)
