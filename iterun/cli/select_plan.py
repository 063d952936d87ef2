"""Which settings are to be evaluated, on which seeds, by which lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterun.analysis import selection
from iterun.analysis.evaluation import BASELINE, CHOSEN
from iterun.analysis.typed_line import kept, key_of
from iterun.cli import picked
from iterun.errors import ConfigError
from iterun.store import selections
from iterun.store.reader import RunView
from iterun.store.rows import Row, row_of
from iterun.store.selections import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from iterun.analysis.selection import Choice, Scored
    from iterun.store.index import Index

_OWN = ("seed", "tags", "on_existing")  #: keys of a line that an evaluation sets itself


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of `iterun select`."""

    words: Sequence[str]
    metric: str | None = None
    goal: str | None = None
    top: int = 1
    baseline: str | None = None
    n_seeds: int = 5
    changes: Sequence[str] = ()  #: of --eval
    dry: bool = False
    form: str = "table"  #: or json, md
    outputs: str | None = None


@dataclass(kw_only=True)
class Planned:
    """One setting to be evaluated."""

    record: Selection
    row: Row  #: a run of it
    tuned: Scored | None
    folder: Path | None = None  #: of the evaluation, once there is one
    values: Mapping[int, float] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether every fresh seed has its value."""
        return set(self.record.seeds) <= self.values.keys()


def plan_all(index: Index, choice: Choice, rows: Sequence[Row], asked: Asked) -> list[Planned]:
    """The settings to evaluate: the best ones, and the baseline."""
    if asked.top < 1:
        raise ConfigError(f"--top {asked.top} chooses nothing", hint="as in --top 2")
    base = _baseline(index, choice, asked.baseline) if asked.baseline else None
    taken = {row.seed for row in rows} | ({base[0].seed} if base else set())
    seeds, changes = _fresh(asked, taken)
    plans = [
        _planned(scored.setting.rows[0], scored, choice, asked, seeds, changes, rank=rank)
        for rank, scored in enumerate(choice.candidates[: asked.top], start=1)
    ]
    if base is not None:
        row, tuned = base
        same = [p for p in plans if p.row.signature == row.signature]
        if same and len(plans) == 1:
            raise ConfigError(
                f"--baseline {asked.baseline} is the best setting itself",
                hint="name another one to hold it against",
            )
        plans = [p for p in plans if p not in same]
        plans.append(_planned(row, tuned, choice, asked, seeds, changes, rank=0, role=BASELINE))
    return plans


def _baseline(index: Index, choice: Choice, word: str) -> tuple[Row, Scored | None]:
    """A run of the baseline, and its tuning scores if it was among those to choose from."""
    by_signature = {scored.setting.signature: scored for scored in choice.candidates}
    if not picked.is_condition(word):
        row = row_of(index.resolve(word)[0])
        return row, by_signature.get(row.signature)
    from iterun.store import filters

    conditions = filters.parse(word.split())
    fitting = [s for s in choice.candidates if conditions(s.setting.rows[0])]
    if len(fitting) != 1:
        labels = "; ".join(s.label for s in (fitting or choice.candidates)[:4])
        raise ConfigError(
            f"--baseline {word}: {len(fitting)} settings fit, and one is needed",
            hint=f"there are {labels}",
        )
    return fitting[0].setting.rows[0], fitting[0]


def _fresh(asked: Asked, taken: set[int]) -> tuple[list[int], list[str]]:
    """Seeds that had no part in the choice, and what else the evaluation changes."""
    given = [word.partition("=")[2] for word in asked.changes if word.startswith("seed=")]
    changes = sorted(word for word in asked.changes if not word.startswith("seed="))
    for word in asked.changes:
        if "=" not in word:
            raise ConfigError(f"--eval {word} is no setting", hint="as in --eval data=wikitext2")
    if not given:
        if asked.n_seeds < 1:
            raise ConfigError(f"--seeds {asked.n_seeds} evaluates nothing", hint="as in --seeds 5")
        return selection.fresh(taken, asked.n_seeds), changes
    parts = given[-1].split(",")
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(f"--eval seed={given[-1]} is no list of seeds", hint="seed=11,12,13")
    seeds = sorted({int(part) for part in parts})
    if used := [seed for seed in seeds if seed in taken]:
        raise ConfigError(
            f"--eval seed={given[-1]}: {', '.join(map(str, used))} had a part in the choice",
            hint=f"--seeds {len(seeds)} takes fresh ones",
        )
    return seeds, changes


def _planned(
    row: Row, tuned: Scored | None, choice: Choice, asked: Asked, seeds: list[int],
    changes: list[str], *, rank: int, role: str = CHOSEN,
) -> Planned:  # fmt: skip
    tuning = tuned.setting.rows if tuned else []
    record = Selection(
        system=row.system,
        signature=row.signature,
        label=tuned.label if tuned else f"run {row.id}",
        role=role,
        rank=rank,
        metric=choice.metric,
        goal=choice.goal,
        among=len(choice.candidates),
        tuning_seeds=list(choice.seeds),
        tuning_runs=[it.id for it in tuning if it.seed in choice.seeds],
        tuning_sweeps=sorted({str(it.sweep["id"]) for it in tuning if it.sweep}),
        asked=list(asked.words),
        seeds=seeds,
        changes=[word for word in changes if not word.startswith("hydra")],
    )
    record.command = ["iterun", "-m", *_line(row, changes), f"seed={','.join(map(str, seeds))}",
                      f"tags=[{selections.TAG}]", "on_existing=resume"]  # fmt: skip
    return Planned(record=record, row=row, tuned=tuned)


def _line(row: Row, changes: Sequence[str]) -> list[str]:
    """The settings that made a run, with the changes in place of their own keys."""
    words = RunView(row.path).record.command[1:]
    gone = {*_OWN, *(key_of(word) for word in changes)}
    return [*kept(words, gone.__contains__), *changes]
