"""Files for projects of each kind: what is dropped into a bucket, and what is scored in bulk."""

import base64
import io
import json

from PIL import Image

from tests.projects.pictures import photo


def example(project):
    """The project's example request."""
    return json.loads(project.event_file.read_text())


def is_tabular(project):
    """Whether the project takes customers; images otherwise."""
    return "customer" in example(project)


def image_of(picture, kind):
    """A picture as a file of an image."""
    data = io.BytesIO()
    picture.save(data, kind)
    return data.getvalue()


def bodies(project):
    """Bodies of HTTP requests, with their types, and each with the same as a request in JSON."""
    found = [(json.dumps(example(project)).encode(), "application/json", example(project))]
    if not is_tabular(project):
        data = image_of(photo("blue", 2), "PNG")
        found.append((data, "image/png", {"image": base64.b64encode(data).decode()}))
    return found


def dropped(project):
    """A file for the bucket: its name, its bytes, how its result's name goes on, and the request that each answer is for."""
    if is_tabular(project):
        return "a july.csv", table(project, 50)[0], ".jsonl", [example(project)] * 50
    data = image_of(photo("red", 1), "JPEG")
    return "a photo.jpg", data, ".json", [{"image": base64.b64encode(data).decode()}]


def table(project, rows):
    """A CSV of the example's customer with as many rows, each with a number of its own, and the request that each is."""
    customer = example(project)["customer"]
    lines = [",".join(["id", *customer]), *(",".join([str(at), *map(str, customer.values())]) for at in range(rows))]
    return "\n".join(lines).encode(), [example(project)] * rows


def requests_in_lines(rows):
    """JSON lines, each with one of a few tiny images, and the same as requests."""
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (240, 240, 240), (10, 10, 10)]
    images = [base64.b64encode(image_of(Image.new("RGB", (8, 8), colour), "PNG")).decode() for colour in colours]
    requests = [{"image": images[at % len(images)]} for at in range(rows)]
    return "\n".join(json.dumps(request) for request in requests).encode(), requests


def bulk(project, rows):
    """A file with so many rows, two of which are refused: its suffix, its bytes, the refused lines, and all as requests."""
    data, requests = table(project, rows) if is_tabular(project) else requests_in_lines(rows)
    lines = data.split(b"\n")
    refused = [7 * rows // 10, len(lines)]  # as an editor counts them
    lines[refused[0] - 1] = b"bad"
    if is_tabular(project):
        number = next(str(value) for value in example(project)["customer"].values() if type(value) is float)
        lines[refused[1] - 1] = lines[refused[1] - 1].replace(number.encode(), b"cheap")
    else:
        lines[refused[1] - 1] = b'{"image": "bm8gaW1hZ2U="}'
    return ".csv" if is_tabular(project) else ".jsonl", b"\n".join(lines), refused, requests
