"""The two networks: a small one, trained from scratch, and one pretrained on ImageNet.

Both take uint8 images, [batch, height, width, 3], and return probabilities, [batch, classes]. They
scale the pixels themselves.
"""

from keras_setup import keras

layers = keras.layers


def small_cnn(size, classes, width=16):
    """Return a network with three stages of convolution, for images of size x size pixels.

    It has 29,690 parameters for 28 x 28 pixels and ten classes.
    """
    image = keras.Input((size, size, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    for channels in (width, 2 * width, 4 * width):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(classes, activation="softmax", name="probabilities")(x))


def mobilenet(size, classes, weights):
    """Return MobileNetV2, as layer `backbone`, with a new last layer.

    weights: "imagenet", which Keras downloads, or None for random ones.
    """
    backbone = keras.applications.MobileNetV2(
        (size, size, 3), include_top=False, weights=weights, pooling="avg"
    )
    backbone.name = "backbone"
    image = keras.Input((size, size, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    # training=False: keep the ImageNet statistics of batch normalization; small batches spoil them
    x = layers.Dropout(0.2)(backbone(x, training=False))
    return keras.Model(image, layers.Dense(classes, activation="softmax", name="probabilities")(x))
