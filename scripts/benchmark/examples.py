"""The requests to time: the project's example, and batches of held-out rows or images."""

from __future__ import annotations

import base64
import io
import json
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from scripts.project import Project
from shared.serving.sources.csv_rows import CsvReader
from shared.serving.sources.http_events import MOST_BYTES
from shared.serving.sources.text_lines import lines_of
from shared.serving.tabular import MOST_ROWS


class Examples:
    """Requests for a project.

    one: the request in the file, as JSON; image: the image in it, None for rows; sizes: of
    batches, up to the largest that is allowed.
    """

    def __init__(self, project: Project, event_file: Path):
        event = json.loads(event_file.read_text())
        self.one = json.dumps(event).encode()
        self.image: bytes | None = None
        metadata = project.metadata()
        if metadata["task"].startswith("image"):
            self.image = base64.b64decode(event["image"])
            self._many, self._items = "images", _images(project)
            self.sizes = [size for size in (1, 2, 4, 8, 16) if size <= len(self._items)]
        else:
            self._many, self._items = (
                project.request_keys()[1],
                _rows(project, metadata["input_schema"]),
            )
            self.sizes = [
                size
                for size in (1, 10, 100, 1000, 10_000)
                if size <= MOST_ROWS and len(self.batch(size)) <= MOST_BYTES
            ]

    def batch(self, size: int) -> bytes:
        """Return a request of `size` rows or images, as JSON."""
        return json.dumps({self._many: list(islice(cycle(self._items), size))}).encode()


def _rows(project: Project, input_schema: dict) -> list[dict]:
    """Return the held-out rows with the model's features alone."""
    header, *lines = lines_of((project.folder / "build/held-out.csv").read_bytes())
    read = CsvReader(str(header), input_schema)
    features = input_schema["properties"]
    # pandas wrote whole numbers as 72.0; a client would not.
    whole = {name for name, rules in features.items() if "integer" in rules["type"]}
    return [
        {
            name: int(value) if name in whole else value
            for name, value in line[0].items()
            if value is not None
        }
        for line in read(lines)
        if isinstance(line, tuple)
    ]


def _images(project: Project) -> list[dict]:
    """Return held-out images as PNG files, in base64."""
    import numpy as np
    from PIL import Image

    from shared.serving.images.requests import MOST_IMAGES  # needs Pillow

    with np.load(project.folder / "build/held-out.npz") as arrays:
        images = arrays["images"][:MOST_IMAGES]
    return [{"image": base64.b64encode(_png(Image.fromarray(image))).decode()} for image in images]


def _png(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
