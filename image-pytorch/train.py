"""Images in classes -> a PyTorch model that tells the class of another image."""

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
from tqdm import tqdm

from shared.training.augment import cropped, shifted
from shared.training.image_results import write_results
from shared.training.images import load_images
from shared.training.scores import accuracy, log_loss

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"

EPOCHS = {"small-cnn": 12, "efficientnet-lite0": 6}
BATCH = {"small-cnn": 64, "efficientnet-lite0": 32}
# pixels; a crop shows its garment larger than the whole photo does, so it may have fewer than the
# model's 224
CROP = 192


def make_network(kind, classes):
    """A network to train, the function that makes its images a little different, and groups of
    parameters with their rates.
    """
    if kind == "small-cnn":
        network = networks.SmallCNN(classes)
        return network, shifted, [{"params": list(network.parameters()), "lr": 4e-3}]
    network = pretrained(classes)
    head = list(network._fc.parameters())
    known = {id(parameter) for parameter in head}
    body = [
        parameter
        for parameter in network.parameters()
        if parameter.requires_grad and id(parameter) not in known
    ]
    return (
        network,
        partial(cropped, size=CROP),
        [{"params": body, "lr": 5e-4}, {"params": head, "lr": 2e-3}],
    )


def batches(part, augment, size, rng):
    """Augmented images and their classes, each image once; what is left over waits for the next
    epoch's order.
    """
    order = rng.permutation(len(part))
    for start in range(0, max(1, len(order) - size + 1), size):
        chosen = order[start : start + size]
        yield (
            torch.from_numpy(augment(part.images[chosen], rng)),
            torch.from_numpy(part.classes[chosen]),
        )


def fit(network, augment, groups, data, epochs, batch, seed):
    """Trains the network and leaves it as it was after the epoch with the lowest validation
    loss.
    """
    rng = np.random.default_rng(seed)
    steps = max(1, len(data.train) // batch)
    optimiser = torch.optim.AdamW(groups, weight_decay=0.02)
    # Up to each group's rate in the first fifth, then down to almost nothing.
    rates = [group["lr"] for group in groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rates, total_steps=epochs * steps + 1, pct_start=0.2
    )
    least, best = math.inf, None
    for epoch in range(1, epochs + 1):
        network.train()
        total = 0.0
        progress = tqdm(
            batches(data.train, augment, batch, rng),
            f"epoch {epoch}",
            steps,
            leave=False,
            disable=None,
        )
        for images, classes in progress:
            loss = F.cross_entropy(network(images), classes, label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        probabilities = networks.predict(network, data.validation.images)
        found = log_loss(probabilities, data.validation.classes)
        right = accuracy(probabilities, data.validation.classes)
        print(
            f"epoch {epoch:2} of {epochs}: loss {total / steps:.3f}, validation loss {found:.3f}, "
            f"accuracy {right:.3f}",
            flush=True,
        )
        if found < least:
            least, best = found, copy.deepcopy(network.state_dict())
    network.load_state_dict(best)


def main():
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
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.use_deterministic_algorithms(True)

    data = load_images(args.data, BUILD)
    kind = "efficientnet-lite0" if data.photos else "small-cnn"
    if kind == "small-cnn":
        torch.set_num_threads(
            1
        )  # threads would wait for each other longer than they work, on a busy machine much longer
    print(f"{kind} on {len(data.train):,} images of {len(data.labels)} classes", flush=True)
    network, augment, groups = make_network(kind, len(data.labels))
    network.to(memory_format=torch.channels_last)  # the order that oneDNN's convolutions work in
    batch = min(
        BATCH[kind], max(1, len(data.train) // 10)
    )  # of a few photos, smaller ones, so that there are ten in an epoch
    fit(network, augment, groups, data, args.epochs or EPOCHS[kind], batch, args.seed)

    networks.save(BUILD / "model.pt", kind, network, len(data.labels))
    write_results(
        BUILD,
        FOLDER.name,
        data,
        networks.predict(network, data.test.images),
        ["torch", "numpy", "pillow"],
    )
    print(f"wrote {os.path.relpath(BUILD / 'model.pt')}")


if __name__ == "__main__":
    main()
