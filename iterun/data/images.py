"""Published sets of labelled pictures: CIFAR, MNIST, ImageNet; from the hub or a local folder.

None has a `dev` split of its own: `data.dev` pictures of `train` are set apart for it, the same
ones in every run; at 0, as in papers, `train` is whole and `dev` empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from iterun.data import encoded
from iterun.data.cache import digest
from iterun.data.hub import first_line
from iterun.data.hub_text import rows
from iterun.data.image_files import Decoded
from iterun.data.pictures import (
    InMemory,
    Normalization,
    Pictures,
    flip_and_crop,
    set_apart,
)
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from PIL import Image
    from torch import Generator, Tensor

    from iterun.types import ImageSplit


@dataclass(frozen=True, kw_only=True)
class Published:
    """What is known of a set before it is read."""

    id: str  #: on the hub
    config: str | None
    shape: tuple[int, int, int]
    n_classes: int
    normalize: Normalization
    test: str = "test"  #: the hub's name of the split
    label: str = "label"  #: the column of the classes


CIFAR10 = Published(
    id="uoft-cs/cifar10",
    config="plain_text",
    shape=(3, 32, 32),
    n_classes=10,
    normalize=Normalization(scale=255, mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616)),
)
CIFAR100 = Published(
    id="uoft-cs/cifar100",
    config=None,
    shape=(3, 32, 32),
    n_classes=100,
    normalize=Normalization(scale=255, mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762)),
    label="fine_label",
)
MNIST = Published(
    id="ylecun/mnist",
    config="mnist",
    shape=(1, 28, 28),
    n_classes=10,
    normalize=Normalization(scale=255, mean=(0.1307,), std=(0.3081,)),
)
IMAGENET = Published(
    id="ILSVRC/imagenet-1k",
    config=None,
    shape=(3, 224, 224),
    n_classes=1000,
    normalize=Normalization(scale=255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    test="validation",
)


def cifar10(
    *, name: str = "cifar10", path: str | None = None, revision: str | None = None, dev: int = 0
) -> Pictures:
    """CIFAR-10; training pictures are mirrored and moved at random.

    Args:
        name: as typed after `data=`.
        path: a folder that holds it; None: the hub.
        revision: of the hub's repository; None: the newest.
        dev: pictures of the 50,000 to set apart.
    """
    return _in_memory(CIFAR10, name, path, revision, dev, augment=flip_and_crop)


def cifar100(
    *, name: str = "cifar100", path: str | None = None, revision: str | None = None, dev: int = 0
) -> Pictures:
    """CIFAR-100 with its 100 fine classes; augmented and set as `cifar10`."""
    return _in_memory(CIFAR100, name, path, revision, dev, augment=flip_and_crop)


def mnist(
    *, name: str = "mnist", path: str | None = None, revision: str | None = None, dev: int = 0
) -> Pictures:
    """MNIST, as it is; the settings are those of `cifar10`."""
    return _in_memory(MNIST, name, path, revision, dev, augment=None)


def imagenet(
    *, name: str = "imagenet", path: str | None = None, revision: str | None = None, dev: int = 0
) -> Pictures:
    """ImageNet's 1,000 classes, decoded picture by picture at 224x224.

    Args:
        name: as typed after `data=`.
        path: a folder with train/CLASS/*.JPEG and val/CLASS/*.JPEG; None: the hub, which gives it
            to users whom its owner has admitted.
        revision: of the hub's repository; None: the newest.
        dev: pictures of the training split to set apart.
    """
    n_classes = len(_classes(encoded.existing_folder(path))) if path else IMAGENET.n_classes

    @cache
    def source(split: str) -> tuple[Callable[[int], Image.Image], Sequence[int]]:
        if path:
            return _files(encoded.existing_folder(path), "train" if split == "train" else "val")
        read = _encoded(IMAGENET, name, None, revision, split)
        return read.open, read.classes

    def read(split: str) -> ImageSplit:
        open, classes = source("test" if split == "test" else "train")
        index = _index(len(classes), split, dev)
        return Decoded(open, classes, index, IMAGENET.shape[1], IMAGENET.normalize)

    return Pictures(
        name=name,
        fingerprint=_fingerprint(IMAGENET, path, revision, dev),
        shape=IMAGENET.shape,
        n_classes=n_classes,
        read=read,
    )


def fingerprint(settings: Mapping[str, object]) -> str | None:
    """What tells one set from another, before it is built; None: the settings themselves do."""
    if not settings.get("path"):
        return None
    return digest(encoded.fingerprint(str(settings["path"])), str(settings.get("dev", 0)))


def _in_memory(
    known: Published,
    name: str,
    path: str | None,
    revision: str | None,
    dev: int,
    augment: Callable[[Tensor, Generator], Tensor] | None,
) -> Pictures:
    @cache
    def whole(split: str) -> InMemory:
        pixels, classes = _decoded(_encoded(known, name, path, revision, split), known, name)
        return InMemory(pixels, classes, known.normalize, augment)

    def read(split: str) -> ImageSplit:
        found = whole("test" if split == "test" else "train")
        index = _index(len(found), split, dev)
        return found if len(index) == len(found) else found.part(index)

    return Pictures(
        name=name,
        fingerprint=_fingerprint(known, path, revision, dev),
        shape=known.shape,
        n_classes=known.n_classes,
        read=read,
    )


def _encoded(
    known: Published, name: str, path: str | None, revision: str | None, split: str
) -> encoded.Encoded:
    if path:
        return encoded.of_folder(path, split, known.label)
    hub_split = known.test if split == "test" else split
    offline = encoded.OFFLINE
    found = rows(name, known.id, known.config, split=hub_split, revision=revision, offline=offline)
    return encoded.of_dataset(found, f"data={name}", known.label)


def _decoded(found: encoded.Encoded, known: Published, name: str) -> tuple[Tensor, Tensor]:
    """All pictures, uint8 (n, c, h, w), and their classes."""
    import numpy as np
    import torch

    channels, height, width = known.shape
    mode = "RGB" if channels == 3 else "L"
    pixels = np.empty((len(found), height, width, channels), np.uint8)
    for i in range(len(found)):
        picture = found.open(i).convert(mode)
        if picture.size != (width, height):
            size = "x".join(map(str, picture.size))
            raise ConfigError(
                f"data={name}: picture {i} has {size} pixels, not {width}x{height}",
                hint="name a folder that holds the set itself: data.path=FOLDER",
            )
        pixels[i] = np.asarray(picture).reshape(height, width, channels)
    try:
        classes = torch.as_tensor(found.classes, dtype=torch.long)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"data={name}: its labels are no numbers of classes: {first_line(error)}",
            hint=f"number them, as in dataset.class_encode_column('{known.label}')",
        ) from error
    if len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < known.n_classes:
        raise ConfigError(
            f"data={name}: a label is outside 0 to {known.n_classes - 1}",
            hint="name a folder that holds the set itself: data.path=FOLDER",
        )
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), classes


def _files(folder: Path, split: str) -> tuple[Callable[[int], Image.Image], Sequence[int]]:
    """Opens the pictures of folder/split/CLASS/ by number; and their classes."""
    from PIL import Image

    paths, classes = [], []
    for label, name in enumerate(_classes(folder)):
        place = folder / split / name
        found = sorted(p for p in place.glob("*") if p.suffix.lower() in encoded.PICTURES)
        paths += found
        classes += [label] * len(found)
    if not paths:
        raise ConfigError(
            f"data.path={folder}: there are no pictures in {split}/CLASS/",
            hint="it takes train/CLASS/*.JPEG and val/CLASS/*.JPEG",
        )
    return partial(_open, Image.open, paths), classes


def _open(open: Callable[[Path], Image.Image], paths: Sequence[Path], i: int) -> Image.Image:
    return open(paths[i])


def _classes(folder: Path) -> list[str]:
    """The names of the class folders, sorted, as published."""
    train = folder / "train"
    names = sorted(p.name for p in train.iterdir() if p.is_dir()) if train.is_dir() else []
    if not names:
        raise ConfigError(
            f"data.path={folder}: there are no class folders in train/",
            hint="it takes train/CLASS/*.JPEG and val/CLASS/*.JPEG",
        )
    return names


def _index(n: int, split: str, dev: int) -> Tensor:
    """The numbers of a split within the whole one that it is read from."""
    import torch

    if not 0 <= dev < n:
        raise ConfigError(
            f"data.dev={dev} of {n} pictures cannot be set apart", hint="as in data.dev=5000"
        )
    return torch.arange(n) if split == "test" else set_apart(n, dev)[split == "dev"]


def _fingerprint(known: Published, path: str | None, revision: str | None, dev: object) -> str:
    content = encoded.fingerprint(path) if path else f"{known.id} {revision or 'main'}"
    return digest(content, str(dev))
