"""Find the cheapest offer for a case, and the requests a month at which the answer changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from scripts.cost.alternatives import ALTERNATIVES
from scripts.cost.aws_lambda import lambda_offers
from scripts.cost.offer import Case, Offer, cheapest
from scripts.cost.traffic import peak

LEAST, MOST = 1e3, 1e9  # requests a month
STEPS = 6  # for each factor of ten
# Requests at once, beyond which nothing is compared: ten times the quota of a new account.
MOST_AT_ONCE = 10_000


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


def curves(case: Case) -> dict[float, dict[str, Offer]]:
    """Return the cheapest offer of each kind by requests a month, from LEAST to MOST.

    Ends where more than MOST_AT_ONCE requests would run at once.
    """
    found = {}
    requests = LEAST
    while requests <= MOST * 1.01 and _at_once(case, requests) <= MOST_AT_ONCE:
        found[requests] = _best_at(case, requests)
        requests *= 10 ** (1 / STEPS)
    return found


def break_evens(case: Case, found: dict[float, dict[str, Offer]]) -> list[BreakEven]:
    """Return the requests a month at which another kind becomes the cheapest.

    found: what `curves` returned for the case. Each is exact to a thousandth.
    """
    changes = []
    points = [(requests, _first(best)) for requests, best in found.items()]
    for (low, below), (high, above) in zip(points, points[1:]):
        while below != above:
            left, right, first = low, high, above
            while right / left > 1.001:
                middle = (left * right) ** 0.5
                there = _first(_best_at(case, middle))
                if there == below:
                    left = middle
                else:
                    right, first = middle, there
            changes.append(BreakEven(right, below, first))
            low, below = right, first
    return changes


def _at_once(case: Case, requests: float) -> float:
    return peak(case.pattern, requests) * case.workload.cpu_ms / 1000


def _best_at(case: Case, requests: float) -> dict[str, Offer]:
    there = replace(case, requests=requests)
    return best_of_each(offers(there), there)


def _first(best: dict[str, Offer]) -> str:
    return next(iter(best), "")
