"""Runs as seeds of settings: which belong together, and what tells the settings apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from iterun.errors import StoreError
from iterun.store.reader import RunView
from iterun.store.rows import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iterun.store.rows import Row

#: recorded with the parameters, but columns of their own
_NOT_PARAMETERS = frozenset({"model", "data", "seed"})
_COLUMNS = ("model", "data")  #: of these, what a setting is chosen by
#: of the config, what a signature is made of beside the task
_ROLES = ("model", "data", "eval_data", "judge", "schedule")
_MOST_READ = 200  #: configs
_SHORT = 8  #: characters of a signature
_BY_PROGRAM = " by a program, no language model"


@dataclass(kw_only=True)
class Setting:
    """The runs of one signature: one setting with several seeds."""

    signature: str
    system: str  #: as "prune/perp"
    rows: list[Row]  #: in the order in which they came
    differing: dict[str, Any] = field(default_factory=dict)  #: its values where settings differ

    @property
    def label(self) -> str:
        """What tells it apart, as it would be typed: "sparsity=0.6 model=opt-125m"."""
        return label(self)

    @property
    def block(self) -> str:
        """What it is ranked in."""
        return block_of(self.rows[0]) if self.rows else self.system

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the first run; the others have the same, but the seed."""
        return self.rows[0].parameters


def block_of(row: Row) -> str:
    """The system, apart where a program stood in for a language model: the two are no rivals."""
    system = str(row.system)
    return system + _BY_PROGRAM if row.parameters.get("model_kind") == "program" else system


def group(rows: Iterable[Row]) -> list[Setting]:
    """The settings of these runs, in the order of their first runs.

    Runs belong together that have one system and one signature; without a signature each stands by
    itself. What differs is looked for among the settings of one system.
    """
    found: dict[tuple[str, str], Setting] = {}
    for row in rows:
        signature = row.signature
        setting = found.get(key := (block_of(row), signature or f"run {row.path}"))
        if setting is None:
            found[key] = setting = Setting(signature=signature, system=row.system, rows=[])
        setting.rows.append(row)
    blocks: dict[str, list[Setting]] = {}
    for setting in found.values():
        blocks.setdefault(setting.block, []).append(setting)
    for settings in blocks.values():
        _tell_apart(settings)
    return list(found.values())


def _tell_apart(settings: Sequence[Setting]) -> None:
    """Set what differs among the settings of one system."""
    columns = [name for name in _COLUMNS if len({getattr(s.rows[0], name) for s in settings}) > 1]
    names = differing(setting.parameters for setting in settings)
    for setting in settings:
        first, parameters = setting.rows[0], setting.parameters
        setting.differing = {name: getattr(first, name) for name in columns}
        setting.differing |= {name: parameters[name] for name in names if name in parameters}
    _tell_twins_apart(settings)


def _tell_twins_apart(settings: Sequence[Setting]) -> None:
    """Where signatures differ and parameters don't: the other settings, else the signature."""
    twins: dict[str, list[Setting]] = {}
    for setting in settings:
        twins.setdefault(repr(setting.differing), []).append(setting)
    for alike in twins.values():
        if len(alike) == 1:
            continue
        configs = [_beyond_the_task(one) if len(alike) <= _MOST_READ else {} for one in alike]
        names = differing(configs)
        for setting, config in zip(alike, configs, strict=True):
            setting.differing |= {name: config[name] for name in names if name in config}
        if len({repr(one.differing) for one in alike}) < len(alike):
            for setting in alike:
                setting.differing["signature"] = setting.signature[:_SHORT] or setting.rows[0].id


def _beyond_the_task(setting: Setting) -> dict[str, Any]:
    """What else of the config a signature is made of, flat: {"backend.dtype": "bfloat16"}."""
    view = RunView(setting.rows[0].path)
    try:
        config = {role: view.config.get(role) for role in _ROLES}
        found: dict[str, Any] = {"backend.dtype": view.record.dtype}
    except StoreError:
        return {}
    for role, node in config.items():
        items = node.items() if isinstance(node, dict) else [("", node)]
        found |= {f"{role}.{key}".rstrip("."): value for key, value in items}
    return found


def label(setting: Setting) -> str:
    """What tells a setting apart, as it would be typed; the block's name if nothing does."""
    words = (f"{name}={_typed(value)}" for name, value in setting.differing.items())
    return " ".join(words) or setting.block


def _typed(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and isfinite(value) and value.is_integer() and abs(value) < 1e6:
        return str(int(value))
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_typed, value))}]"
    return str(value)


def differing(parameters: Iterable[dict[str, Any]]) -> list[str]:
    """Names whose values are not the same in all of these, in their first order.

    Seed, model and data are left out: they have columns of their own.
    """
    first, *others = parameters
    same = dict(first)
    names = dict.fromkeys(first)
    for other in others:
        if other == same:
            continue
        names |= dict.fromkeys(other)
        same = {k: v for k, v in same.items() if _equal(other.get(k, MISSING), v)}
    return [name for name in names if name not in same and name not in _NOT_PARAMETERS]


def _equal(a: Any, b: Any) -> bool:
    return bool(a == b) or (a != a and b != b)  # NaN is the same setting as NaN
