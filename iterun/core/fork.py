"""Branching off: how a run goes on from the state of another one, with other settings.

`parent` in run.json says where a fork left its parent. Its directory holds the lines up to there
and that checkpoint, so that it goes on as a resumed run does; the difference is made here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, IterunError, StoreError
from iterun.store import checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iterun.core.keeper import Keeper
    from iterun.store.schema import RunRecord

#: settings that decide when a run ends and what is kept of it, but no number
NO_NUMBERS = ("stop", "checkpoint", "tags", "logger")


@dataclass(frozen=True, kw_only=True)
class Branch:
    """The node `parent` of a fork's run.json."""

    run: str  #: the parent's id
    iteration: int  #: the last one that both share
    signature: str  #: the parent's
    changes: Mapping[str, Any] = field(default_factory=dict)  #: setting -> [old, new]
    start_seed: int | None = None  #: what `start` draws with, if it isn't the fork's own seed
    reseed: bool = False  #: the generators begin anew here, with the fork's own seed
    anew: bool = False  #: the parent is a fork that left its own parent here, with other settings

    @classmethod
    def of(cls, record: RunRecord) -> Branch | None:
        """Where a run branched off; None: it is no fork."""
        parent = record.parent
        if parent is None:
            return None
        seed, changes = parent.get("start_seed"), parent.get("changes")
        return cls(
            run=parent["run"], iteration=parent["iteration"],
            signature=str(parent.get("signature") or ""),
            changes=changes if isinstance(changes, dict) else {},
            start_seed=seed if isinstance(seed, int) else None,
            reseed=parent.get("reseed") is True, anew=parent.get("anew") is True,
        )  # fmt: skip

    @property
    def alters(self) -> bool:
        """Whether numbers can come out otherwise than the parent's would."""
        own = any(key.partition(".")[0] not in NO_NUMBERS for key in self.changes)
        return own or self.anew

    def to_json(self) -> dict[str, Any]:
        """As it stands in run.json: what is as usual is left out."""
        node = {"run": self.run, "iteration": self.iteration, "signature": self.signature}
        more = {
            "changes": dict(self.changes), "start_seed": self.start_seed, "reseed": self.reseed,
            "anew": self.anew,
        }  # fmt: skip
        return node | {
            key: x for key, x in more.items() if not (x is None or x is False or x == {})
        }


def first_seed(record: RunRecord) -> int:
    """The seed that `start` draws with: what it builds belongs to the state, and stays."""
    branch = Branch.of(record)
    return record.seed if branch is None or branch.start_seed is None else branch.start_seed


def refuse_at_end(record: RunRecord, k: int, length: int | None) -> None:
    """Let no run begin where its parent has ended: none of its settings would be used.

    Args:
        record: of a run that goes on after iteration k.
        k: that iteration.
        length: of the procedure; None: it has none of its own.

    Raises:
        ConfigError: it is a fork that is over where it branches off.
    """
    branch = Branch.of(record)
    if branch is not None and branch.iteration == k and length is not None and k >= length:
        raise ConfigError(
            f"{branch.run}@{k} is at the end of {length} iterations: nothing is left to be done",
            hint=f"branch off earlier, as in iterun fork {branch.run}@{max(length // 2, 0)}, "
            "or make it longer",
        )


def left_at(record: RunRecord) -> int | None:
    """The iteration after which numbers come out otherwise than the parent's; None: none does."""
    branch = Branch.of(record)
    return branch.iteration if branch is not None and branch.alters else None


def restore(state: Mapping[str, Any], keeper: Keeper) -> None:
    """Put a checkpoint's state back; where a fork leaves its parent, under its own settings.

    Raises:
        ConfigError: the changed settings can't take the state.
    """
    record = keeper.writer.record
    branch = Branch.of(record)
    goes_on = branch is None or not (branch.alters or branch.reseed)
    if branch is None or goes_on or not _is_at(state, branch.iteration):
        keeper.restore(state)
        return
    try:
        keeper.restore(state)
    except IterunError:
        raise
    except Exception as error:
        changed = ", ".join(branch.changes)
        first = str(error).strip().splitlines() or [""]
        raise ConfigError(
            f"the state of {branch.run}@{branch.iteration} does not fit {record.system} with other "
            f"settings ({changed}): {type(error).__name__}: {first[0]}",
            hint="leave what gives the state its shape as it was, or begin a run of its own",
        ) from error
    keeper.branch_off(reseed=branch.reseed)


def point(record: RunRecord) -> set[int]:
    """The checkpoint that a run can't do without: a fork has no beginning of its own."""
    branch = Branch.of(record)
    return set() if branch is None else {branch.iteration}


def refuse_before(record: RunRecord, k: int, asked: int | None) -> None:
    """Refuse to compute what a fork has from its parent.

    Args:
        record: of the run.
        k: the checkpoint to begin from; -1: none.
        asked: the iteration that was named.

    Raises:
        StoreError: the run branched off later than that.
    """
    branch = Branch.of(record)
    if branch is not None and k < branch.iteration:
        raise StoreError(
            f"{record.id} branched off at {branch.iteration} of {branch.run}, and has no "
            f"checkpoint from there up to {'its end' if asked is None else asked}",
            hint=f"iterun fork {branch.run}@{min(asked or 0, branch.iteration)} goes on from the "
            "parent; or name a later iteration",
        )


def nearest_whole(directory: Path, k: int) -> int:
    """The newest checkpoint up to k that was taken between two iterations; -1: there is none."""
    for i in reversed(checkpoint.available(directory)):
        if i <= k:
            try:
                if checkpoint.entry(directory, i, "inner") is None:
                    return i
            except StoreError:
                continue
    return -1


def _is_at(state: Mapping[str, Any], k: int) -> bool:
    return state["inner"] is None and state["done"] == k
