"""Image classifiers that nobody has trained: what `model=resnet20` and its like name.

`load` gives the architecture; its `build` a module for pictures of a data set's shape and classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.errors import ConfigError, nearest
from iterun.models.forms import wrong_form
from iterun.types import Architecture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import nn

    from iterun.types import Placement

NETS = ("mlp", "lenet", "resnet", "vgg", "resnet50")
SIZED = {"mlp": ("depth", "width"), "resnet": ("depth", "width"), "vgg": ("depth", "width")}
#: smallest pictures, pixels a side: pools and strides halve them so many times
LEAST = {"resnet": 4, "vgg": 32, "resnet50": 32}
LENET = (300, 100)


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """The plan of a net (types.Architecture)."""

    name: str
    net: str  #: one of NETS
    depth: int  #: mlp: hidden layers; resnet: 6n + 2; vgg: 11, 13, 16 or 19
    width: int  #: mlp: units a layer; else channels of the first stage

    @property
    def output_layer(self) -> str | None:
        """The last linear layer; None for ResNets, where it is pruned like any other."""
        return None if self.net in ("resnet", "resnet50") else "output"

    def build(
        self, shape: tuple[int, int, int], n_classes: int, generator: torch.Generator
    ) -> nn.Module:
        """A module on the CPU with weights drawn from the generator.

        Raises:
            ConfigError: the pictures are too small for the net.
        """
        import torch

        from iterun.models import convnets

        _, height, width = shape
        if min(height, width) < LEAST.get(self.net, 1):
            least = LEAST[self.net]
            raise ConfigError(
                f"model={self.name} takes pictures from {least}x{least}, not {height}x{width}",
                hint="take larger ones, as in data=cifar10, or model=mlp6x64",
            )
        with torch.random.fork_rng(devices=[]):  # torch's layers draw weights, which are redrawn
            net = self._layers(shape, n_classes)
        norms = "ones" if self.net == "resnet50" else "uniform"
        return convnets.draw_(net, generator, norms=norms)

    def _layers(self, shape: tuple[int, int, int], n_classes: int) -> nn.Module:
        from iterun.models import convnets

        channels, height, width = shape
        if self.net == "resnet":
            return convnets.CifarResNet(channels, (self.depth - 2) // 6, self.width, n_classes)
        if self.net == "vgg":
            return convnets.CifarVgg(channels, self.depth, self.width, n_classes)
        if self.net == "resnet50":
            return convnets.resnet50(channels, n_classes)
        widths = LENET if self.net == "lenet" else [self.width] * self.depth
        return convnets.mlp(channels * height * width, widths, n_classes)


def load(
    form: type,
    place: Placement,
    *,
    name: str,
    net: str,
    kinds: Sequence[str] | None = None,
    depth: int | None = None,
    width: int | None = None,
) -> Classifier:
    """The architecture of a `conf/model/*.yaml`.

    Args:
        form: `types.Architecture`.
        place: not looked at: `build` gives modules on the CPU, and what is trained is float32.
        name: as typed after `model=`.
        net: one of NETS.
        kinds: what the choice can be used as; judged before this is called.
        depth: see Classifier; only mlp, resnet and vgg have one.
        width: likewise.

    Raises:
        ConfigError: no such net, or no such size of it.
    """
    if form is not Architecture:
        raise wrong_form(name, "an image classifier", form, kinds or ["vision"])
    if net not in NETS:
        raise ConfigError(
            f"model.net={net} is no net",
            hint=f"take one of {', '.join(nearest(str(net), NETS) or NETS)}",
        )
    sizes = {"depth": depth, "width": width}
    for key, value in sizes.items():
        if (value is not None) != (key in SIZED.get(net, ())):
            said = "has no such size" if value is not None else "needs a whole number"
            hint = f"leave it away, or as in model=mlp6x64 model.{key}=6"
            raise ConfigError(f"model.{key}={value}: model.net={net} {said}", hint=hint)
        if value is not None and not (type(value) is int and value >= 1):
            raise ConfigError(f"model.{key}={value} is no size", hint=f"as in model.{key}=16")
    _check_depth(net, depth)
    return Classifier(name=name, net=net, depth=depth or 0, width=width or 0)


def _check_depth(net: str, depth: int | None) -> None:
    from iterun.models.convnets import VGG

    if net == "resnet" and (depth is None or depth < 8 or depth % 6 != 2):
        raise ConfigError(
            f"model.depth={depth} is not 6n + 2", hint="model.depth=20, 32, 44, 56 or 110"
        )
    if net == "vgg" and depth not in VGG:
        raise ConfigError(
            f"model.depth={depth} is no VGG", hint=f"model.depth={', '.join(map(str, VGG))}"
        )
