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
    """Three stages of convolution, for images of 28 x 28 pixels.

    It has 29,466 parameters for ten classes.
    """

    def __init__(self, classes, width=16):
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
        self.dropout, self.head = nn.Dropout(0.3), nn.Linear(channels * 3 * 3, classes)

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


NETWORKS = {"small-cnn": SmallCNN, "efficientnet-lite0": Lite0}


def save(path, kind, network, classes):
    """Save a trained network. kind: a key of NETWORKS; classes: how many."""
    torch.save({"network": kind, "classes": classes, "state": network.state_dict()}, path)


def load(path):
    """Return the network that training saved, ready to predict."""
    saved = torch.load(path, weights_only=True)
    network = NETWORKS[saved["network"]](saved["classes"])
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
