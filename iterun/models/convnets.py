"""Image classifiers as modules with torch's own initial weights: (n, c, h, w) -> (n, classes).

mlp      hidden linear layers of one width with relu; LeNet-300-100 is one of two widths
resnet   CIFAR's: three stages of n blocks, depth 6n + 2; shortcuts of 1x1 convolutions
vgg      CIFAR's: 3x3 convolutions with batch norm and relu, pools, one linear layer
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

#: convolutions before each pool, by depth; channels double with each of the first three pools
VGG = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def mlp(n_inputs: int, widths: Sequence[int], n_classes: int) -> nn.Sequential:
    """Linear layers `hidden1`, `hidden2`, ... with relu, and `output`."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for k, width in enumerate(widths, 1):
        layers[f"hidden{k}"] = nn.Linear(n_inputs, width)
        layers[f"relu{k}"] = nn.ReLU()
        n_inputs = width
    layers["output"] = nn.Linear(n_inputs, n_classes)
    return nn.Sequential(layers)


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != width:
            conv = nn.Conv2d(channels, width, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(width)))

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


class CifarResNet(nn.Module):
    """Stages of `n_blocks` blocks with 1, 2 and 4 times `width` channels."""

    def __init__(self, channels: int, n_blocks: int, width: int, n_classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        blocks, inputs = [], width
        for stage in range(3):
            for k in range(n_blocks):
                blocks.append(Block(inputs, width << stage, 2 if stage and not k else 1))
                inputs = width << stage
        self.blocks = nn.Sequential(*blocks)
        self.output = nn.Linear(inputs, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(F.relu(self.norm(self.conv(x))))
        logits: Tensor = self.output(x.mean(dim=(2, 3)))
        return logits


class CifarVgg(nn.Module):
    """Stages of convolutions with 1, 2, 4, 8 and 8 times `width` channels, a pool after each."""

    def __init__(self, channels: int, depth: int, width: int, n_classes: int) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for stage, n_convolutions in enumerate(VGG[depth], 1):
            out = width << min(stage - 1, 3)
            for k in range(1, n_convolutions + 1):
                layers[f"conv{stage}_{k}"] = nn.Conv2d(channels, out, 3, padding=1, bias=False)
                layers[f"norm{stage}_{k}"] = nn.BatchNorm2d(out)
                layers[f"relu{stage}_{k}"] = nn.ReLU(inplace=True)
                channels = out
            layers[f"pool{stage}"] = nn.MaxPool2d(2)
        self.layers = nn.Sequential(layers)
        self.output = nn.Linear(channels, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.output(self.layers(x).mean(dim=(2, 3)))
        return logits


class Logits(nn.Module):
    """A classifier of transformers as pictures in, logits out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x).logits
        return logits


def resnet50(channels: int, n_classes: int) -> Logits:
    """ResNet-50 as transformers has it, in its own shape: pools stand before its last layer."""
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(
        num_channels=channels,
        embedding_size=64,
        hidden_sizes=[256, 512, 1024, 2048],
        depths=[3, 4, 6, 3],
        layer_type="bottleneck",
        num_labels=n_classes,
    )
    return Logits(ResNetForImageClassification(config))


def draw_(module: nn.Module, generator: torch.Generator, *, norms: str) -> nn.Module:
    """New initial weights: Kaiming-normal, N(0, 2 / fan-in); biases 0.

    Args:
        module: changed in place, layer by layer in its own order.
        generator: on the CPU.
        norms: of batch norms' weights: "uniform" in [0, 1], or "ones".
    """
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                fan_in = layer.weight[0].numel()
                layer.weight.normal_(0.0, (2 / fan_in) ** 0.5, generator=generator)
            elif isinstance(layer, nn.BatchNorm2d):
                if norms == "uniform":
                    layer.weight.uniform_(0.0, 1.0, generator=generator)
                else:
                    layer.weight.fill_(1.0)
            else:
                continue
            if layer.bias is not None:
                layer.bias.zero_()
    return module
