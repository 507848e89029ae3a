"""Draw the cost of a month by requests, with the break-evens, and by memory size of Lambda."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from scripts.cost.aws_lambda import ARCHITECTURES, ENDPOINTS, ON_DEMAND
from scripts.cost.offer import Case, Offer
from scripts.cost.plan import LEAST, BreakEven
from scripts.cost.report import UNKNOWN, millions
from scripts.prices import note, prices
from shared.training.figures import FAINT, TEXT, svg_of

WIDTH, HEIGHT = 9.0, 10.0  # inches
# From the Okabe-Ito palette, which color-blind readers can tell apart; each also has its own dashes
# and marker.
STYLES: dict[str, tuple[str, str, str]] = {
    "Lambda on demand": ("#0072b2", "-", "o"),
    "Lambda SnapStart": ("#56b4e9", "--", "s"),
    "Lambda provisioned": ("#009e73", "-.", "^"),
    "Lambda Managed Instances": ("#cc79a7", ":", "v"),
    "SageMaker serverless": ("#d55e00", "--", "D"),
    "SageMaker real time": ("#e69f00", "-.", "P"),
    "Fargate": ("#000000", ":", "X"),
}
GRID = "#e5e7eb"
BELOW: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (-0.05, -0.06), "ncols": 2}


def picture(*comparison: Any) -> str:
    """Return the charts as the text of an SVG file. comparison: as `figure_of` takes it."""
    return svg_of(figure_of(*comparison))


def figure_of(
    model: str,
    case: Case,
    found: Sequence[Offer],
    lines: Mapping[float, Mapping[str, Offer]],
    changes: Sequence[BreakEven],
    lost: Mapping[str, float | None],
) -> Figure:
    """Return the charts.

    found: the offers for the case; lines: what `curves` returned; changes: what `break_evens` did;
    lost: what `losses` did.
    """
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    above, below = figure.subplots(2, height_ratios=(6, 3))
    draw_requests(above, case, lines, labels_of(changes, lost))
    draw_memory(below, case, found)
    limit = "" if case.latency is None else f", 99 of 100 within {case.latency:g} ms"
    title = f"{model}: cost of a month, {case.pattern} traffic{limit}\n"
    figure.suptitle(title, x=0.01, ha="left", size=14, weight="bold", color=TEXT)
    text = note(name for offer in found for name in offer.prices)
    text = text.partition("; unverified")[0]
    figure.supxlabel(f"{text}\n{case.workload.source}", x=0.01, ha="left", size=9, color=FAINT)
    return figure


def draw_requests(
    axes: Axes,
    case: Case,
    lines: Mapping[float, Mapping[str, Offer]],
    labels: Mapping[float, str],
) -> None:
    """Draw the cheapest offer of each kind by requests a month, and labels at some of these."""
    for kind, (color, dashes, marker) in STYLES.items():
        points = [
            (requests, best[kind].dollars(case.free_tier))
            for requests, best in lines.items()
            if kind in best and best[kind].dollars(case.free_tier) > 0
        ]
        if points:
            style: dict[str, Any] = {"color": color, "linestyle": dashes, "marker": marker}
            label = kind + ("" if _verified(kind, lines) else " (unverified)")
            axes.plot(*zip(*points), markevery=5, markersize=6, label=label, **style)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(lines), max(lines))
    bottom, top = axes.get_ylim()
    room = (top / bottom) ** (0.09 * max(len(labels), 1))
    axes.set_ylim(bottom, top * room)  # room for the labels
    for at, (requests, text) in enumerate(sorted(labels.items())):
        axes.axvline(requests, color=FAINT, linestyle=(0, (2, 3)), linewidth=1)
        label = f"{millions(requests)}: {text}"
        right = requests > (min(lines) * max(lines)) ** 0.5
        axes.annotate(
            f"{label} ▸" if right else f"◂ {label}",
            (requests, 1 - 0.03 - 0.05 * at),
            xycoords=("data", "axes fraction"),
            xytext=(-5 if right else 5, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top",
            size=9,
            color=TEXT,
            backgroundcolor="white",
        )
    _finish(axes, f"Requests a month, Lambda by {ENDPOINTS[case.endpoint][1]}; $ a month")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, position: _short(value)))
    if axes.lines:
        axes.legend(frameon=False, labelcolor=TEXT, **BELOW)


def draw_memory(axes: Axes, case: Case, found: Sequence[Offer]) -> None:
    """Draw the cost of Lambda on demand by memory size, a line for each architecture."""
    kinds = zip(ARCHITECTURES, ("Lambda on demand", "Lambda SnapStart"))
    for architecture, style in kinds:
        points = [
            (offer.memory, offer.dollars(case.free_tier))
            for offer in found
            if (offer.mode, offer.endpoint) == (ON_DEMAND, case.endpoint)
            and offer.architecture == architecture
        ]
        color, dashes, marker = STYLES[style]
        if points:
            axes.plot(*zip(*points), dashes, marker=marker, color=color, label=architecture)
    axes.set_xscale("log")
    sizes = sorted({offer.memory for offer in found if offer.mode})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_ylim(bottom=0)
    _finish(axes, f"Memory of Lambda on demand, MB; $ for {_short(case.requests)} requests a month")
    if sizes:
        axes.legend(frameon=False, labelcolor=TEXT, loc="lower right")


def labels_of(changes: Sequence[BreakEven], lost: Mapping[str, float | None]) -> dict[float, str]:
    """Return the break-evens by requests a month, each once."""
    found = {change.requests: f"{change.above or UNKNOWN} is the cheapest" for change in changes}
    for kind, requests in lost.items():
        if (
            requests
            and requests > LEAST
            and not any(abs(requests / other - 1) < 0.01 for other in found)
        ):
            found[requests] = f"{kind} below Lambda on demand"
    return found


def _verified(kind: str, lines: Mapping[float, Mapping[str, Offer]]) -> bool:
    """Return whether all prices behind the line of a kind were verified."""
    used = {name for best in lines.values() if kind in best for name in best[kind].prices}
    return all(prices()[name].verified for name in used)


def _finish(axes: Axes, title: str) -> None:
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:,g}"))
    axes.tick_params(length=0, colors=TEXT)
    axes.grid(color=GRID)
    axes.spines[:].set_visible(False)
    axes.set_title(title, loc="left", size=11, weight="bold", color=TEXT)


def _short(value: float) -> str:
    """Return 1,000 · 1 million · 1 billion."""
    if value >= 1e9:
        return f"{value / 1e9:g} billion"
    return f"{value / 1e6:g} million" if value >= 1e6 else f"{value:,.0f}"
