"""Draw the measurements with matplotlib: bars for start-up, size and memory, lines for batches."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from scripts.benchmark.tables import number
from shared.training.figures import FAINT, TEXT, svg_of

WIDTH, BAR, HEAD, LINES = 9.0, 0.32, 0.75, 3.4  # inches; HEAD: for the title of a chart
# From the Okabe-Ito palette, which color-blind readers can tell apart.
COLORS = {"c": "#0072b2", "python": "#009e73", "onnxruntime": "#9ca3af", "empty": "#d1d5db"}
FRAMEWORK = "#d55e00"
BARS = {
    "start_up_ms": "Start-up, ms",
    "added_mb": "Added to the base image, MB",
    "memory_mb": "Peak memory, one request at a time, MB",
    "cold_read_mb": "Read from disk at a cold start, MB",
}


def picture(found: dict) -> str:
    """Return the charts as the text of an SVG file. found: the content of the JSON file."""
    candidates = found["candidates"]
    bars = {
        measure: {
            name: candidate
            for name, candidate in candidates.items()
            if measure in candidate["measures"]
        }
        for measure in BARS
    }
    bars = {measure: those for measure, those in bars.items() if those}
    heights = [HEAD + BAR * len(those) for those in bars.values()]
    if found["batch_sizes"]:
        heights.append(HEAD + LINES)
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    charts = figure.subplots(len(heights), height_ratios=heights, squeeze=False)[:, 0]
    for axes, (measure, those) in zip(charts, bars.items()):
        draw_bars(axes, BARS[measure], measure, those)
    if found["batch_sizes"]:
        draw_lines(charts[-1], found)
    title = f"{found['model']}: one model, one base image, one machine\n"
    figure.suptitle(title, x=0.01, ha="left", size=14, weight="bold", color=TEXT)
    on = found["machine"]
    figure.supxlabel(
        f"{on['cpu']}, {on['cores']} cores; {found['date']}; medians of "
        f"{found['rounds']['starts']} starts, whiskers: quartiles",
        x=0.01,
        ha="left",
        size=9,
        color=FAINT,
    )
    return svg_of(figure)


def draw_bars(axes: Axes, title: str, measure: str, candidates: dict[str, dict]) -> None:
    """Draw a horizontal bar for each candidate, its quartiles as whiskers, its median as text."""
    measures = [candidate["measures"][measure] for candidate in candidates.values()]
    rows = range(len(measures))
    medians = [found["median"] for found in measures]
    low = [found["median"] - found["low"] for found in measures]
    high = [found["high"] - found["median"] for found in measures]
    colors = [color_of(name) for name in candidates]
    whiskers: dict[str, Any] = {"ecolor": TEXT, "elinewidth": 1.2}
    axes.barh(rows, medians, 0.75, xerr=[low, high], color=colors, error_kw=whiskers)
    for row, found in zip(rows, measures):
        end = max(found["high"], found["median"]), row
        offset: dict[str, Any] = {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(number(found["median"]), end, color=TEXT, **offset)
    axes.set_yticks(rows, [candidate["what"] for candidate in candidates.values()], color=TEXT)
    axes.set_xlim(0, 1.12 * max(found["high"] for found in measures) or 1)  # room for the text
    axes.invert_yaxis()
    axes.tick_params(left=False, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, loc="left", size=11, weight="bold", color=TEXT)


def draw_lines(axes: Axes, found: dict) -> None:
    """Draw the time in the handler by batch size, a line for each candidate with a model."""
    sizes = found["batch_sizes"]
    for name, candidate in found["candidates"].items():
        times = [candidate["measures"].get(f"batch_{size}_handler_ms") for size in sizes]
        if all(times):
            medians = [max(time["median"], 1e-3) for time in times]
            axes.loglog(sizes, medians, "o-", color=color_of(name), label=candidate["what"])
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.minorticks_off()
    axes.yaxis.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, position: f"{value:,g}")
    axes.tick_params(length=0, colors=FAINT)
    axes.grid(axis="y", color="#e5e7eb")
    axes.spines[:].set_visible(False)
    axes.legend(frameon=False, labelcolor=TEXT)
    title = f"Time in the handler by {found['batch_of']} in one request, ms"
    axes.set_title(title, loc="left", size=11, weight="bold", color=TEXT)


def color_of(name: str) -> str:
    """Return the color of a candidate."""
    return COLORS.get(name, FRAMEWORK)
