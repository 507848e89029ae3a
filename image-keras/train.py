"""Images in classes -> a Keras model that tells the class of another image."""

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

from shared.errors import UserError
from shared.training.augment import cropped, shifted
from shared.training.image_results import write_results
from shared.training.images import load_images

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"

EPOCHS, PHOTO_EPOCHS = 12, 6
HEAD_EPOCHS = 2  # for the new last layer alone, before the layers below it may move
# layers of MobileNetV2 that stay as they are, up to its sixth block: edges and textures are the
# same in all photos
FROZEN = 54
TENSORFLOW = (
    "tensorflow-cpu" if platform.machine() in ("x86_64", "AMD64") else "tensorflow"
)  # as in requirements-train.txt
WATCHED = sys.stdout.isatty()  # progress bars; else a line for each epoch


class Batches(keras.utils.PyDataset):
    """Augmented images and their classes, in another order at each epoch."""

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
        self._order = self._rng.permutation(len(self._part))


def fit(model, batches, validation, rate, epochs):
    """Trains the model and leaves it as it was after the epoch with the lowest validation loss."""
    steps = epochs * len(batches)
    warm_up = steps // 5
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 25, steps - warm_up, warmup_target=rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.02)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    # EarlyStopping is there for the weights that it gives back: with this patience it never stops
    # early.
    best = keras.callbacks.EarlyStopping("val_loss", patience=epochs, restore_best_weights=True)
    lines = keras.callbacks.LambdaCallback(on_epoch_end=partial(print_epoch, epochs))
    callbacks = [best] if WATCHED else [best, lines]
    model.fit(
        batches,
        validation_data=validation,
        epochs=epochs,
        callbacks=callbacks,
        verbose=int(WATCHED),
        shuffle=False,
    )


def print_epoch(epochs, epoch, logs):
    """One line, where there is no progress bar that says the same."""
    loss, found, right = logs["loss"], logs["val_loss"], logs["val_accuracy"]
    print(
        f"epoch {epoch + 1:2} of {epochs}: loss {loss:.3f}, validation loss {found:.3f}, accuracy "
        f"{right:.3f}",
        flush=True,
    )


def fit_small(data, epochs, seed):
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
    """First the new last layer, then the upper layers of the backbone too, at a rate that forgets
    nothing.
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
    size = min(
        32, max(1, len(data.train) // 10)
    )  # of a few photos, smaller batches, so that there are ten in an epoch
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
    parser.add_argument(
        "--weights",
        choices=["imagenet", "none"],
        default="imagenet",
        help="what the network for photos starts with",
    )
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    tf.config.experimental.enable_op_determinism()
    if not WATCHED:
        keras.utils.disable_interactive_logging()

    data = load_images(args.data, BUILD)
    print(
        f"{'MobileNetV2' if data.photos else 'small-cnn'} on {len(data.train):,} images of "
        f"{len(data.labels)} classes",
        flush=True,
    )
    if data.photos:
        weights = None if args.weights == "none" else args.weights
        model = fit_photos(data, args.epochs or PHOTO_EPOCHS, args.seed, weights)
    else:
        model = fit_small(data, args.epochs or EPOCHS, args.seed)

    model.save(BUILD / "model.keras")
    shutil.rmtree(BUILD / "saved-model", ignore_errors=True)
    model.export(BUILD / "saved-model", verbose=False)
    probabilities = model.predict(data.test.images, batch_size=64, verbose=0)
    write_results(BUILD, FOLDER.name, data, probabilities, ["keras", TENSORFLOW, "numpy", "pillow"])
    print(
        f"wrote {os.path.relpath(BUILD / 'model.keras')} and "
        f"{os.path.relpath(BUILD / 'saved-model')}"
    )


if __name__ == "__main__":
    main()
