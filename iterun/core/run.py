"""The handle a procedure sees: it gives models, data, generators and progress, and takes artifacts.

A procedure writes no file by itself, prints nothing, picks no device and seeds no generator; it
asks the handle. The runner reads what the handle gathered in an iteration (`Gathered`) and writes
it into the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from iterun.core import render
from iterun.core.handed import Handed
from iterun.core.numbers import plain, plain_result
from iterun.core.progress import InnerProgress, Listener, Remark
from iterun.errors import ConfigError
from iterun.ops.rng import Generators
from iterun.store.schema import encode

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np
    import torch

    from iterun.core.signals import Watch
    from iterun.ops.lr_schedule import Schedule
    from iterun.store.writer import RunWriter
    from iterun.types import Placement, Ref

T = TypeVar("T")
PROGRESS_EVERY = 0.1  # seconds between two events of inner progress


@dataclass
class Gathered:
    """What one iteration left with the handle besides its metrics."""

    cost: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  #: tokens, calls
    rows: list[tuple[str, list[Any]]] = field(default_factory=list)  #: appended, since it began


NOTHING = Gathered()  # never written to


class Run:
    """What `start(run)` is given.

    Args:
        writer: the run directory's.
        place: device, dtype, threads.
        seed: of all generators.
        builders: by role: "model" (form) -> model; "data" () -> data set; "judge";
            "schedule" (n_steps) -> multipliers.
        listener: hears inner progress and remarks.
        watch: signals and the time budget.
        clock: seconds.
    """

    def __init__(
        self,
        *,
        writer: RunWriter,
        place: Placement,
        seed: int,
        builders: Mapping[str, Callable[..., Any]],
        listener: Listener,
        watch: Watch,
        clock: Callable[[], float],
    ) -> None:
        self.place = place
        self.i = 0  #: the iteration being done; 0 in `start` and `baseline`
        self.generators = Generators(seed)
        self.handed = Handed(builders)
        self.gathered = Gathered()
        self.starting = True  #: `start` goes on: nothing belongs to an iteration yet
        self.reason: str | None = None  #: given to `stop`
        self.at_safe_point: Callable[[], None] | None = None  #: set by the runner
        self.resolved: dict[str, Any] = {}
        self._writer = writer
        self._listener = listener
        self._watch = watch
        self._clock = clock
        self._warned: set[str] = set()
        self._shown = 0.0  # when inner progress was last told

    # What the run computes with.

    @property
    def device(self) -> torch.device:
        """Where to compute."""
        import torch

        return torch.device(self.place.device)

    @property
    def dtype(self) -> torch.dtype:
        """Of frozen weights; what is trained is float32."""
        import torch

        return getattr(torch, self.place.dtype)  # type: ignore[no-any-return]  # by name

    def model(self, form: type[T], role: str = "model") -> T:
        """The model of that role in the form asked for, built once; model@judge=... is "judge"."""
        return self.handed.model(form, role)  # type: ignore[no-any-return]  # the builder's promise

    def data(self, role: str = "data") -> Any:
        """The data set of that role; "eval_data" is `data` where no other is named."""
        return self.handed.data(role)

    def judge(self) -> Any:
        """What `judge=` names."""
        return self.handed.other("judge")

    @property
    def sandbox(self) -> Any:
        """Where code that a model wrote is run, as `sandbox.*` says: `judges.sandbox.Sandbox`."""
        return self.handed.other("sandbox")

    def schedule(self, n_steps: int) -> Schedule | None:
        """What `schedule=` names: multipliers of the peak rate by the step 0 ... n_steps - 1.

        None: nothing is named, the system keeps to its own. A class that asks for it says
        `takes_schedule`.
        """
        if not self.handed.has("schedule"):
            return None
        return self.handed.other("schedule", n_steps)  # type: ignore[no-any-return]  # a builder's

    def refuse(self, role: str, why: str) -> None:
        """Let no `model=`, `data=` or `schedule=` pass that these settings do not read.

        Args:
            role: "model", "data", "schedule".
            why: ends the sentence: "task.mode=none trains nothing".

        Raises:
            ConfigError: the command line names one.
        """
        if self.handed.has(role):
            raise ConfigError(f"{role}= sets nothing here: {why}", hint=f"leave {role}= away")

    def generator(
        self, name: str, *key: object, device: str | torch.device = "cpu"
    ) -> torch.Generator:
        """A torch generator, seeded by (seed, name, key); without a key it is kept and goes on."""
        return self.generators.torch(name, *key, device=device)

    def numpy(self, name: str, *key: object) -> np.random.Generator:
        """A numpy generator; as `generator`."""
        return self.generators.numpy(name, *key)

    def seed_of(self, name: str, *key: object) -> int:
        """A seed for what draws by itself, as a chat model does; a pure function of the three."""
        return self.generators.seed_of(name, *key)

    # Time: progress and signals.

    def progress(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Iterate with an inner bar; a signal that has waited too long ends the iteration here."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        done, told = 0, False
        for item in items:
            self.tick()
            now = self._clock()
            if now - self._shown >= PROGRESS_EVERY:
                self._shown, told = now, True
                self._listener(InnerProgress(label, done, total))
            yield item
            done += 1
        self.tick()
        if told:
            self._listener(InnerProgress(label, done, total))

    def tick(self) -> None:
        """Give way to a signal or the time budget; `progress` does it for each item."""
        self._watch.tick()

    def safe_point(self) -> None:
        """Inside a long `step`, where `state()` holds the inner position: a checkpoint may come.

        It is taken even after the grace: better late than to give the iteration up.
        """
        if self.at_safe_point is not None:
            self.at_safe_point()
        self.tick()

    # Artifacts.

    def save_image(self, name: str, image: Any, at: int | None = None) -> Ref:
        """A PNG of a PIL image, a matplotlib figure or an array (H, W) or (H, W, 3)."""
        return self._save(name, render.png(image), at)

    def save_table(self, name: str, rows: Any, at: int | None = None) -> Ref:
        """Dicts or a DataFrame as CSV or JSON, by the suffix."""
        return self._save(name, render.table(name, rows), at)

    def save_text(self, name: str, text: str, at: int | None = None) -> Ref:
        """A text file in UTF-8."""
        return self._save(name, text.encode(errors="surrogateescape"), at)

    def save_json(self, name: str, value: Any, at: int | None = None) -> Ref:
        """JSON; numbers that aren't finite become "NaN", "Infinity", "-Infinity"."""
        return self._save(name, encode(value) + b"\n", at)

    def save_tensors(self, name: str, tensors: Mapping[str, Any], at: int | None = None) -> Ref:
        """A safetensors file of named tensors or arrays."""
        return self._save(name, render.tensors(tensors), at)

    def save_file(self, name: str, write: Callable[[Path], None], at: int | None = None) -> Ref:
        """A file that `write` makes at the path it is given: for what is larger than memory."""
        return self._save(name, write, at)

    def append(self, name: str, rows: Sequence[Any]) -> None:
        """Add JSON lines of this iteration to an artifact; each gets its `i`."""
        self._refuse_in_start(f"run.append({name!r})")
        self._writer.append_rows(name, self.i, rows)
        self.gathered.rows.append((name, list(rows)))

    def folder(self, name: str) -> AbstractContextManager[Path]:
        """A folder to write into, for `save_pretrained`; becomes the artifact when left whole."""
        return self._writer.folder(name)

    def load(self, ref: Ref) -> Path:
        """The file of a Ref, its content checked."""
        return self._writer.load(ref)

    # Numbers and words of this iteration.

    def cost(self, **numbers: float) -> None:
        """Timings, throughput, memory: in the record, but not in replay and golden runs."""
        for name, value in numbers.items():
            self.gathered.cost[name] = plain(name, value)

    def label(self, **texts: str) -> None:
        """Words of this iteration: phase, schedule."""
        for name, text in texts.items():
            self.gathered.labels[name] = str(text)

    def tokens(self, n: int) -> None:
        """Count tokens for stop.tokens; they become the metric `tokens` unless `step` has one."""
        self._count("tokens", n)

    def calls(self, n: int = 1) -> None:
        """Count model calls for stop.calls; as `tokens`."""
        self._count("calls", n)

    def warn(self, text: str) -> None:
        """A remark, shown once and kept in log.txt."""
        if text not in self._warned:
            self._warned.add(text)
            self._writer.log(text)
            self._listener(Remark(text))

    def stop(self, reason: str) -> None:
        """Complete the run after this iteration: "converged", "stalled"."""
        self.reason = reason

    def resolve(self, **values: Any) -> None:
        """Record what a parameter of null became."""
        self.resolved.update(plain_result(values))

    # For the runner.

    def forget(self) -> None:
        """Let go what `start` and a missing baseline gathered: a resume would tell it again."""
        self.gathered = Gathered()
        self._writer.forget_files()

    def take(self, metrics: dict[str, float]) -> Gathered:
        """What the iteration left, the next one's emptied; its counts are added to the metrics."""
        gathered = self.gathered
        if not (gathered.cost or gathered.labels or gathered.counts or gathered.rows):
            return NOTHING  # the usual case, quickly
        self.gathered = Gathered()
        for name, count in gathered.counts.items():
            metrics.setdefault(name, count)
        return gathered

    def _save(self, name: str, data: bytes | Callable[[Path], None], at: int | None) -> Ref:
        if at is not None:
            self._refuse_in_start(f"saving {name!r} with at={at}")
        return self._writer.save_bytes(name, data, at=at)

    def _refuse_in_start(self, what: str) -> None:
        if self.starting:  # a bug of the system: a resume would do it twice
            raise RuntimeError(f"{what} in `start`: do it in `baseline` or `step`")

    def _count(self, name: str, n: int) -> None:
        self.gathered.counts[name] = self.gathered.counts.get(name, 0) + int(n)
