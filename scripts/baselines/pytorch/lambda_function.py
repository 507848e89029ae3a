"""model.pt -> answers: what runs on Lambda without ONNX."""

import json
from pathlib import Path

import networks  # the project's own
import torch

from shared.serving.events import serve
from shared.serving.image_requests import images_of, labelled
from shared.serving.logs import count, span
from shared.serving.onnx_common import threads

torch.set_num_threads(threads())
network = networks.Served(networks.load("model.pt")).eval()
metadata = json.loads(Path("metadata.json").read_text())
labels = metadata["labels"]
size = metadata["preprocessing"]["width"], metadata["preprocessing"]["height"]


def predict(request):
    """{"url": "https://…"} or {"image": "<base64>"} -> {"label": "hat", "probability": 0.9, "probabilities": {"hat": 0.9, …}}."""
    images = images_of(request, size)
    with span("inference"), torch.inference_mode():
        pixels = torch.frombuffer(bytearray().join(image.tobytes() for image in images), dtype=torch.uint8)
        rows = network(pixels.view(len(images), *size[::-1], 3)).tolist()
    count("predictions", len(rows))
    answers = [labelled(row, labels) for row in rows]
    return {"predictions": answers} if "images" in request else answers[0]


def lambda_handler(event, context):
    """Answers every kind of event that Lambda delivers: see shared/serving/events.py."""
    return serve(event, context, predict, metadata, media="image/")
