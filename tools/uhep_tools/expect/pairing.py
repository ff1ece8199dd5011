"""Which packet is meant by which expectation, also where not all is as it should be."""

from collections.abc import Callable, Sequence

Costs = Sequence[Sequence[float]]  # [expectation][packet]; 0: it fits, 1: nothing is right
Bindings = dict[str, str]
Bind = Callable[[int, int, Bindings], Bindings | None]
Pair = tuple[int | None, int | None]  # (expectation, packet); None: there is none for it

OTHER_KIND = 1.1  # the cost of a pair that is not even of the same kind
_MISSING = 0.6  # of an expectation without a packet, and of a packet without an expectation
_TRIES = 50_000


def pair(
    costs: Costs,
    packets: int,
    bind: Bind,
    bound: Bindings,
    in_order: bool,
    exact: bool,
) -> tuple[list[Pair], Bindings | None]:
    """A pairing where all expectations fit, and the variables then; else the closest, and None.

    bind(e, p, bound) gives what the variables are when packet p fits expectation e, None if
    it does not. exact: packets without an expectation count as wrong.
    """
    chosen, after = _perfect(costs, bind, bound, in_order)
    if after is None:
        if in_order:
            return _aligned(costs, packets, exact), None
        chosen = _closest(costs)
    left = set(range(packets)) - set(chosen.values())
    pairs: list[Pair] = [(e, chosen[e]) for e in chosen] + [(None, p) for p in left]
    pairs.sort(key=lambda each: each[1])
    return pairs + [(e, None) for e in range(len(costs)) if e not in chosen], after


def _aligned(costs: Costs, packets: int, exact: bool) -> list[Pair]:
    """The cheapest pairing that keeps the order of both, in that order."""
    surplus = _MISSING if exact else 0.0
    wanted = len(costs)
    # best[e][p]: cost of what is left from expectation e and packet p on.
    best = [[0.0] * (packets + 1) for _ in range(wanted + 1)]
    for p in reversed(range(packets)):
        best[wanted][p] = best[wanted][p + 1] + surplus
    for e in reversed(range(wanted)):
        best[e][packets] = best[e + 1][packets] + _MISSING
        for p in reversed(range(packets)):
            best[e][p] = min(
                best[e + 1][p + 1] + costs[e][p],
                best[e + 1][p] + _MISSING,
                best[e][p + 1] + surplus,
            )
    pairs: list[Pair] = []
    e = p = 0
    while e < wanted or p < packets:
        if e < wanted and p < packets and best[e][p] == best[e + 1][p + 1] + costs[e][p]:
            pairs.append((e, p))
            e, p = e + 1, p + 1
        elif e < wanted and best[e][p] == best[e + 1][p] + _MISSING:
            pairs.append((e, None))
            e += 1
        else:
            pairs.append((None, p))
            p += 1
    return pairs


def _perfect(
    costs: Costs, bind: Bind, bound: Bindings, in_order: bool
) -> tuple[dict[int, int], Bindings | None]:
    """Packet of each expectation, so that all fit with the same variables; None: not found.

    Depth first, with a limit of tries: what many variables leave open may take for ever. In
    any order, the expectation with the fewest candidates comes first.
    """
    candidates = [[p for p, cost in enumerate(row) if not cost] for row in costs]
    if not all(candidates):
        return {}, None
    order = list(range(len(costs)))
    if not in_order:
        order.sort(key=lambda e: len(candidates[e]))
    chosen: list[int] = []
    taken: set[int] = set()
    # For each expectation so far: the candidates that are left, and the variables before it.
    trail = [(iter(candidates[e]), bound) for e in order[:1]]
    for _ in range(_TRIES):
        if len(chosen) == len(order):
            return dict(zip(order, chosen, strict=True)), bound
        e = order[len(chosen)]
        p = next(trail[-1][0], None)
        if p is None:
            trail.pop()
            if not trail:
                break
            taken.discard(chosen.pop())
            continue
        usable = p not in taken and not (in_order and chosen and p < chosen[-1])
        after = bind(e, p, trail[-1][1]) if usable else None
        if after is not None:
            chosen.append(p)
            taken.add(p)
            bound = after
            trail += [(iter(candidates[n]), after) for n in order[len(chosen) : len(chosen) + 1]]
    return {}, None


def _closest(costs: Costs) -> dict[int, int]:
    """Packet of each expectation that has one of its kind: the cheapest pairs first."""
    pairs = sorted(
        (cost, e, p) for e, row in enumerate(costs) for p, cost in enumerate(row) if cost <= 1
    )
    chosen: dict[int, int] = {}
    for _, e, p in pairs:
        if e not in chosen and p not in chosen.values():
            chosen[e] = p
    return chosen
