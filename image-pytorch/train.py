"""Train a PyTorch model that classifies images.

Writes build/model.pt, build/metadata.json, build/held-out.npz and build/confusion-matrix.svg.
"""

import argparse
import copy
import math
import os
from functools import partial
from pathlib import Path

import networks
import numpy as np
import torch
import torch.nn.functional as F
from efficientnet_lite0 import pretrained
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

# The interpreter in .venv/<this project> finds `shared`, also for an IDE or a notebook: `make` puts
# the checkout on its path.
from shared.errors import UserError
from shared.training.augment import cropped, shifted
from shared.training.image_results import write_results
from shared.training.images import load_images
from shared.training.scores import accuracy, log_loss

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"

EPOCHS = {"small-cnn": 12, "efficientnet-lite0": 6}
BATCH = {"small-cnn": 64, "efficientnet-lite0": 32}
# Pixels of a training crop. It shows its garment larger than the whole photo does, so it may be
# smaller than the model's 224.
CROP = 192


class Augmented(Dataset):
    """Training images, changed a little each time they are read.

    part: images and classes; augment: a function of images, uint8 [n, h, w, 3], and a NumPy
    random generator; seed: of that generator.
    """

    def __init__(self, part, augment, seed):
        self.part, self.augment = part, augment
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return len(self.part)

    def __getitems__(self, indices):
        """Return images and classes of a batch: PyTorch calls this instead of __getitem__."""
        images = torch.from_numpy(self.augment(self.part.images[indices], self.rng))
        return list(zip(images, self.part.classes[indices]))


def make_network(kind, classes, size):
    """Return a network to train, and its parameters in groups, each with its learning rate.

    kind: a key of networks.NETWORKS; classes: how many; size: of the images, in pixels.
    """
    if kind == "small-cnn":
        network = networks.SmallCNN(classes, size)
        return network, [{"params": list(network.parameters()), "lr": 4e-3}]
    network = pretrained(classes)
    head = list(network._fc.parameters())  # new, so it learns faster than the pretrained body
    body = [
        parameter
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and not name.startswith("_fc.")
    ]
    return network, [{"params": body, "lr": 5e-4}, {"params": head, "lr": 2e-3}]


def fit(network, groups, loader, validation, epochs):
    """Train a network, and restore its weights of the epoch with the lowest validation loss.

    groups: of parameters; loader: of training batches; validation: a Part.
    """
    optimizer = torch.optim.AdamW(groups, weight_decay=0.02)
    # Up to each group's learning rate in the first fifth, then down to almost nothing.
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in groups],
        total_steps=epochs * len(loader) + 1,
        pct_start=0.2,
    )
    lowest, best = math.inf, None
    for epoch in range(1, epochs + 1):
        network.train()
        total = 0.0
        for images, classes in tqdm(loader, f"epoch {epoch}", leave=False, disable=None):
            loss = F.cross_entropy(network(images), classes, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()

        probabilities = networks.predict(network, validation.images)
        validation_loss = log_loss(probabilities, validation.classes)
        print(
            f"epoch {epoch:2} of {epochs}: loss {total / len(loader):.3f}, validation loss "
            f"{validation_loss:.3f}, accuracy {accuracy(probabilities, validation.classes):.3f}",
            flush=True,
        )
        if validation_loss < lowest:
            lowest, best = validation_loss, copy.deepcopy(network.state_dict())
    network.load_state_dict(best)


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--data",
        default="sample",
        help="sample, full, clothing, or a folder or an archive of photos",
    )
    parser.add_argument(
        "--epochs", type=int, help="times that each image is seen (default: 12, and 6 for photos)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="for the first weights, the order and the augmentation"
    )
    parser.add_argument(
        "--network", choices=EPOCHS, help="for a folder of images (default: efficientnet-lite0)"
    )
    parser.add_argument(
        "--size", type=int, help="pixels, for a folder of images (default: 224, and 28 small-cnn)"
    )
    parser.add_argument(
        "--no-mirror", action="store_true", help="mirror no image: for digits, signs or text"
    )
    return parser.parse_args()


def load_data(args):
    """Return the images, the network's kind, and the augmentation.

    Raises UserError if the options do not fit the data.
    """
    own = args.data not in ("sample", "full", "clothing")
    if not own and (args.network or args.size):
        raise UserError(f"--network and --size are for a folder of images, not for {args.data}")
    smallest = 8 if args.network == "small-cnn" else 64
    if args.size is not None and not smallest <= args.size <= 1024:
        raise UserError(f"--size={args.size} must be {smallest} to 1024 pixels for this network")
    if args.network == "small-cnn":
        size = args.size or 28
        data = load_images(args.data, BUILD, (size, size))
    else:
        size = args.size or 224
        data = load_images(args.data, BUILD, (size, size * 8 // 7) if own else ())
    kind = args.network or ("efficientnet-lite0" if data.photos else "small-cnn")
    mirror = not args.no_mirror
    if kind == "small-cnn":
        return data, kind, partial(shifted, mirror=mirror)
    return data, kind, partial(cropped, size=CROP * size // 224, mirror=mirror)


def main():
    args = parse_arguments()
    torch.manual_seed(args.seed)
    torch.use_deterministic_algorithms(True)

    # Data
    data, kind, augment = load_data(args)
    loader = DataLoader(
        Augmented(data.train, augment, args.seed),
        # Smaller batches of a few photos, so that an epoch has ten.
        batch_size=min(BATCH[kind], max(1, len(data.train) // 10)),
        shuffle=True,
        drop_last=True,
        generator=torch.Generator().manual_seed(args.seed),
    )
    print(f"{kind} on {len(data.train):,} images of {len(data.labels)} classes", flush=True)

    # Model
    network, groups = make_network(kind, len(data.labels), data.size)
    network.to(memory_format=torch.channels_last)  # the order that oneDNN's convolutions work in
    if kind == "small-cnn":
        torch.set_num_threads(1)  # more threads would wait for each other longer than they work

    # Train
    fit(network, groups, loader, data.validation, args.epochs or EPOCHS[kind])
    networks.save(BUILD / "model.pt", kind, network, len(data.labels), data.size)

    # Evaluate
    probabilities = networks.predict(network, data.test.images)
    write_results(BUILD, FOLDER.name, data, probabilities, ["torch", "numpy", "pillow"])
    print(f"wrote {os.path.relpath(BUILD / 'model.pt')}")


if __name__ == "__main__":
    main()
