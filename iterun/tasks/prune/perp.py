"""Prune a language model, then retrain a tiny part of it; or repair it block by block.

Paper: PERP: Rethinking the Prune-Retrain Paradigm in the Era of LLMs (arXiv 2312.15230).

    retrain      dense -> prune to s -> train biases, norms, adapters ... for `steps` -> merge
    reconstruct  for each block: Y = dense block(X); prune; min mean (block(X) - Y)²; X <- block(X)
    none         for each block: prune; X <- block(X)            (Wanda, SparseGPT, magnitude alone)

X are the outputs of the pruned blocks before: (n_calibration, calibration_len, hidden), in one
buffer. Iteration 0 is the dense model (retrain: and the pruned one); iteration i is
`steps_per_iteration` optimizer steps, or block i - 1.

Departures: padding is left out of the loss; the order of batches is a function of (seed, step); a
document longer than `seqlen` gives a window at a random place; `embeddings` may be trained.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeVar

from torch import Tensor

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.data.text import calibration_windows
from iterun.errors import ConfigError, too_small
from iterun.models import calibration, pruned
from iterun.models.block_pass import BlockPass
from iterun.models.blocks import prunable_weights
from iterun.models.memory import out_of_memory_hint, peak_mem_mb
from iterun.models.perp_modes import mode_faults
from iterun.models.pruning_past import Past
from iterun.models.pruning_report import PruningReport, perplexity_of
from iterun.models.recipe import Recipe
from iterun.models.retrain import Trained
from iterun.models.retrain_pass import RetrainPass
from iterun.models.sequential import BlockSource, LoadedBlocks, PrunedBlock, check_columns
from iterun.models.settled import refuse_changes, settled
from iterun.models.stream import open_folder
from iterun.ops.lora import Form
from iterun.ops.masks import TieRule, parse_pattern
from iterun.ops.sparsify import Criterion, Method, Scope
from iterun.types import LanguageModel, StreamedLanguageModel

Settings = TypeVar("Settings", Method, Recipe)
METHOD = tuple(field.name for field in fields(Method))
ADAPTERS = ("lora_type", "lora_r", "lora_alpha")
CALIBRATION = ("n_calibration", "calibration_len", "calibration")
AT_LEAST = {
    "steps": 1,
    "steps_per_iteration": 1,
    "seqlen": 2,
    "batch_size": 1,
    "accumulate": 1,
    "cycles": 1,
    "n_calibration": 1,
    "calibration_len": 1,
    "eval_seqlen": 2,
    "eval_windows": 1,
}
LONGEST = 2048  # tokens of a sequence where the context has more
PREDICTIONS = 10**9  # bytes of a forward pass


@dataclass(kw_only=True)
class Perp(Procedure):
    """Parameter-efficient retraining after pruning."""

    may_be_infinite: ClassVar = frozenset({"ppl", "ppl_dense", "ppl_pruned", "ppl_before_merge"})
    takes_schedule: ClassVar = True
    model_kind: ClassVar = "lm"
    data_kind: ClassVar = "text"

    criterion: Criterion  #: what says which weights go: magnitude, random, wanda or sparsegpt
    sparsity: float  #: share of every matrix to prune, in [0, 1) (s)
    pattern: str  #: unstructured, or N:M: of M neighbours in a row N are pruned (2:4, 4:8)
    mode: Literal["retrain", "reconstruct", "none"]  #: what follows the pruning
    train: list[str]  #: what is trained: biases, norm, head, embeddings, lora; or full, alone
    lora_type: Form  #: form of the adapters: lora, lora_prune, scale_lora or mask_lora
    lora_r: int  #: rank of the adapters (r)
    lora_alpha: float  #: their scale is alpha / r
    merge: bool  #: put adapters into the weights at the end; false: only with lora_type=lora
    steps: int  #: optimizer steps; mode=reconstruct: for each block
    steps_per_iteration: int  #: optimizer steps an iteration (mode=retrain)
    seqlen: int | None  #: tokens of a sequence; null: the model's context, at most 2048
    batch_size: int  #: sequences a forward pass; fewer where its predictions would take over 1 GB
    accumulate: int  #: forward passes an optimizer step
    gradient_checkpointing: bool  #: compute activations twice to save memory (mode=retrain)
    lr: float | None  #: peak rate; null: 5e-3 for biases and norms, 1e-3 for all else
    cycles: int  #: prune and retrain in so many rounds (mode=retrain)
    n_calibration: int  #: calibration windows
    calibration_len: int | None  #: their length, tokens; null: the model's context, at most 4096
    calibration: str | None  #: file:PATH of another run's calibration.safetensors; null: draw them
    tie_rule: TieRule  #: of a whole matrix: exact (int(n s) go), or reference (ties go too)
    wanda_scope: Scope  #: wanda compares scores within each row, or the whole matrix
    percdamp: float  #: sparsegpt: damping, share of the mean diagonal of H (lambda)
    blocksize: int  #: sparsegpt: columns a block
    stream: bool  #: one block in memory at a time, the rest on disk (not with mode=retrain)
    eval_seqlen: int | None  #: tokens a window of the perplexity; null: the model's context
    eval_windows: int | None  #: at most so many windows; null: all, or what the data's figures take

    def check(self) -> Iterator[ConfigError]:
        yield from self._settings(Method).check()
        if self.mode != "none":
            yield from self._settings(Recipe).check()
        yield from too_small(vars(self), AT_LEAST)
        if self.calibration is not None and not self.calibration.startswith(calibration.PREFIX):
            yield ConfigError(
                f"task.calibration={self.calibration} names no file",
                hint=f"write task.calibration=file:{self.calibration}",
            )
        yield from mode_faults(self)

    def start(self, run: Run) -> None:
        self.run = run
        if self.mode == "none":
            run.refuse("schedule", "task.mode=none trains nothing")
        self.ids = calibration.read_windows(self.calibration) if self.calibration else None
        self.method = self._settings(Method)
        with self._memory_hint():
            self._load_model()
        self._prepare_text()
        self.calibrated: str | None = None  #: SHA-256 of the windows in calibration.safetensors
        self.lost = False  #: of a block done, the pruned weights before its repair are not known
        self.work = self._retraining() if self.mode == "retrain" else self._block_pass()

    def length(self) -> int:
        if self.mode == "retrain":
            return math.ceil(self.steps / self.steps_per_iteration)
        return len(self.source.block_names)

    def baseline(self) -> Mapping[str, float]:
        self._save_calibration()
        with self._memory_hint():
            self.report.nll["dense"] = nll = dense = self._evaluate()
            if isinstance(self.work, RetrainPass):
                self.work.prune(cycle=0)
                self._remark_empty(self.work.trainer.empty)
                nll = self.report.nll["pruned"]
        self.run.label(phase="prune" if self.mode == "retrain" else "dense")
        return {"ppl_dense": perplexity_of(dense)} | self._measures(0, nll)

    def step(self, i: int) -> Mapping[str, float]:
        self._save_calibration()
        with self._memory_hint():
            if isinstance(self.work, RetrainPass):
                return self._retrain(i, self.work)
            return self._prune_block(i, self.work)

    def state(self) -> dict[str, Any]:
        return {
            "settled": settled(self, self._settled()),
            "past": self.past.state(),
            "calibrated": self.calibrated,
            "lost": self.lost,
            "report": self.report.state(),
            "work": self.work.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        refuse_changes(self, state["settled"])
        self._check_past(state)
        self.lost = state["lost"]
        self.report.restore(state["report"])
        self.work.restore(state["work"])

    def result(self) -> Mapping[str, Any]:
        with self._memory_hint():
            if isinstance(self.work, RetrainPass):
                self._end_retraining(self.work)
            else:
                self._end_blocks(self.work)
        self.run.save_json("sparsity.json", self.report.rows)
        for name, figure in self.report.figures().items():
            self.run.save_image(name, figure)
        found = self.report.result()
        if self.mode == "none":
            found.pop("recovered", None)  # nothing was there to recover with
        return found

    # Settings, model and text.

    def _settings(self, kind: type[Settings], **changes: Any) -> Settings:
        """The parameters that make a Method or a Recipe."""
        return kind(**{field.name: getattr(self, field.name) for field in fields(kind)} | changes)

    def _load_model(self) -> None:
        model: Any
        if self.stream:
            model = self.run.model(StreamedLanguageModel)  # type: ignore[type-abstract]  # a protocol
            self.source: BlockSource = model
        else:
            model = self.run.model(LanguageModel)  # type: ignore[type-abstract]  # a protocol
            self.source = LoadedBlocks(model.module)
        self.model = model
        weights = prunable_weights(self.source.module)
        check_columns(weights, parse_pattern(self.pattern))
        if self.mode != "none":
            self._settings(Recipe).check_model(self.source.module)
        n_prunable = sum(weight.numel() for weight in weights.values())
        n_parameters = sum(p.numel() for p in self.source.module.parameters())
        self.report = PruningReport(n_prunable, n_parameters)

    def _prepare_text(self) -> None:
        """Windows to evaluate on, and to calibrate with."""
        run, model, held_out = self.run, self.model, self.run.data("eval_data")
        sizes = self.eval_seqlen, self.eval_windows
        self.windows = calibration.evaluation_windows(model, held_out, *sizes)
        self.past = Past.of(model, held_out, self.windows)
        n, length = self.windows.shape
        run.resolve(eval_seqlen=length, eval_windows=n)
        run.resolve(eval_data=held_out.name, eval_join=held_out.join)
        if self.ids is not None:
            known = calibration.vocabulary_of(self.source.module)
            calibration.check_windows(self.ids, str(self.calibration), model.context, known)
        elif self.method.needs_data or self.mode == "reconstruct":
            length = calibration.length_of(self.calibration_len, model.context)
            draw = run.generator("calibration")
            n, data = self.n_calibration, run.data()
            self.ids = calibration_windows(data, model.tokenizer, n, length, draw)
        if self.ids is not None:
            run.resolve(n_calibration=len(self.ids), calibration_len=self.ids.shape[1])
        if self.mode != "none" and self.lr is None:
            run.resolve(lr=self._settings(Recipe).peaks())

    def _memory_hint(self) -> AbstractContextManager[None]:
        hint = "a smaller task.batch_size, or task.gradient_checkpointing=true"
        if self.mode != "retrain" and not self.stream:
            hint = "leave the model on disk, block by block: task.stream=true"
        return out_of_memory_hint(self.run.device, hint)

    def _save_calibration(self) -> None:
        """The windows as a file, when there are some: in a fork, that may be in any iteration."""
        if self.ids is not None and self.calibrated is None:
            self.run.save_tensors("calibration.safetensors", {"input_ids": self.ids})
            self.calibrated = calibration.mark_of(self.ids)

    def _settled(self) -> list[str]:
        """What a fork may not change: what is done, or half done, stands under it."""
        names = ["mode", *(CALIBRATION if self.calibrated else ())]
        if isinstance(self.work, RetrainPass):
            names += ["cycles", "steps_per_iteration", "train", *ADAPTERS]
            names += METHOD if self.work.is_last_cycle else ()
            if self.cycles > 1 or self.work.n_steps % self.steps_per_iteration:
                names.append("steps")
        elif self.mode == "reconstruct" and self.work.n_done:
            names += ADAPTERS  # one form for all factors in retrained.safetensors
        return names

    def _check_past(self, state: Mapping[str, Any]) -> None:
        self.past.check(state["past"], model=self.model.name, data=self.run.data)
        self.calibrated = state["calibrated"]
        if self.ids is None or self.calibrated in (None, calibration.mark_of(self.ids)):
            return
        typed = f"data={self.run.data().name}"
        if self.calibration:
            typed = f"task.calibration={self.calibration}"
        raise ConfigError(
            f"{typed}: the calibration windows so far are others",
            hint="leave that as it was, or begin a new run",
        )

    # Retraining: the whole model in memory.

    def _retraining(self) -> RetrainPass:
        assert isinstance(self.source, LoadedBlocks)
        context = self.model.context
        length = calibration.length_of(self.seqlen, context, name="seqlen", longest=LONGEST)
        self.run.resolve(seqlen=length)
        draw = self.run.generator("batch", 0)
        documents, tokenizer = self.run.data().train, self.model.tokenizer
        row = 4 * length * calibration.vocabulary_of(self.source.module)  # bytes of its predictions
        return RetrainPass(
            run=self.run,
            source=self.source,
            method=self.method,
            recipe=self._settings(Recipe),
            ids=self.ids,
            text=calibration.training_text(documents, tokenizer, length, draw),
            cycles=self.cycles,
            rows=self.batch_size * self.accumulate,
            size=max(1, min(self.batch_size, PREDICTIONS // row)),
            recompute=self.gradient_checkpointing,
            pruned=self._measure_pruned,
        )

    def _retrain(self, i: int, work: RetrainPass) -> dict[str, float]:
        self.run.label(phase="retrain")
        steps = range(self.steps)[(i - 1) * self.steps_per_iteration : i * self.steps_per_iteration]
        metrics = self._trained(work.train(steps, where=f"iteration {i}"))
        if "lora" in self.train and self.lora_type == "lora_prune":
            metrics["ppl_before_merge"] = perplexity_of(self._evaluate())
        with work.trainer.as_merged():
            nll = self._evaluate()
        return metrics | self._measures(i, nll)

    def _measure_pruned(self, done: PrunedBlock) -> None:
        """The whole model was pruned, in the first cycle or a later one."""
        self._note_pruned(done, "the model")
        self.run.save_json("sparsity.json", self.report.rows)
        self.report.nll["pruned"] = self._evaluate()

    def _end_retraining(self, work: RetrainPass) -> None:
        final = self.report.history[-1][1]
        work.finish()
        if not self.merge:
            with self.run.folder("adapter") as folder:
                pruned.save_adapter(folder, work.trainer.values, work.recipe)
        elif {"lora", "head"} & set(self.train):
            final = self._evaluate()  # once merged, the sums are in another order
        self.report.nll["final"] = final
        with self.run.folder("model") as folder:
            pruned.save_whole(folder, self.source.module, self.model.tokenizer)

    # Pruning, and repairing, block by block.

    def _block_pass(self) -> BlockPass:
        return BlockPass(
            self.run,
            self.source,
            self.method,
            self.ids,
            self._settings(Recipe) if self.mode == "reconstruct" else None,
            rows=self.batch_size * self.accumulate,
            size=self.batch_size,
        )

    def _prune_block(self, i: int, work: BlockPass) -> dict[str, float]:
        self.run.label(phase="prune" if self.mode == "none" else "reconstruct")
        done, repaired = work.do(i)
        self._note_pruned(done, f"block {i - 1}")
        metrics: dict[str, float] = {}
        if repaired:
            self.lost |= self.criterion == "sparsegpt"
            self._remark_empty(repaired.empty)
            metrics = self._trained(repaired.trained)
            metrics |= {"recon_before": repaired.before, "recon_after": repaired.after}
        nll = None
        if work.is_whole:
            nll = self.report.nll["final"] = self._evaluate()
        return metrics | self._measures(i, nll)

    def _end_blocks(self, work: BlockPass) -> None:
        work.save_masks()
        work.save_retrained()
        if not work.is_whole:
            self.run.warn(
                f"only {work.n_done} of {self.length()} blocks are done: no model is saved"
            )
            return
        if self.mode == "none":
            self.report.nll["pruned"] = self.report.nll["final"]
        elif not self.lost:
            dense = open_folder(self.model.folder, self.model.name, self.run.place)
            dense.after_load = work.unrepaired
            self.report.nll["pruned"] = _mean(dense.losses(self.windows, self.run.progress))
        with self.run.folder("model") as folder:
            work.write_model(folder, self.model.tokenizer)

    # Measures and remarks.

    def _evaluate(self) -> float:
        """Mean loss of the windows as the model stands, nats."""
        return _mean(self.source.losses(self.windows, self.run.progress))

    def _measures(self, i: int, nll: float | None) -> dict[str, float]:
        self.run.cost(peak_mem_mb=peak_mem_mb(self.run.device))
        return self.report.measures(i, nll)

    def _trained(self, done: Trained) -> dict[str, float]:
        self.run.cost(tokens_per_s=done.tokens_per_s)
        metrics = {"loss": done.loss, "lr": done.lr, "tokens": done.n_tokens}
        metrics |= self.work.norms.tell(self.run)
        return metrics | self.report.trainable(done.n_trained)

    def _note_pruned(self, done: PrunedBlock, where: str) -> None:
        self.report.add_rows(done.rows)
        if done.n_zero_rows:
            self.run.warn(f"{done.n_zero_rows} rows of matrices in {where} have no weight left")

    def _remark_empty(self, subsets: list[str]) -> None:
        for subset in subsets:
            self.run.warn(f"task.train={subset}: the model has none; the others are trained")


def _mean(losses: Tensor) -> float:
    return float(losses.double().mean())
