"""Find the cheapest offer for a case, and the requests a month at which the answer changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from scripts.cost.alternatives import ALTERNATIVES
from scripts.cost.aws_lambda import ON_DEMAND, lambda_offers
from scripts.cost.offer import Case, Offer, cheapest

LEAST, MOST = 1e3, 1e9  # requests a month
LAMBDA = f"Lambda {ON_DEMAND}"  # a kind
STEPS = 6  # for each factor of ten
# Requests at once, beyond which nothing is compared: ten times the quota of a new account.
MOST_AT_ONCE = 10_000

# Requests a month: the cheapest offer of each kind, the cheapest kind first.
Curves = dict[float, dict[str, Offer]]


@dataclass(frozen=True)
class BreakEven:
    """A number of requests a month, and the kinds of the cheapest offers below and above it.

    A kind is "" where no offer meets the latency.
    """

    requests: float
    below: str
    above: str


def offers(case: Case) -> list[Offer]:
    """Return all offers for a case."""
    return [*lambda_offers(case), *(offer for each in ALTERNATIVES for offer in each(case))]


def kind(offer: Offer | None) -> str:
    """Return the service of an offer, with the mode of Lambda."""
    return f"{offer.service} {offer.mode}".strip() if offer else ""


def best_of_each(found: Iterable[Offer], case: Case) -> dict[str, Offer]:
    """Return the cheapest offer of each kind that meets the latency, the cheapest kind first."""
    kinds: dict[str, list[Offer]] = {}
    for offer in found:
        kinds.setdefault(kind(offer), []).append(offer)
    best = {name: cheapest(those, case) for name, those in kinds.items()}
    fit = {name: offer for name, offer in best.items() if offer}
    return dict(sorted(fit.items(), key=lambda item: item[1].dollars(case.free_tier)))


def curves(case: Case) -> Curves:
    """Return the cheapest offer of each kind by requests a month, from LEAST to MOST.

    Ends where more than MOST_AT_ONCE requests would run at once.
    """
    found: Curves = {}
    requests = LEAST
    while requests <= MOST * 1.01 and replace(case, requests=requests).at_once <= MOST_AT_ONCE:
        found[requests] = _best_at(case, requests)
        requests *= 10 ** (1 / STEPS)
    return found


def break_evens(case: Case, found: Curves) -> list[BreakEven]:
    """Return the requests a month at which another kind becomes the cheapest.

    found: what `curves` returned for the case. Each is exact to a thousandth.
    """
    changes = []
    points = [(requests, _first(best)) for requests, best in found.items()]
    for (low, below), (high, above) in pairwise(points):
        while below != above:
            low = _changes_at(case, low, high, partial(_is_other, below))
            before, below = below, _first(_best_at(case, low))
            changes.append(BreakEven(low, before, below))
    return changes


def losses(case: Case, found: Curves) -> dict[str, float | None]:
    """Return by kind the requests a month from which it is cheaper than Lambda on demand.

    None for a kind that never is. found: what `curves` returned for the case.
    """
    kinds = dict.fromkeys(kind for best in found.values() for kind in best if kind != LAMBDA)
    points = list(found)
    result: dict[str, float | None] = {}
    for kind in kinds:
        lost = [_loses(kind, found[requests]) for requests in points]
        if not any(lost):
            result[kind] = None
            continue
        at = lost.index(True)
        if at:
            changed = partial(_loses, kind)
            result[kind] = _changes_at(case, points[at - 1], points[at], changed)
        else:
            result[kind] = points[0]
    return result


def _changes_at(
    case: Case, low: float, high: float, changed: Callable[[Mapping[str, Offer]], bool]
) -> float:
    """Return the requests from which a condition holds that holds at high and not at low."""
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        if changed(_best_at(case, middle)):
            high = middle
        else:
            low = middle
    return high


def _best_at(case: Case, requests: float) -> dict[str, Offer]:
    there = replace(case, requests=requests)
    return best_of_each(offers(there), there)


def _first(best: Mapping[str, Offer]) -> str:
    return next(iter(best), "")


def _is_other(kind: str, best: Mapping[str, Offer]) -> bool:
    """Return whether the cheapest kind is another one."""
    return _first(best) != kind


def _loses(kind: str, best: Mapping[str, Offer]) -> bool:
    """Return whether a kind costs less than Lambda on demand, where both meet the latency."""
    order = list(best)  # the cheapest first
    return {kind, LAMBDA} <= best.keys() and order.index(kind) < order.index(LAMBDA)
