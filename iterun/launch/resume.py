"""Going on with a run: only what does not change its numbers may be set anew."""

from __future__ import annotations

import copy
import dataclasses
import shlex
from typing import TYPE_CHECKING, Any

from iterun.config.compose import choices
from iterun.config.menu import read_choice
from iterun.core import resume as core_resume
from iterun.core.progress import Remark
from iterun.core.retention import CheckpointSettings
from iterun.core.stop import StopSettings
from iterun.errors import ConfigError, nearest, raise_all
from iterun.launch import mirrors, recorded
from iterun.launch.assembled import assembled
from iterun.launch.builders import with_absolute_paths
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from iterun.core.job import Judge, Outcome
    from iterun.core.progress import Listener
    from iterun.store.schema import RunRecord
    from iterun.types import Placement

MAY_CHANGE = ("stop", "checkpoint", "logger")
_ELSEWHERE = "resume it on a machine like that one, or start anew with backend=cpu"


def resume(
    directory: Path,
    overrides: Sequence[str],
    make_listener: Callable[[str], Listener],
    iteration: int | None = None,
    judge: Judge | None = None,
) -> Outcome:
    """Go on with the run in `directory` from its newest checkpoint.

    Args:
        directory: of a run that is not running.
        overrides: of `stop`, `checkpoint` and `logger`, as on the command line.
        make_listener: called with "resume" once all is in order.
        iteration: go on from this one, or the last one before it that has a checkpoint.
        judge: may complete the run early.

    Raises:
        ConfigError: an override of anything else: that would be another run; the model or text
            isn't what it was.
        StoreError: the run is alive, or what it wrote can't be read.
    """
    view = RunView(directory)
    was, config = view.record, changed(view.config, overrides, view.record)
    place = recorded.place(config["backend"], was, _ELSEWHERE)
    procedure = recorded.procedure(config)
    resume_from = core_resume.plan(directory, iteration)
    _refuse_other_content(config, place, was)
    listener = make_listener("resume")
    if changes := recorded.other_versions(was):
        listener(Remark(f"other versions than before: {changes}; numbers may differ"))
    job = assembled(procedure, config, record=was, directory=directory, place=place)
    job.listener, job.resume_from, job.judge = listener, resume_from, judge
    return mirrors.run(job)


def changed(config: Mapping[str, Any], overrides: Sequence[str], was: RunRecord) -> dict[str, Any]:
    """The config of a run with other stop rules, another way to keep checkpoints, other mirrors.

    Raises:
        ConfigError: every override that can't be, together.
    """
    config = recorded.whole(config, was)
    nodes = {name: copy.deepcopy(config.get(name) or {}) for name in MAY_CHANGE}
    found = [fault for text in overrides for fault in _apply(text, nodes, was)]
    objective = config["task"].get("objective")
    if not found:
        found += StopSettings.of(nodes["stop"], objective).check()
        found += CheckpointSettings.of(nodes["checkpoint"]).check()
        found += mirrors.faults(nodes)
    raise_all(found)
    if not nodes["logger"] and "logger" not in config:
        del nodes["logger"]
    return with_absolute_paths({**config, **nodes}) if overrides else {**config, **nodes}


def _apply(text: str, nodes: dict[str, dict[str, Any]], was: RunRecord) -> list[ConfigError]:
    """Lay one override over the nodes; what is wrong with it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    try:
        [override] = OverridesParser.create().parse_overrides([text])
    except OverrideParseException:
        return [ConfigError(f"{text!r} is no setting", hint="as in stop.iterations=200")]
    group, _, key = override.key_or_group.partition(".")
    plain = not text.startswith(("+", "~"))
    if group not in nodes or not plain or override.is_sweep_override():
        return [_a_fork(text, was)]
    value = override.value()
    if not key:
        names = value if isinstance(value, list) else [value]
        if group == "logger":  # not laid over those that there were: these and no others
            nodes[group], names = {}, [name for name in names if name is not None]
        return [fault for name in names for fault in _choose(group, name, nodes[group])]
    if group == "logger":
        return _set_mirror(key, value, nodes[group])
    known = {"stop": StopSettings, "checkpoint": CheckpointSettings}[group]
    keys = [field.name for field in dataclasses.fields(known)]
    if key not in keys:
        near = nearest(key, keys)
        hint = f"did you mean {group}.{near[0]}?" if near else f"there are {', '.join(keys)}"
        return [ConfigError(f"{group}.{key}: there is no such setting", hint=hint)]
    nodes[group][key] = value
    return []


def _set_mirror(key: str, value: Any, node: dict[str, Any]) -> list[ConfigError]:
    """Set one setting of one tool, as in logger.mlflow.experiment=second."""
    tool, _, setting = key.partition(".")
    if tool not in node or not setting:
        return [
            ConfigError(
                f"logger.{key}: {tool} does not mirror this run",
                hint=f"name it first, as in logger={tool} logger.{tool}.place=FOLDER",
            )
        ]
    node[tool][setting] = value
    return []


def _choose(group: str, name: object, node: dict[str, Any]) -> list[ConfigError]:
    known = choices(group)
    if name not in known:
        near = nearest(str(name), known) or known
        return [
            ConfigError(
                f"{group}={name}: there is no such choice",
                hint=f"did you mean {' or '.join(f'{group}={other}' for other in near)}?",
            )
        ]
    node.update(read_choice(group, str(name)))
    return []


def _a_fork(text: str, was: RunRecord) -> ConfigError:
    line = shlex.join([*(was.command or ["iterun", f"task={was.system}"]), text])
    return ConfigError(
        f"{text} would make a fork of {was.id}, another run: only stop.*, checkpoint.* and "
        "logger may change when a run goes on",
        hint=f"branch off: {shlex.join(['iterun', 'fork', was.id, text])}; or start anew: {line}",
    )


def _refuse_other_content(config: Mapping[str, Any], place: Placement, was: RunRecord) -> None:
    """Going on with another model or text would make one record of two runs."""
    if recorded.is_content_the_same(config, place, was):
        return
    line = shlex.join(was.command or ["iterun", f"task={was.system}"])
    raise ConfigError(
        f"model, text or schedule of {was.id} are not what they were when it began",
        hint=f"bring it back, or start anew: {line}",
    )
