"""Prune attention heads and channels of a language model while adapters train, judged by them.

Paper: LoRAPrune: Structured Pruning Meets Low-Rank Parameter-Efficient Fine-Tuning
(arXiv 2305.18403). With the frozen W, adapters A, B (rank r, scale = α/r) and unit masks m:

    y = m ⊙ ((W + scale·BA) x + b)                                forward; gradients of A, B only
    Ĝ = (∂L/∂B) A + B (∂L/∂A) - (∂L/∂B)(∂L/∂A)                    instead of ∂L/∂W
    s = |(W + scale·BA) ⊙ Ĝ|^power, summed over units, normalized, added within groups
    I <- 0.9 I + 0.1 s                                            every step before the cool-down
    m: int(n·ρ(t)) units of least I·m are 0                       every prune_freq steps

A unit is a head (rows of q, k, v, columns of o; with grouped queries a key/value head and all its
query heads) or a channel (rows of gate and up, or fc1; columns of down, or fc2). The first tenth of
the blocks and the last are left whole. Iteration 0 is the dense model; iteration i is `prune_freq`
optimizer steps, with a shrinking of the masks among them, and an evaluation. At the end the
adapters are merged and the model is written twice: in full shapes, and without what is dead.

Departures: the last shrinking is at ρ_f itself, when the cool-down starts; padding is left out of
the loss; the batch of a step is a function of (seed, step); `random` is a control of our own.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, Literal

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.errors import ConfigError, too_small
from iterun.models import calibration, compact, mask_files, pruned
from iterun.models.importance import Metric
from iterun.models.memory import out_of_memory_hint, peak_mem_mb
from iterun.models.prune_recipe import PruneRecipe
from iterun.models.pruning_past import Past
from iterun.models.pruning_report import PruningReport, perplexity_of
from iterun.models.sequential import LoadedBlocks
from iterun.models.settled import refuse_changes, settled
from iterun.models.structured import find_groups, parameter_masks, sparsity_rows, unprotected
from iterun.models.structured_pass import StructuredPass
from iterun.models.structured_size import Size
from iterun.ops.figures import kept_units, pruning_curve
from iterun.ops.masks import n_pruned
from iterun.types import LanguageModel

AT_LEAST = {"seqlen": 2, "eval_seqlen": 2, "eval_windows": 1}
#: what a fork may not change: ever; and once the masks have shrunk for the last time
SETTLED = ("prune_freq", "lora_r", "lora_alpha")
SHRINKING = ("ratio", "init_ratio", "warmup", "cooldown", "metric", "power")


@dataclass(kw_only=True)
class LoraPrune(Procedure):
    """Structured pruning by low-rank adapters."""

    may_be_infinite: ClassVar = frozenset({"ppl", "ppl_dense"})
    takes_schedule: ClassVar = True
    model_kind: ClassVar = "lm"
    data_kind: ClassVar = "text"

    ratio: float  #: share of heads and of channels to prune in each block, in [0, 1) (ρ_f)
    init_ratio: float  #: share at the end of the warm-up, at most `ratio` (ρ₀)
    warmup: float  #: share of the steps at `init_ratio` (w)
    cooldown: float  #: share of the steps at `ratio`, at the end (c)
    metric: Metric  #: what judges units: lora; grad (of W itself), magnitude; or random
    power: Literal[1, 2]  #: of the importance of one weight
    lora_r: int  #: rank of the adapters (r)
    lora_alpha: float  #: their scale is alpha / r
    lora_dropout: float  #: share of the adapters' inputs dropped in training, in [0, 1)
    steps: int  #: optimizer steps (T)
    prune_freq: int  #: optimizer steps an iteration
    batch_size: int  #: sequences a forward pass
    accumulate: int  #: forward passes an optimizer step
    gradient_checkpointing: bool  #: compute activations twice to save memory
    lr: float  #: rate of AdamW at the first step; falls linearly to 0
    seqlen: int | None  #: tokens a training sequence; null: the model's context, at most 4096
    eval_seqlen: int | None  #: tokens a window of the perplexity; null: the model's context
    eval_windows: int | None  #: at most so many windows; null: all, or what the data's figures take

    def check(self) -> Iterator[ConfigError]:
        yield from too_small(vars(self), AT_LEAST)
        yield from self._recipe().check()

    def start(self, run: Run) -> None:
        self.run = run
        with self._memory_hint():
            self.model = run.model(LanguageModel)  # type: ignore[type-abstract]  # a protocol
            self.source = LoadedBlocks(self.model.module)
        self._prepare_text()
        self.groups = unprotected(find_groups(self.model.module))
        self._remark_nothing()
        self.size = Size(self.model.module, self.groups, self.windows.shape[1])
        rows = sparsity_rows(self.model.module, {})
        n_prunable = sum(row["rows"] * row["columns"] for row in rows)
        self.report = PruningReport(n_prunable, self.size.n_parameters)
        #: iteration, ratio asked for, of heads, of channels
        self.ratios: list[tuple[int, float, float, float]] = []
        recipe = self._recipe()
        self.schedule = recipe.schedule
        self.work = StructuredPass(run, self.model.module, self.groups, recipe, self.text)

    def length(self) -> int:
        return math.ceil(self.steps / self.prune_freq)

    def baseline(self) -> Mapping[str, float]:
        self.run.label(phase="dense")
        with self._memory_hint():
            self.report.nll["dense"] = nll = self._evaluate()
            return {"ppl_dense": perplexity_of(nll)} | self._measures(0, nll)

    def step(self, i: int) -> Mapping[str, float]:
        steps = range(self.steps)[(i - 1) * self.prune_freq : i * self.prune_freq]
        with self._memory_hint():
            done = self.work.train(steps, where=f"iteration {i}")
            nll = self._evaluate()
        self.run.label(phase=self._phase())
        self.run.cost(tokens_per_s=done.tokens_per_s)
        metrics = {"loss": done.loss, "lr": done.lr, "tokens": done.n_tokens}
        metrics |= self.work.norms.tell(self.run)
        return metrics | self._measures(i, nll)

    def state(self) -> dict[str, Any]:
        return {
            "settled": settled(self, self._settled()),
            "past": self.past.state(),
            "report": self.report.state(),
            "ratios": self.ratios,
            "work": self.work.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        refuse_changes(self, state["settled"])
        self.past.check(state["past"], model=self.model.name, data=self.run.data)
        self.report.restore(state["report"])
        self.ratios = state["ratios"]
        self.work.restore(state["work"])

    def result(self) -> Mapping[str, Any]:
        if self.work.step_count < self.schedule.cooldown_start:
            self.run.warn(
                f"ended after {self.work.step_count} of {self.steps} steps: the masks are those "
                "of that step, not of the whole schedule"
            )
        with self._memory_hint():
            with self.work.untrained():
                self.report.nll["pruned"] = self._evaluate()
            kept = self.work.gates.kept
            self.work.finish()
            self._deliver(kept)
        left = self.size.of(kept)
        return self.report.result() | self.size.ratios(kept) | {"params_pct": left["params_pct"]}

    # Settings and text.

    def _recipe(self) -> PruneRecipe:
        """The parameters that make a recipe."""
        return PruneRecipe(**{f.name: getattr(self, f.name) for f in fields(PruneRecipe)})

    def _prepare_text(self) -> None:
        run, model, held_out = self.run, self.model, self.run.data("eval_data")
        length = self.seqlen or min(model.context, calibration.LONGEST)
        if length > model.context:
            raise calibration.too_long("task.seqlen gives sequences", length, model.context)
        draw = run.generator("batch", 0)
        self.text = calibration.training_text(run.data().train, model.tokenizer, length, draw)
        run.resolve(seqlen=length)
        sizes = self.eval_seqlen, self.eval_windows
        self.windows = calibration.evaluation_windows(model, held_out, *sizes)
        self.past = Past.of(model, held_out, self.windows)
        n, length = self.windows.shape
        run.resolve(eval_seqlen=length, eval_windows=n)
        run.resolve(eval_data=held_out.name, eval_join=held_out.join)

    def _settled(self) -> list[str]:
        names, n_done = list(SETTLED), self.work.step_count
        if n_done >= self.schedule.cooldown_start:
            names += SHRINKING
        if n_done % self.prune_freq:
            names.append("steps")
        return names

    def _remark_nothing(self) -> None:
        """A share that is less than one unit prunes none."""
        for kind in ("heads", "channels"):
            n = min(group.n for group in self.groups if group.kind == kind)
            if self.ratio and not n_pruned(n, self.ratio):
                self.run.warn(f"task.ratio={self.ratio} of {n} {kind} is less than one: none goes")

    def _memory_hint(self) -> AbstractContextManager[None]:
        hint = "a smaller task.batch_size, or task.gradient_checkpointing=true"
        return out_of_memory_hint(self.run.device, hint)

    # Measures and what is delivered.

    def _phase(self) -> str:
        t = self.work.step_count
        if t >= self.schedule.cooldown_start:
            return "cooldown"
        return "warmup" if t <= self.warmup * self.steps else "prune"

    def _evaluate(self) -> float:
        """Mean loss of the windows as the model stands, nats."""
        return float(self.source.losses(self.windows, self.run.progress).double().mean())

    def _measures(self, i: int, nll: float) -> dict[str, float]:
        self.run.cost(peak_mem_mb=peak_mem_mb(self.run.device))
        work, kept = self.work, self.work.gates.kept
        self.report.add_rows(sparsity_rows(self.model.module, kept))
        target = self.schedule.ratio(work.step_count) if work.step_count else 0.0
        found = {
            "step": work.step_count,
            "ratio_target": target,
            "nan_skips": work.importance.n_skipped,
        }
        found |= self.size.ratios(kept) | self.size.of(kept)
        self.ratios.append((i, target, found["ratio_heads"], found["ratio_channels"]))
        return found | self.report.measures(i, nll)

    def _deliver(self, kept: Mapping[str, Any]) -> None:
        run, module, tokenizer = self.run, self.model.module, self.model.tokenizer
        masks = parameter_masks(module, self.groups, kept)
        compact.zero_dead(module, self.groups, kept)
        self.report.nll["final"] = self._evaluate()
        shapes = {name: tuple(mask.shape) for name, mask in masks.items()}
        write = partial(mask_files.write_masks, shapes=shapes, masks=masks.values())
        run.save_file("masks.safetensors", write)
        run.save_json("sparsity.json", self.report.rows)
        names = {"dense": "dense", "pruned": "pruned, not trained"}
        levels = {text: perplexity_of(self.report.nll[name]) for name, text in names.items()}
        curve = [(i, perplexity_of(nll)) for i, nll in self.report.history]
        run.save_image("perplexity.png", pruning_curve(curve, levels, self.ratios))
        n = len(self.source.block_names)
        run.save_image("kept.png", kept_units({k: v.cpu().numpy() for k, v in kept.items()}, n))
        with run.folder("model") as folder:
            pruned.save_whole(folder, module, tokenizer)
        compact.shrink(module, self.groups, kept)
        with run.folder("compact") as folder:
            pruned.save_whole(folder, module, tokenizer)
