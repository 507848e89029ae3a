"""The measurements as one SVG: bars for start-up, size and memory, lines for time by batch size."""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

from scripts.benchmark.tables import number

WIDTH, MARGIN, LABEL = 860, 24, 200  # pixels; LABEL: for the names beside bars
BAR, GAP, HEAD = 22, 8, 34
CHART = 240  # height of the lines' area
DARK, GREY, PALE, FONT = (
    "#1f2937",
    "#6b7280",
    "#e5e7eb",
    "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif",
)
# Of the Okabe-Ito palette, which all can tell apart, dark enough for white paper.
COLOURS = {"c": "#0072b2", "python": "#009e73", "onnxruntime": "#9ca3af", "empty": "#d1d5db"}
FRAMEWORK = "#d55e00"
BARS = [
    ("Start-up, ms", "start_up_ms"),
    ("Added to the base image, MB", "added_mb"),
    ("Peak memory, one request at a time, MB", "memory_mb"),
    ("Read from disk at a cold start, MB", "cold_read_mb"),
]


def picture(found: dict) -> str:
    """The whole SVG of what the JSON file holds."""
    candidates, parts, y = found["candidates"], [], MARGIN + 52
    for title, measure in BARS:
        bars = {
            name: candidate["measures"][measure]
            for name, candidate in candidates.items()
            if measure in candidate["measures"]
        }
        if bars:
            parts.append(
                _bars(
                    title,
                    {name: (candidates[name]["what"], value) for name, value in bars.items()},
                    y,
                )
            )
            y += HEAD + len(bars) * (BAR + GAP) + 14
    if found["batch_sizes"]:
        parts.append(_lines(found, y))
        y += HEAD + CHART + 56
    on = found["machine"]
    where = (
        f"{on['cpu']}, {on['cores']} cores; {found['date']}; medians of "
        f"{found['rounds']['starts']} starts, whiskers: quartiles"
    )
    title = f"{found['model']}: one model, one base image, one machine"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" '
            f'height="{y}"'
            f' font-family="{FONT}" font-size="13" fill="{DARK}" role="img">',
            f"<title>{escape(title)}</title>",
            # Its own paper, so that it reads the same on a light page and on a dark one.
            '<rect width="100%" height="100%" rx="8" fill="#ffffff"/>',
            f'<text x="{MARGIN}" y="{MARGIN + 14}" font-size="17" '
            f'font-weight="600">{escape(title)}</text>',
            _text(MARGIN, MARGIN + 36, where, fill=GREY),
            *parts,
            "</svg>\n",
        ]
    )


def _bars(title: str, bars: dict[str, tuple[str, dict]], top: float) -> str:
    """Horizontal bars with their values. bars: name, what it is, and its summary."""
    parts = [_text(MARGIN, top + 18, title, weight=600)]
    room = WIDTH - 2 * MARGIN - LABEL - 70  # for the values after the bars
    most = max(value["high"] for _, value in bars.values()) or 1
    for row, (name, (what, value)) in enumerate(bars.items()):
        y = top + HEAD + row * (BAR + GAP)
        left, right = MARGIN + LABEL, MARGIN + LABEL + max(1, room * value["median"] / most)
        low, high = (left + room * value[end] / most for end in ("low", "high"))
        parts.append(_text(left - 10, y + 16, what, "end"))
        parts.append(
            f'<rect x="{left}" y="{y}" width="{right - left:.1f}" height="{BAR}" rx="3" '
            f'fill="{_colour(name)}"/>'
        )
        if value["n"] > 1 and high - low > 2:
            parts.append(
                f'<path d="M{low:.1f} {y + BAR / 2}H{high:.1f}" stroke="{DARK}" '
                'stroke-width="1.5"/>'
            )
        parts.append(_text(max(right, high) + 8, y + 16, number(value["median"])))
    return "\n".join(parts)


def _lines(found: dict, top: float) -> str:
    """Time in the handler by batch size, both axes logarithmic."""
    sizes, left, right = found["batch_sizes"], MARGIN + 60, WIDTH - MARGIN - 205
    lines = {}
    for name, candidate in found["candidates"].items():
        times = [candidate["measures"].get(f"batch_{size}_handler_ms") for size in sizes]
        if all(times):
            lines[name] = candidate["what"], [max(value["median"], 1e-3) for value in times]
    every = [time for _, times in lines.values() for time in times]
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
    high = max(high, low + 1)
    bottom = top + HEAD + CHART

    def x_of(size: float) -> float:
        return left + (right - left) * math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0])

    def y_of(time: float) -> float:
        return bottom - CHART * (math.log10(time) - low) / (high - low)

    parts = [
        _text(
            MARGIN,
            top + 18,
            f"Time in the handler by {found['batch_of']} in one request, ms",
            weight=600,
        )
    ]
    for power in range(low, high + 1):
        y = y_of(10.0**power)
        parts.append(f'<path d="M{left} {y:.1f}H{right}" stroke="{PALE}"/>')
        parts.append(_text(left - 8, y + 4, f"{10.0**power:,g}", "end", GREY))
    parts += [_text(x_of(size), bottom + 20, f"{size:,}", "middle", GREY) for size in sizes]
    ends = {name: y_of(times[-1]) for name, (_, times) in lines.items()}
    below = -math.inf
    for name in sorted(lines, key=lambda name: ends[name]):
        what, times = lines[name]
        points = " ".join(f"{x_of(size):.1f},{y_of(time):.1f}" for size, time in zip(sizes, times))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{_colour(name)}" stroke-width="2.5"/>'
        )
        below = max(
            ends[name], below + 17
        )  # names of lines that end side by side go below each other
        parts.append(_text(right + 8, below + 4, what, fill=_colour(name), weight=600))
    return "\n".join(parts)


def _colour(name: str) -> str:
    return COLOURS.get(name, FRAMEWORK)


def _text(
    x: float, y: float, text: str, anchor: str = "start", fill: str = DARK, weight: int = 400
) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{fill}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
