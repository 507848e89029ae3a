"""Sample files for each kind of project: uploads to a bucket, and inputs of bulk scoring."""

import base64
import csv
import io
import json

from tests.handlers import example, row_of
from tests.plugin import kind_of


def is_tabular(project):
    """Whether the project takes rows; images otherwise."""
    return kind_of(project.name) == "tabular"


def photo(what, number, kind):
    """A picture as a file."""
    from tests.projects import pictures  # which needs Pillow

    return image_of(pictures.photo(what, number), kind)


def image_of(picture, kind):
    """A picture of Pillow's as a file."""
    data = io.BytesIO()
    picture.save(data, kind)
    return data.getvalue()


def bodies(project):
    """Bodies of HTTP requests, with their types, and each with the same as a request in JSON."""
    found = [(json.dumps(example(project)).encode(), "application/json", example(project))]
    if not is_tabular(project):
        data = photo("blue", 2, "PNG")
        found.append((data, "image/png", {"image": base64.b64encode(data).decode()}))
    return found


def dropped(project):
    """A file for the bucket: its name, its bytes, how its result's name goes on, and the request
    that each answer is for.
    """
    if is_tabular(project):
        return "a july.csv", table(project, 50)[0], ".jsonl", [example(project)] * 50
    data = photo("red", 1, "JPEG")
    return "a photo.jpg", data, ".json", [{"image": base64.b64encode(data).decode()}]


def table(project, rows):
    """A CSV of the example's row as often as asked, each with a number of its own, and the request
    that each is.
    """
    row = row_of(project)
    lines = [csv_line(["id", *row]), *(csv_line([at, *row.values()]) for at in range(rows))]
    return "\n".join(lines).encode(), [example(project)] * rows


def csv_line(values):
    """Return values as a line of CSV, without its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def requests_in_lines(rows):
    """JSON lines, each with one of a few tiny images, and the same as requests."""
    from PIL import Image

    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (240, 240, 240), (10, 10, 10)]
    images = [
        base64.b64encode(image_of(Image.new("RGB", (8, 8), color), "PNG")).decode()
        for color in colors
    ]
    requests = [{"image": images[at % len(images)]} for at in range(rows)]
    return "\n".join(json.dumps(request) for request in requests).encode(), requests


def bulk(project, rows):
    """A file with so many rows, two of which are refused: its suffix, its bytes, the refused lines,
    and all as requests.
    """
    data, requests = table(project, rows) if is_tabular(project) else requests_in_lines(rows)
    lines = data.split(b"\n")
    refused = [7 * rows // 10, len(lines)]  # as an editor counts them
    lines[refused[0] - 1] = b"bad"
    if is_tabular(project):
        # No number, no date, and too long for a text; a category may be any text.
        wrong = "x" * 20_000
        lines[refused[1] - 1] = csv_line(
            [refused[1] - 2, *(wrong for _ in row_of(project))]
        ).encode()
    else:
        lines[refused[1] - 1] = b'{"image": "bm8gaW1hZ2U="}'
    return ".csv" if is_tabular(project) else ".jsonl", b"\n".join(lines), refused, requests
