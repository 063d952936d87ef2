"""Curation of pictures drawn by a flow that is trained on with what is kept of its own samples.

    r(x) = γ · probability that x shows the target, by the flow's first classifier
         = γ · the largest probability of any class, without a target

The same classifier tells the share of the target only as the reward sees it; the second one, which
has no part in the loop, tells it again.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from iterun.models.curated import Generation
from iterun.models.flow_digits import FlowDigits, fit_flow
from iterun.models.gradient_norms import GradientNorms
from iterun.ops.curation import choose, entropy, kl, moments
from iterun.ops.diffusion import frechet, gaussian
from iterun.ops.flow_matching import sample_flow
from iterun.ops.pictures import contact_sheet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from iterun.models.curated import Arm, Host
    from iterun.ops.lr_schedule import Schedule

CHUNK = 1000  # samples drawn at once
SHOWN = 100  # of a generation
ROW = 20  # of them in the sheet


@dataclass(kw_only=True)
class CuratedPictures:
    """p_t is the flow with the weights of round t."""

    run: Host
    flow: FlowDigits
    gamma: float  #: scale of the reward (γ), nats
    target: int | None  #: the class that the reward is for; None: any
    kept: int  #: groups, of each of which one sample is kept
    train_steps: int  #: optimizer steps a round
    batch: int  #: pictures an optimizer step
    lr: float  #: peak rate of a round
    schedule: Schedule | None  #: multipliers of lr by a round's steps; None: the flow's own
    sample_steps: int  #: midpoint steps of the sampler

    def __post_init__(self) -> None:
        self._module = copy.deepcopy(self.flow.module)
        self._real = self.flow.real()
        self._real_features = self.flow.features(self._real)
        self._real_classes = self._counts(self.flow.classes(self._real))

    def begin(self, arm: Arm) -> Generation:
        self._module.load_state_dict(self.flow.module.state_dict())
        return self._generation(arm, 0, {})

    def retrain(self, before: Mapping[str, Any], arm: Arm, i: int) -> Generation:
        self._module.load_state_dict(before["weights"])
        self._module.requires_grad_()
        kept, began = before["kept"].to(self._real.device), time.perf_counter()

        def batch(draw: torch.Generator) -> Tensor:
            is_real = torch.rand(self.batch, generator=draw) < arm.real_share
            real = torch.randint(len(self._real), (self.batch,), generator=draw)
            own = torch.randint(len(kept), (self.batch,), generator=draw)
            is_real, real, own = (part.to(kept.device) for part in (is_real, real, own))
            return torch.where(is_real[:, None], self._real[real], kept[own])

        norms = None if arm.suffix else GradientNorms(l1=True)  # of the run's own arm
        loss = fit_flow(
            self._module,
            batch,
            self.run.progress(range(self.train_steps), f"{arm.label}: training"),
            n_steps=self.train_steps,
            lr=self.lr,
            draw=self.run.generator("training", i),
            multiplier=self.schedule,
            norms=norms,
        )
        self.run.cost(**{f"seconds_train{arm.suffix}": time.perf_counter() - began})
        told = norms.tell(self.run) if norms else {}
        return self._generation(arm, i, {"loss": loss} | told)

    def pictures(self, shown: Mapping[str, Sequence[Any]]) -> Mapping[str, Any]:
        rows = {"real": self._real[:ROW]}
        for label, generations in shown.items():
            rows |= {f"{label} {i}": x[:ROW] for i, x in enumerate(generations)}
        decoded = [self.decode(x) for x in rows.values()]
        return {"generations.png": contact_sheet(decoded, list(rows), magnify=4)}

    def decode(self, x: Tensor) -> Tensor:
        """Samples as pictures in [0, 1]."""
        return self.flow.decode(x)

    @torch.no_grad()
    def _generation(self, arm: Arm, i: int, trained: Mapping[str, float]) -> Generation:
        K, began = round(arm.K), time.perf_counter()
        x = self._drawn(self.kept * K, arm, i)
        self.run.cost(**{f"seconds_generate{arm.suffix}": time.perf_counter() - began})
        probabilities = self.flow.logits(x).softmax(dim=1)
        r = self._reward(probabilities)
        chosen = choose(r.reshape(self.kept, K), self.run.numpy("choices", i))
        groups = x.reshape(self.kept, K, -1)
        state = {
            "weights": {name: w.clone() for name, w in self._module.state_dict().items()},
            "kept": groups[torch.arange(self.kept), torch.from_numpy(chosen)].clone(),
        }
        metrics = {**moments(r), **self._measures(x, probabilities.argmax(dim=1)), **trained}
        return Generation(state=state, metrics=metrics, shown=x[:SHOWN].clone())

    def _drawn(self, n: int, arm: Arm, i: int) -> Tensor:
        draw = self.run.generator("noise", i)  # the arms' first samples have the same noise
        noise = gaussian((n, *self.flow.shape), draw, self._real.device)
        parts = self.run.progress(torch.split(noise, CHUNK), f"{arm.label}: sampling")
        return torch.cat([sample_flow(self._module, z, steps=self.sample_steps) for z in parts])

    def _reward(self, probabilities: Tensor) -> Any:
        """(n,) of probabilities (n, classes), nats."""
        if self.target is None:
            found = probabilities.max(dim=1).values
        else:
            found = probabilities[:, self.target]
        return self.gamma * found.double().cpu().numpy()

    def _measures(self, x: Tensor, seen: Tensor) -> dict[str, float]:
        """What samples are like; `seen` are their classes by the reward's classifier."""
        by_reward, independent = self._counts(seen), self._counts(self.flow.classes(x))
        found: dict[str, float] = {}
        for suffix, counts in (("", by_reward), ("_independent", independent)):
            if self.target is not None:
                found[f"target_share{suffix}"] = float(counts[self.target] / counts.sum())
            found[f"class_entropy{suffix}"] = entropy(counts)
        found["kl_classes"] = kl(independent, self._real_classes)
        found["pixel_var"] = float(x.var(dim=0).mean())
        return found | {"fd": frechet(self.flow.features(x), self._real_features)}

    def _counts(self, classes: Tensor) -> Any:
        return torch.bincount(classes.cpu(), minlength=self.flow.n_classes).numpy()
