"""Train a Keras model that classifies images.

Writes build/model.keras, build/saved-model/, build/metadata.json, build/held-out.npz and
build/confusion-matrix.svg.
"""

import argparse
import os
import platform
import shutil
import sys
from functools import partial
from pathlib import Path

import networks
import numpy as np
from keras_setup import keras, tf

# The interpreter in .venv/<this project> finds `shared`, also for an IDE or a notebook: `make` puts
# the checkout on its path.
from shared.errors import UserError
from shared.training.augment import cropped, shifted
from shared.training.image_results import write_results
from shared.training.images import load_images

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"

EPOCHS, PHOTO_EPOCHS = 12, 6
HEAD_EPOCHS = 2  # for the new last layer alone, before the layers below it may move
# Layers of MobileNetV2 that are not trained, up to its sixth block: they detect edges and textures,
# which all photos have.
FROZEN = 54
# The distribution in requirements-train.in.
TENSORFLOW = "tensorflow-cpu" if platform.machine() in ("x86_64", "AMD64") else "tensorflow"
TERMINAL = sys.stdout.isatty()  # show progress bars; otherwise print a line for each epoch


class Batches(keras.utils.PyDataset):
    """Batches of augmented images and their classes, in a new order at each epoch.

    part: images and classes; augment: a function of images, uint8 [n, h, w, 3], and a NumPy
    random generator; size: of a batch; seed: of that generator.
    """

    def __init__(self, part, augment, size, seed):
        super().__init__()
        self._part, self._augment, self._size = part, augment, size
        self._rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return max(1, len(self._order) // self._size)

    def __getitem__(self, number):
        chosen = self._order[number * self._size : (number + 1) * self._size]
        return self._augment(self._part.images[chosen], self._rng), self._part.classes[chosen]

    def on_epoch_end(self):
        """Choose a new order. Keras calls this after each epoch."""
        self._order = self._rng.permutation(len(self._part))


def fit(model, batches, validation, rate, epochs):
    """Train a model, and restore its weights of the epoch with the lowest validation loss.

    batches: a Batches; validation: images and classes; rate: the highest learning rate.
    """
    steps = epochs * len(batches)
    warm_up = steps // 5
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 25, steps - warm_up, warmup_target=rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.02)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    # EarlyStopping restores the best weights. With this patience, it never stops early.
    best = keras.callbacks.EarlyStopping("val_loss", patience=epochs, restore_best_weights=True)
    lines = keras.callbacks.LambdaCallback(on_epoch_end=partial(print_epoch, epochs))
    callbacks = [best] if TERMINAL else [best, lines]
    model.fit(
        batches,
        validation_data=validation,
        epochs=epochs,
        callbacks=callbacks,
        verbose=int(TERMINAL),
        shuffle=False,
    )


def print_epoch(epochs, epoch, logs):
    """Print one line about an epoch, where no progress bar shows the same."""
    print(
        f"epoch {epoch + 1:2} of {epochs}: loss {logs['loss']:.3f}, validation loss "
        f"{logs['val_loss']:.3f}, accuracy {logs['val_accuracy']:.3f}",
        flush=True,
    )


def fit_small(data, epochs, seed):
    """Return a small network, trained from random weights."""
    model = networks.small_cnn(data.size, len(data.labels))
    fit(
        model,
        Batches(data.train, shifted, 64, seed),
        (data.validation.images, data.validation.classes),
        4e-3,
        epochs,
    )
    return model


def fit_photos(data, epochs, seed, weights):
    """Return a pretrained network, fine-tuned: first its new last layer, then its upper layers too.

    weights: "imagenet" or None. Raises UserError when Keras cannot download them.
    """
    try:
        model = networks.mobilenet(data.size, len(data.labels), weights)
    except Exception as error:  # Keras raises no more than that
        if "URL fetch failure" not in str(error):
            raise
        raise UserError(
            "Keras cannot download MobileNetV2's ImageNet weights: check the network, or train "
            "with --weights none"
        ) from None
    size = min(32, max(1, len(data.train) // 10))  # with few photos, ten batches in an epoch
    batches = Batches(data.train, partial(cropped, size=data.size), size, seed)
    validation = data.validation.images, data.validation.classes
    backbone = model.get_layer("backbone")
    backbone.trainable = False
    fit(model, batches, validation, 2e-3, HEAD_EPOCHS)
    backbone.trainable = True
    for layer in backbone.layers[:FROZEN]:
        layer.trainable = False
    fit(model, batches, validation, 2e-4, epochs)
    return model


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
        "--weights",
        choices=["imagenet", "none"],
        default="imagenet",
        help="initial weights of the network for photos",
    )
    return parser.parse_args()


def main():
    args = parse_arguments()
    keras.utils.set_random_seed(args.seed)
    tf.config.experimental.enable_op_determinism()
    if not TERMINAL:
        keras.utils.disable_interactive_logging()

    # Data
    data = load_images(args.data, BUILD)
    print(
        f"{'MobileNetV2' if data.photos else 'small-cnn'} on {len(data.train):,} images of "
        f"{len(data.labels)} classes",
        flush=True,
    )

    # Train
    if data.photos:
        weights = None if args.weights == "none" else args.weights
        model = fit_photos(data, args.epochs or PHOTO_EPOCHS, args.seed, weights)
    else:
        model = fit_small(data, args.epochs or EPOCHS, args.seed)

    # Save, as Keras loads it and as the export reads it
    model.save(BUILD / "model.keras")
    shutil.rmtree(BUILD / "saved-model", ignore_errors=True)
    model.export(BUILD / "saved-model", verbose=False)

    # Evaluate
    probabilities = model.predict(data.test.images, batch_size=64, verbose=0)
    write_results(BUILD, FOLDER.name, data, probabilities, ["keras", TENSORFLOW, "numpy", "pillow"])
    print(
        f"wrote {os.path.relpath(BUILD / 'model.keras')} and "
        f"{os.path.relpath(BUILD / 'saved-model')}"
    )


if __name__ == "__main__":
    main()
