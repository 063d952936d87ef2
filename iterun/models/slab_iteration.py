"""Source iteration in a slab, one sweep an iteration, until the flux stands still."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from iterun.ops.pictures import quality_curve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterun.ops.transport import Slab
    from iterun.types import Ref


class Keeper(Protocol):
    """What it needs of a run."""

    def stop(self, reason: str) -> None: ...
    def save_image(self, name: str, image: Any, at: int | None = None) -> Ref: ...
    def save_table(self, name: str, rows: Any, at: int | None = None) -> Ref: ...


@dataclass(kw_only=True)
class SourceIteration:
    """The run's work with problem transport."""

    run: Keeper
    slab: Slab
    cells: int
    accelerate: bool
    tol: float  #: relative change of the flux at which it has converged
    phi: Any = None
    errors: list[float] = field(default_factory=list)

    def length(self) -> None:
        return None

    def baseline(self) -> None:
        self.phi = np.zeros(self.cells)

    def step(self, i: int) -> dict[str, float]:
        before, self.phi = self.phi, self.slab.iterate(self.phi, accelerate=self.accelerate)
        error = float(np.abs(self.phi - before).max() / np.abs(self.phi).max())
        found = {"error": error, "sweeps": i}
        if self.errors and self.errors[-1] > 0:
            found["rho"] = error / self.errors[-1]
        self.errors.append(error)
        if error < self.tol:
            self.run.stop("converged")
        return found

    def state(self) -> dict[str, Any]:
        return {"phi": self.phi, "errors": self.errors}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.phi, self.errors = state["phi"], state["errors"]

    def result(self) -> dict[str, Any]:
        """flux.csv, flux.png and errors.png."""
        centers = (np.arange(self.cells) + 0.5) * self.slab.h
        points = list(zip(centers.tolist(), self.phi.tolist(), strict=True))
        self.run.save_table("flux.csv", [{"x": x, "phi": phi} for x, phi in points])
        flux = quality_curve({"scalar flux": points}, x="x, mean free paths", y="φ")
        self.run.save_image("flux.png", flux)
        errors = [(k + 1, error) for k, error in enumerate(self.errors) if error > 0]
        curve = quality_curve({"change": errors}, x="sweeps", y="relative change", log="y")
        self.run.save_image("errors.png", curve)
        return {"flux_max": float(self.phi.max())}
