"""A small image model with the metadata of a real one, and image files for its requests, made
without a framework or a network.
"""

import base64
import io
import json

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save
from PIL import Image

WIDTH, HEIGHT = SIZE = 24, 16  # unequal, so that swapped sides show
LABELS = ["red", "green", "blue"]
METADATA = {
    "name": "toy",
    "version": "v1",
    "task": "image-classification",
    "input_schema": {
        "type": "object",
        "properties": {"url": {"type": "string"}, "image": {"type": "string"}},
    },
    "labels": LABELS,
    "preprocessing": {"width": WIDTH, "height": HEIGHT},
}
COLORS = {"red": (250, 20, 30), "green": (10, 240, 20), "blue": (0, 40, 250)}


def save_image_toy(path):
    """Writes a model whose probabilities are the softmax of the mean red, green and blue of an
    image, over 32.
    """
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2], keepdims=0),
            helper.make_node("Div", ["mean", "scale"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "toy",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", HEIGHT, WIDTH, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(np.array([32], np.float32), "scale")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    helper.set_model_props(
        model,
        {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in METADATA.items()
        },
    )
    save(model, path)
    return path


def probabilities(color):
    """Return the correct prediction of the toy model for an image with this mean color, computed
    without it.
    """
    powers = np.exp(np.array(color) / 32)
    return dict(zip(LABELS, powers / powers.sum()))


def plain(color, size=(40, 30)):
    """An image of one color: a key of COLORS, or what Pillow takes."""
    return Image.new("RGB", size, COLORS.get(color, color))


def scene(size=(400, 300)):
    """An image that differs from all its turns and mirrors: smooth, with a dark shape off its
    centre.
    """
    width, height = size
    x, y = np.linspace(0, 1, width)[None, :], np.linspace(0, 1, height)[:, None]
    shape = ((x - 0.3) ** 2 + (y - 0.35) ** 2 < 0.04) * 100
    waves = 20 * np.sin(40 * x + 25 * y)
    bands = [200 * x + 0 * y, 220 * y + 0 * x, 120 * (1 - x) * (1 + y) / 2]
    return Image.fromarray(
        np.stack([(band + 25 + waves - shape).clip(0, 255) for band in bands], axis=2).astype(
            np.uint8
        )
    )


def file_of(image, kind="PNG", **options):
    """The bytes of an image file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def base64_of(data):
    """Return bytes as base64 text."""
    return base64.b64encode(data).decode()


def distance(image, other):
    """The mean difference of two images, in steps of 0–255."""
    return np.abs(
        np.asarray(image.convert("RGB"), float) - np.asarray(other.convert("RGB"), float)
    ).mean()
