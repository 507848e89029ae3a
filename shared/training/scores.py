"""How well a classifier does on images that it has never seen: numbers, a table, a picture."""

from __future__ import annotations

from xml.sax.saxutils import escape

import numpy as np

CELL, MARGIN, HEAD = 44, 16, 84  # pixels of the picture
LETTER = 7.2  # pixels, about the mean width of a letter at 13 pixels
DARK, GREY, FONT = (
    "#1f2937",
    "#6b7280",
    "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif",
)
RIGHT, WRONG = (13, 110, 110), (190, 70, 40)  # RGB of a full cell on the diagonal, and off it


def accuracy(probabilities: np.ndarray, classes: np.ndarray) -> float:
    """The share of images whose most probable class is the true one. probabilities: [n, classes];
    classes: [n].
    """
    return float(np.mean(probabilities.argmax(1) == classes))


def log_loss(probabilities: np.ndarray, classes: np.ndarray) -> float:
    """The mean negative logarithm of the probability given to the true class: low where the model
    knows what it knows.
    """
    true = np.asarray(probabilities, np.float64)[np.arange(len(classes)), classes]
    return float(-np.log(np.clip(true, 1e-12, 1)).mean())


def confusion(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How many images of each class (rows) were taken for each class (columns)."""
    counts = np.zeros((probabilities.shape[1],) * 2, np.int64)
    np.add.at(counts, (classes, probabilities.argmax(1)), 1)
    return counts


def table(counts: np.ndarray, labels: list[str]) -> str:
    """One line for each class: images, how many of them were found (recall), how many of its
    answers are right (precision).
    """
    wide = max(map(len, [*labels, "class"]))
    lines = [f"{'class':<{wide}}  images  recall  precision"]
    for number, label in enumerate(labels):
        true, said, right = counts[number].sum(), counts[:, number].sum(), counts[number, number]
        precision = f"{right / said:9.2f}" if said else f"{'never said':>9}"
        lines.append(f"{label:<{wide}}  {true:6,}  {right / true:6.2f}  {precision}")
    return "\n".join(lines)


def picture(counts: np.ndarray, labels: list[str], title: str) -> str:
    """The confusion matrix as SVG. A cell is the stronger coloured the more of its row's images it
    holds.
    """
    left = MARGIN + 24 + LETTER * max(map(len, labels))
    top = HEAD + LETTER * max(map(len, labels)) * 0.75
    side = CELL * len(labels)
    width, height = (
        max(left + side, LETTER * len(title) * 1.3) + 3 * MARGIN,
        top + side + 2 * MARGIN,
    )
    cells = [
        _cell(
            left + CELL * said,
            top + CELL * true,
            count,
            count / max(1, counts[true].sum()),
            true == said,
        )
        for (true, said), count in np.ndenumerate(counts)
    ]
    rows = [
        _text(left - 8, top + CELL * (i + 0.5) + 4, label, "end") for i, label in enumerate(labels)
    ]
    columns = [
        _text(left + CELL * (i + 0.5) - 2, top - 8, label, "start", turn=-45)
        for i, label in enumerate(labels)
    ]
    heads = [
        f'<text x="{MARGIN}" y="{MARGIN + 14}" font-size="17" '
        f'font-weight="600">{escape(title)}</text>',
        _text(
            MARGIN,
            MARGIN + 36,
            "rows: the true class · columns: the model's answer · numbers: images",
            "start",
            GREY,
        ),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}"'
            f' height="{height:.0f}" font-family="{FONT}" font-size="13" fill="{DARK}" role="img">',
            f"<title>{escape(title)}</title>",
            '<rect width="100%" height="100%" rx="8" fill="#ffffff"/>',
            *heads,
            *columns,
            *rows,
            *cells,
            "</svg>\n",
        ]
    )


def _cell(x: float, y: float, count: int, share: float, right: bool) -> str:
    strength = share**0.6 if count else 0  # so that a few mistakes show
    red, green, blue = (
        round(246 + (full - 246) * strength) for full in (RIGHT if right else WRONG)
    )
    box = (
        f'<rect x="{x + 1:.0f}" y="{y + 1:.0f}" width="{CELL - 2}" height="{CELL - 2}" rx="4" '
        f'fill="rgb({red},{green},{blue})"/>'
    )
    ink = "#ffffff" if strength > 0.55 else DARK
    return box + (
        _text(x + CELL / 2, y + CELL / 2 + 4.5, str(count), "middle", ink) if count else ""
    )


def _text(x: float, y: float, text: str, anchor: str, fill: str = DARK, turn: int = 0) -> str:
    turned = f' transform="rotate({turn} {x:.0f} {y:.0f})"' if turn else ""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" '
        f'fill="{fill}"{turned}>{escape(text)}</text>'
    )
