"""Format a comparison for people and for programs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from scripts.benchmark.tables import aligned, number
from scripts.cost import offer as assumed
from scripts.cost.alternatives import SERVERLESS_START_MS
from scripts.cost.aws_lambda import ENDPOINTS, MODES
from scripts.cost.offer import Case, Offer
from scripts.cost.plan import BreakEven, best_of_each, kind
from scripts.cost.traffic import PATTERNS
from scripts.prices import note, prices

LINES = ("requests", "duration", "init", "kept ready")  # of a bill of Lambda
HEAD = ("memory, MB", "CPU", *LINES, *(title for _, title in ENDPOINTS.values()))
UNKNOWN = "no service"


def shown(
    model: str,
    case: Case,
    found: Sequence[Offer],
    changes: Sequence[BreakEven],
    lost: Mapping[str, float | None],
) -> str:
    """Return all tables, the cheapest offer, the break-evens and the notes.

    changes: what `break_evens` returned; lost: what `losses` did.
    """
    parts = [heading(model, case), *lambda_tables(found), other_table(found, case)]
    parts += [answer(found, case), changing(changes), losing(lost), notes(found)]
    return "\n\n".join(parts)


def heading(model: str, case: Case) -> str:
    """Return what is compared."""
    work = case.workload
    limit = "" if case.latency is None else f", 99 of 100 within {case.latency:g} ms"
    return "\n".join(
        [
            f"{model}: {case.requests:,.0f} requests a month{limit}",
            f"traffic   {case.pattern}: {PATTERNS[case.pattern][1]}",
            f"request   {number(work.cpu_ms)} ms with one vCPU, {work.memory_mb:,.0f} MB; a start: "
            f"{work.init_ms:,.0f} ms of init",
            f"source    {work.source}",
        ]
    )


def lambda_tables(found: Sequence[Offer]) -> list[str]:
    """Return a table for each mode of Lambda: the lines of its bill, and the total by endpoint."""
    tables = []
    for mode in MODES:
        of_mode = [offer for offer in found if offer.mode == mode]
        rows: list[Sequence[str]] = [(*HEAD, "free tier", "cold, %", "p99, ms")]
        groups: dict[tuple[int, str], list[Offer]] = {}
        for offer in of_mode:
            groups.setdefault((offer.memory, offer.architecture), []).append(offer)
        for (memory, architecture), group in groups.items():
            first = group[0]
            totals = [dollars(offer.total) for offer in group]
            lines = [dollars(first.lines.get(line, 0)) for line in LINES]
            free = f"-{dollars(first.free)}" if first.free else "0.00"
            more = (free, f"{100 * first.cold:.2f}", number(first.p99_ms))
            rows.append((f"{memory:,}", architecture, *lines, *totals, *more))
        if of_mode:
            tables.append("\n".join([f"Lambda {mode}, $ a month", *aligned(rows)]))
    return tables


def other_table(found: Sequence[Offer], case: Case) -> str:
    """Return a table of the services other than Lambda, and of Lambda where it cannot do it."""
    rows: list[Sequence[str]] = [("", "$ a month", "p99, ms", "")]
    for offer in found:
        if not offer.mode:
            late = "too slow" if not offer.unfit and not offer.meets(case.latency) else ""
            cells = ("–", "–") if offer.unfit else (dollars(offer.total), number(offer.p99_ms))
            rows.append((offer.name, *cells, offer.unfit or late))
    return "\n".join(["Alternatives", *(line.rstrip() for line in aligned(rows))])


def answer(found: Sequence[Offer], case: Case) -> str:
    """Return the cheapest offer, and how much the others cost beside it."""
    best = best_of_each(found, case)
    free = "with" if case.free_tier else "without"
    title = f"Cheapest by {ENDPOINTS[case.endpoint][1]}, {free} the free tier"
    if not best:
        return f"{title}: none is possible and fast enough"
    first = next(iter(best.values()))
    lines = [f"{title}: {first.name}"]
    least = first.dollars(case.free_tier)
    rows: list[Sequence[str]] = []
    for offer in best.values():
        cost = offer.dollars(case.free_tier)
        times = f"x {cost / least:,.1f}" if least else f"+ {dollars(cost)}"
        rows.append((f"  {offer.name}", f"${dollars(cost)}", "" if offer is first else times))
    lines += [line.rstrip() for line in aligned(rows)]
    if first.free and not case.free_tier:
        lines.append(f"With the free tier, Lambda costs ${dollars(first.dollars(True))}.")
    notes = dict.fromkeys(text for offer in best.values() for text in offer.notes)
    lines += [f"{text}." for text in notes]
    if case.endpoint != "url" and any(
        offer.service.startswith("SageMaker") for offer in best.values()
    ):
        lines.append(_public(best, case))
    return "\n".join(lines)


def _public(best: Mapping[str, Offer], case: Case) -> str:
    """Return what is the cheapest if SageMaker, too, needs a public address."""
    front = case.requests * prices()["rest_api"].each

    def cost(offer: Offer) -> float:
        """Dollars, with a REST API in front of SageMaker."""
        return offer.dollars(case.free_tier) + front * offer.service.startswith("SageMaker")

    first = min(best.values(), key=cost)
    return (
        f"SageMaker answers signed requests alone. With a REST API (${dollars(front)}) for a "
        f"public address, the cheapest is {first.name}: ${dollars(cost(first))}."
    )


def losing(lost: Mapping[str, float | None]) -> str:
    """Return from how many requests a month each kind is cheaper than Lambda on demand."""
    lines = ["Lambda on demand loses, for the same traffic:"]
    for name, requests in sorted(lost.items(), key=lambda item: item[1] or math.inf):
        start = "never" if requests is None else f"from {millions(requests)} requests a month"
        lines.append(f"  to {name}: {start}")
    return "\n".join(lines) if lost else "There is no alternative that is fast enough."


def changing(changes: Sequence[BreakEven]) -> str:
    """Return the requests a month at which the answer changes."""
    if not changes:
        return "The answer is the same from a thousand to a billion requests a month."
    lines = ["The cheapest changes with the requests a month, for the same traffic:"]
    for change in changes:
        pair = f"{change.below or UNKNOWN} -> {change.above or UNKNOWN}"
        lines.append(f"  {millions(change.requests)}: {pair}")
    return "\n".join(lines)


def notes(found: Sequence[Offer]) -> str:
    """Return the note on the prices, and the assumptions."""
    return "\n".join(
        [
            f"Prices: {note(name for offer in found for name in offer.prices)}.",
            f"Assumed: {assumptions()}.",
            "docs/cost.md explains the model and lists the costs that are left out.",
        ]
    )


def assumptions() -> str:
    """Return the figures that nothing here has measured."""
    return (
        f"{assumed.FRONT_MS:.0f} ms for an endpoint, {assumed.PLACEMENT_MS:.0f} ms of a cold start "
        f"before the process, {assumed.RESTORE_MS:.0f} ms for a SnapStart restore, "
        f"{SERVERLESS_START_MS:,.0f} ms for a start of SageMaker serverless, equal durations on "
        f"arm64, at most {assumed.UTILIZATION:.0%} of the vCPUs busy at the peak"
    )


def as_json(
    model: str,
    case: Case,
    found: Sequence[Offer],
    changes: Sequence[BreakEven],
    lost: Mapping[str, float | None],
) -> dict:
    """Return the comparison for programs. The parameters are those of `shown`."""
    best = best_of_each(found, case)
    used = dict.fromkeys(name for offer in found for name in offer.prices)
    listed = [
        {
            **dataclasses.asdict(offer),
            "kind": kind(offer),
            "dollars": offer.total,
            "dollars_with_free_tier": offer.dollars(True),
            "meets": offer.meets(case.latency),
        }
        for offer in found
    ]
    return {
        "model": model,
        "case": dataclasses.asdict(case),
        "cheapest": next((offer.name for offer in best.values()), None),
        "cheapest_of_each": {
            name: {"name": offer.name, "dollars": offer.dollars(case.free_tier)}
            for name, offer in best.items()
        },
        "break_evens": [dataclasses.asdict(change) for change in changes],
        "lambda_on_demand_loses_from": dict(lost),
        "assumptions": assumptions(),
        "note": note(used),
        "prices": {name: dataclasses.asdict(prices()[name]) for name in used},
        "offers": listed,
    }


def dollars(value: float) -> str:
    """Return dollars with cents, and more digits below a cent."""
    return f"{value:,.2f}" if abs(value) >= 0.01 or not value else f"{value:.6f}"


def millions(requests: float) -> str:
    """Return a number of requests for people: 20.6 million, 3,400."""
    return (
        f"{requests / 1e6:,.3g} million" if requests >= 1e6 else f"{float(f'{requests:.3g}'):,.0f}"
    )
