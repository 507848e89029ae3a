"""Save a matplotlib figure as a small SVG file, the same at each run."""

from __future__ import annotations

import io
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

TEXT, FAINT = "#1f2937", "#6b7280"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "onnx-on-lambda",  # for names inside the file: random by default
    "font.sans-serif": ["DejaVu Sans", "Verdana"],  # of the same width, so that nothing is cut off
}


def svg_of(figure: Figure) -> str:
    """Return a figure as the text of an SVG file.

    It is opaque: its dark text is legible on a light page and on a dark one.
    """
    file = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(
            file,
            format="svg",
            facecolor="white",
            bbox_inches="tight",
            pad_inches=0.2,
            metadata={"Date": None, "Creator": None},
        )
    return file.getvalue()
