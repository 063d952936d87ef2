"""The inverse problems: what is measured of a picture, by name and size.

    cs        m Gaussian combinations of its pixels
    inpaint   m of its pixels
    superres  means over squares
    deblur    the picture blurred
    mri       a part of its frequencies, through several coils
    ct        its sums along parallel rays

The formulas stand in `operators` and `kspace`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from iterun.errors import ConfigError, too_small

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Generator

Name = Literal["cs", "inpaint", "superres", "deblur", "mri", "ct"]
Sampling = Literal["columns", "random", "radial"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem's name and the sizes that each of them takes; no torch before `build`."""

    problem: Name
    measurements: int  #: cs, inpaint: numbers measured of each channel (m)
    factor: int  #: superres: pixels a side of a square
    blur: float  #: deblur: standard deviation of the Gaussian, pixels
    sampling: Sampling  #: mri: whole columns, single points or spokes
    acceleration: float  #: mri: one of so many frequencies is sampled
    coils: int  #: mri
    angles: int  #: ct: over half a turn

    def check(self) -> Iterator[ConfigError]:
        if self.problem not in get_args(Name):
            yield ConfigError(
                f"task.problem={self.problem} is no problem",
                hint=f"one of {', '.join(get_args(Name))}",
            )
        if self.sampling not in get_args(Sampling):
            yield ConfigError(
                f"task.sampling={self.sampling} is no way to sample frequencies",
                hint=f"one of {', '.join(get_args(Sampling))}",
            )
        at_least_one = dict.fromkeys(("measurements", "factor", "coils", "angles"), 1)
        yield from too_small(vars(self), at_least_one)
        if not self.acceleration >= 1:
            yield ConfigError(
                f"task.acceleration={self.acceleration} would sample more than there is",
                hint="at least 1, as in task.acceleration=4",
            )
        if not 0 < self.blur <= 100:
            yield ConfigError(
                f"task.blur={self.blur} is no width of a blur", hint="as in task.blur=1.0"
            )

    def build(self, shape: tuple[int, int, int], generator: Generator) -> Any:
        """The operator for pictures of (channels, height, width), on the CPU.

        Raises:
            ConfigError: a size that these pictures don't have.
        """
        from iterun.ops import kspace, operators

        size = shape[1:]
        self._check_size(size)
        if self.problem == "cs":
            return operators.gaussian(self.measurements, size, generator)
        if self.problem == "inpaint":
            return operators.some_pixels(self.measurements, size, generator)
        if self.problem == "superres":
            return operators.Means(self.factor)
        if self.problem == "deblur":
            return operators.gaussian_blur(self.blur, size)
        if self.problem == "ct":
            return operators.rays(self.angles, size[0])
        return kspace.coils(self.coils, self.sampling, self.acceleration, shape, generator)

    def _check_size(self, size: tuple[int, int]) -> None:
        height, width = size
        if self.problem in ("cs", "inpaint") and self.measurements > height * width:
            raise ConfigError(
                f"task.measurements={self.measurements}: a picture has {height * width} pixels",
                hint=f"at most task.measurements={height * width}",
            )
        if self.problem == "superres" and (height % self.factor or width % self.factor):
            raise ConfigError(
                f"task.factor={self.factor} does not divide pictures of {height} x {width}",
                hint="as in task.factor=2",
            )
        if self.problem == "ct" and height != width:
            raise ConfigError(
                f"task.problem=ct: pictures of {height} x {width} are not square",
                hint="take square ones, or task.problem=mri",
            )
