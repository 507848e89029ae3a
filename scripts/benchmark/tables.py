"""Format the measurements as tables: medians, and quartiles where the spread matters."""

from __future__ import annotations

from collections.abc import Sequence

Measures = dict[str, dict[str, float]]  # measure: its summary, as spread.summary gives it
SPREAD, PLAIN = True, False
Column = tuple[str, str, bool]  # heading, measure, whether with its spread

START: list[Column] = [
    ("start-up", "start_up_ms", SPREAD),
    ("first answer", "first_answer_ms", SPREAD),
    ("cold caches: start-up", "cold_start_up_ms", SPREAD),
    ("cold caches: first answer", "cold_first_answer_ms", PLAIN),
]
WEIGHT: list[Column] = [
    ("added to base image", "added_mb", PLAIN),
    ("read at a cold start", "cold_read_mb", SPREAD),
    ("peak memory, one at a time", "memory_mb", SPREAD),
    ("after batches", "memory_batch_mb", PLAIN),
]
WARM: list[Column] = [
    *((f"round trip p{share}", f"round_trip_p{share}_ms", PLAIN) for share in (50, 95, 99)),
    *((f"handler p{share}", f"handler_p{share}_ms", PLAIN) for share in (50, 95, 99)),
]
PARTS: list[Column] = [
    ("fetch, if by URL", "fetch_ms", PLAIN),
    *((name, f"{name}_ms", PLAIN) for name in ("decode", "run", "rest", "outside")),
]


def all_tables(found: dict) -> str:
    """Return all tables. found: the content of the JSON file."""
    candidates, sizes, unit = found["candidates"], found["batch_sizes"], found["batch_of"]
    tables = [table("Start, ms", candidates, START), table("Weight, MB", candidates, WEIGHT)]
    if not sizes:  # the start alone was measured
        return "\n".join(tables)
    copies = [
        (f"{count} at once", f"throughput_{count}", SPREAD) for count in found["rounds"]["copies"]
    ]
    by_size = [(f"{size:,}", f"batch_{size}_handler_ms", SPREAD) for size in sizes]
    trips = [(f"{size:,}", f"batch_{size}_round_trip_ms", PLAIN) for size in sizes]
    tables += [
        table("One request on a warm function, ms", candidates, WARM),
        table(
            "Parts of that time, ms: in the handler, and outside of it (the emulator, HTTP)",
            candidates,
            PARTS,
        ),
        table("Requests per second of copies side by side", candidates, copies),
        table(f"Time in the handler by {unit} in one request, ms", candidates, by_size),
        table(f"Round trip by {unit} in one request, ms", candidates, trips),
    ]
    return "\n".join(tables)


def table(title: str, candidates: dict[str, dict], columns: Sequence[Column]) -> str:
    """Return an aligned table with a row for each candidate that has any of the measures."""
    rows = [["", *(heading for heading, _, _ in columns)]]
    for found in candidates.values():
        measures: Measures = found["measures"]
        cells = [cell(measures.get(measure), spread) for _, measure, spread in columns]
        if set(cells) != {"–"}:
            rows.append([found["what"], *cells])
    return "\n".join([title, *aligned(rows), ""])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines: the first column is left-aligned, the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        row[0].ljust(widths[0])
        + "".join(f"  {text:>{width}}" for text, width in zip(row[1:], widths[1:]))
        for row in rows
    ]


def cell(measure: dict[str, float] | None, spread: bool) -> str:
    """Return the median as text, with spread also the quartiles."""
    if measure is None:
        return "–"
    text = number(measure["median"])
    return (
        f"{text} ({number(measure['low'])}–{number(measure['high'])})"
        if spread and measure["n"] > 1
        else text
    )


def number(value: float) -> str:
    """Round to three significant digits: 1,234 · 123 · 12.3 · 1.23 · 0.123."""
    digits = (
        0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2 if abs(value) >= 0.9995 else 3
    )
    return f"{value:,.{digits}f}"
