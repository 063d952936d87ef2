"""Pictures of one's own: a stack of slices in a .npy file, real or complex."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.data.cache import file_digest
from iterun.data.pictures import Pictures
from iterun.errors import ConfigError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Slices:
    """Some pictures of a stack (types.ImageSplit), all of class 0; read when they are asked for."""

    stored: Any  #: (n, height, width), mapped from the file
    first: int
    last: int  #: not included
    low: float  #: what becomes -1
    high: float  #: what becomes 1

    def __len__(self) -> int:
        return self.last - self.first

    def batch(
        self, index: torch.Tensor, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures (n, 1 or 2, height, width) and zeros; nothing is augmented."""
        import numpy as np
        import torch

        part = self.stored[self.first + index.numpy()]
        parts = [part.real, part.imag] if np.iscomplexobj(part) else [part]
        scaled = (np.stack(parts, 1).astype(np.float64) - self.low) / (self.high - self.low)
        images = torch.from_numpy((2 * scaled - 1).astype(np.float32))
        return images, torch.zeros(len(images), dtype=torch.int64)


def stack(*, name: str = "stack", path: str | None = None, dev: float = 0.125) -> Pictures:
    """The pictures of a .npy file: its first ones are `dev`, the others `test`; none are `train`.

    Raises:
        ConfigError: there is no such file, or no pictures in it.
    """
    import numpy as np

    file = _there(name, path)
    if not 0 < dev < 1:
        raise ConfigError(f"data.dev={dev} is not a share", hint="as in data.dev=0.125")
    try:
        stored = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ConfigError(
            f"data.path={path} is no array of numbers in the .npy format",
            hint="write it with numpy.save",
        ) from error
    if getattr(stored, "ndim", 0) != 3 or stored.dtype.kind not in "uifc" or len(stored) < 2:
        shape = getattr(stored, "shape", "several arrays")
        raise ConfigError(
            f"data.path={path} holds {shape}, not at least 2 pictures as (n, height, width)",
            hint="numpy.save('slices.npy', numpy.stack(slices))",
        )
    low, high = _range(stored, str(path))
    first = max(1, min(len(stored) - 1, round(dev * len(stored))))
    bounds = {"train": (0, 0), "dev": (0, first), "test": (first, len(stored))}
    return Pictures(
        name=name,
        fingerprint=file_digest(file),
        shape=(2 if stored.dtype.kind == "c" else 1, *stored.shape[1:]),
        n_classes=1,
        read=lambda split: Slices(stored, *bounds[split], low, high),
    )


def _there(name: str, path: str | None) -> Path:
    if path is None:
        raise ConfigError(
            f"data={name} needs a file: data.path is empty", hint="as in data.path=slices.npy"
        )
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigError(f"data.path={path}: there is no such file", hint="check the path")
    return file


def _range(stored: Any, path: str) -> tuple[float, float]:
    """The numbers that become -1 and 1; of complex ones minus and plus the largest magnitude."""
    import numpy as np

    whole = np.abs(stored) if stored.dtype.kind == "c" else stored
    low, high = float(whole.min()), float(whole.max())
    if stored.dtype.kind == "c":
        low = -high
    if not np.isfinite([low, high]).all() or low == high:
        raise ConfigError(
            f"data.path={path} holds numbers that aren't finite, or all the same",
            hint="write pictures",
        )
    return low, high
