"""The two networks: a small one, trained from scratch, and one pretrained on ImageNet.

The latter is in efficientnet_lite0.py. Both take uint8 images, [batch, height, width, 3], and
return logits, [batch, classes]. They scale the pixels themselves.
"""

import os

# Waiting threads sleep instead of spinning, which would slow down a busy machine. PyTorch reads
# this when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from efficientnet_lite0 import Lite0
from torch import nn


class SmallCNN(nn.Module):
    """Three stages of convolution, for small images.

    size: the side of the images in pixels, 8 or more. It has 29,466 parameters for ten classes
    and 28 pixels.
    """

    def __init__(self, classes, size=28, width=16):
        super().__init__()
        layers, channels = [], 3
        for out in (width, 2 * width, 4 * width):
            layers += [
                nn.Conv2d(channels, out, 3, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            channels = out
        self.body = nn.Sequential(*layers, nn.Flatten())
        cells = (size // 8) ** 2  # each stage halves the side
        self.dropout, self.head = nn.Dropout(0.3), nn.Linear(channels * cells, classes)

    def forward(self, images):
        """Return logits, [batch, classes]."""
        scaled = images.permute(0, 3, 1, 2).float() / 127.5 - 1
        return self.head(self.dropout(self.body(scaled)))


class Served(nn.Module):
    """A network as it is exported: it takes uint8 images and returns probabilities."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image):
        """Return probabilities, [batch, classes]."""
        return self.network(image).softmax(1)


# Each takes the number of classes and the size in pixels; Lite0 is the same for any size.
NETWORKS = {"small-cnn": SmallCNN, "efficientnet-lite0": lambda classes, size: Lite0(classes)}


def save(path, kind, network, classes, size):
    """Save a trained network. kind: a key of NETWORKS; classes: how many; size: in pixels."""
    saved = {"network": kind, "classes": classes, "size": size, "state": network.state_dict()}
    torch.save(saved, path)


def load(path):
    """Return the network that training saved, ready to predict."""
    saved = torch.load(path, weights_only=True)
    network = NETWORKS[saved["network"]](saved["classes"], saved["size"])
    network.load_state_dict(saved["state"])
    return network.eval()


def predict(network, images, batch=64):
    """Return probabilities, float32 [n, classes], for images, uint8 [n, height, width, 3]."""
    served = Served(network).eval()
    with torch.inference_mode():
        parts = [
            served(torch.from_numpy(images[i : i + batch])) for i in range(0, len(images), batch)
        ]
    return torch.cat(parts).numpy()
