"""Draw a confusion matrix with matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from shared.training.figures import FAINT, TEXT, svg_of

EMPTY = np.array([246, 246, 246]) / 255  # RGB of a cell without images
RIGHT, WRONG = np.array([13, 110, 110]) / 255, np.array([190, 70, 40]) / 255  # of a full cell
CELL = 0.46  # inches
NOTE = "rows: true class · columns: predicted class · numbers: images"


def picture(counts: np.ndarray, labels: list[str], title: str) -> str:
    """Return a confusion matrix as the text of an SVG file.

    counts: images of each class (rows) by predicted class (columns). The color of a cell is the
    stronger, the larger its share of the row.
    """
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    strength = (shares**0.6)[..., None]  # the exponent makes a few mistakes visible
    full = np.where(np.eye(len(labels), dtype=bool)[..., None], RIGHT, WRONG)
    side = CELL * len(labels)
    figure = Figure(figsize=(side, side))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.pcolormesh(EMPTY + (full - EMPTY) * strength, edgecolors="white", linewidth=2)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            ink = "white" if strength[row, column, 0] > 0.55 else TEXT
            axes.text(column + 0.5, row + 0.5, str(count), ha="center", va="center", color=ink)
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    centers = np.arange(len(labels)) + 0.5
    axes.set_xticks(centers, labels, rotation=45, ha="left", rotation_mode="anchor", color=TEXT)
    axes.set_yticks(centers, labels, color=TEXT)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    # Titles start where the labels of the rows do.
    left = -0.1 * max(map(len, labels)) / side
    top = 1 + 0.07 * max(map(len, labels)) / side
    place: dict[str, Any] = {"transform": axes.transAxes, "va": "bottom"}
    axes.text(left, top + 0.5 / side, title, size=13, weight="bold", color=TEXT, **place)
    axes.text(left, top + 0.2 / side, NOTE, color=FAINT, **place)
    return svg_of(figure)
