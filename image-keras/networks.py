"""The two networks: a small one that learns from scratch, and one that has seen ImageNet.

Both take uint8 images, [batch, height, width, 3], and give probabilities, [batch, classes]: scaling
is in the network.
"""

from keras_setup import keras

layers = keras.layers


def small_cnn(size, classes, width=16):
    """Three stages of convolution for images of 28 x 28 pixels; 29,690 parameters for ten
    classes.
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
    """MobileNetV2 as `backbone` with a new last layer; weights: "imagenet", downloaded by Keras, or
    None for random ones.
    """
    backbone = keras.applications.MobileNetV2(
        (size, size, 3), include_top=False, weights=weights, pooling="avg"
    )
    backbone.name = "backbone"
    image = keras.Input((size, size, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    # training=False: its batch normalisation keeps ImageNet's statistics, which small batches would
    # only spoil.
    x = layers.Dropout(0.2)(backbone(x, training=False))
    return keras.Model(image, layers.Dense(classes, activation="softmax", name="probabilities")(x))
