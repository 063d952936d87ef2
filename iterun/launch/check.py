"""Every fault of a config that can be seen before a model is loaded, together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from iterun.config.compose import task_files
from iterun.config.fit import check_settings, check_types, fit_all, misfits, taken
from iterun.config.menu import NOT_PARAMETERS, kinds_of, serving
from iterun.config.targets import locate_builder, locate_class
from iterun.core.procedure import Procedure
from iterun.core.retention import CheckpointSettings
from iterun.core.stop import StopSettings
from iterun.errors import ConfigError, ConfigErrors, nearest, raise_all
from iterun.launch import device, existing, mirrors
from iterun.launch.builders import built, is_model, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from iterun.types import Placement

T = TypeVar("T")

_MISSING = "???"


def checked(
    config: Mapping[str, Any],
    *,
    experiment: str | None = None,
    extra: Sequence[Path] = (),
    threads: int | None = None,
) -> tuple[Procedure, Placement]:
    """The procedure of a config and the place it computes on, nothing loaded yet.

    Args:
        config: plain and resolved.
        experiment: the choice of `experiment=`.
        extra: further folders with groups (`--config-dir`).
        threads: the most that backend.threads=auto takes.

    Raises:
        ConfigError: every fault.
    """
    task = config["task"] or {}
    found: list[ConfigError] = []
    found += _of_line(config, experiment, extra)
    found += [fault for role, node in built(config).items() for fault in _of_builder(role, node)]
    found += mirrors.faults(config)
    cls = _caught(found, lambda: locate_class(task.get("_target_"), "task", Procedure))
    if cls is not None:
        found += _of_task(cls, task, extra)
        found += _of_kind(cls, config, extra)
        found += _of_schedule(cls, config)
    hint = cls.threads if cls is not None and _has_small_nets(config) else None
    place = _caught(found, lambda: device.place(config["backend"] or {}, hint, threads))
    raise_all(found)
    assert cls is not None
    assert place is not None
    return cls(**fit_all(cls, parameters(task))), place


def parameters(task: Mapping[str, Any]) -> dict[str, Any]:
    """What of the node `task` the class is built from."""
    return {key: value for key, value in task.items() if key not in NOT_PARAMETERS}


def _caught(found: list[ConfigError], make: Callable[[], T]) -> T | None:
    try:
        return make()
    except ConfigErrors as error:
        found += error.errors
    except ConfigError as error:
        found.append(error)
    return None


def _of_line(
    config: Mapping[str, Any], experiment: str | None, extra: Sequence[Path]
) -> Iterator[ConfigError]:
    """What needs no code of the task."""
    for key in _not_given(config):
        yield ConfigError(f"{key} has no value", hint=f"give it one: {key}=...")
    if not (_is_whole(config["seed"]) and 0 <= config["seed"] < 2**63):
        yield ConfigError(
            f"seed={config['seed']} is not a whole number from 0", hint="as in seed=1"
        )
    tags = config["tags"]
    if not (isinstance(tags, list) and all(isinstance(tag, str) and tag for tag in tags)):
        yield ConfigError(f"tags={tags} is not a list of words", hint="as in tags=[first,large]")
    if config["on_existing"] not in existing.CHOICES:
        yield ConfigError(
            f"on_existing={config['on_existing']} is not known",
            hint="on_existing=rerun, on_existing=skip or on_existing=resume",
        )
    yield from _of_experiment(config, experiment, extra)
    objective = (config["task"] or {}).get("objective")
    found: list[ConfigError] = []
    if (
        stop := _caught(found, lambda: StopSettings.of(config["stop"] or {}, objective))
    ) is not None:
        found += stop.check()
    keep = _caught(found, lambda: CheckpointSettings.of(config["checkpoint"] or {}))
    if keep is not None:
        found += keep.check()
    yield from found


def _of_experiment(
    config: Mapping[str, Any], experiment: str | None, extra: Sequence[Path]
) -> Iterator[ConfigError]:
    """An experiment's file holds one system's values; laid over another it would mean nothing."""
    system = str(((config["task"] or {}).get("about") or {}).get("system"))
    owners = [
        info.name
        for info in task_files(extra)
        if experiment and (experiment == info.name or experiment.startswith(f"{info.name}-"))
    ]
    if owners and system not in owners:
        owner = max(owners, key=len)
        yield ConfigError(
            f"experiment={experiment} is of {owner}, but the line says task={system}",
            hint=f"leave task= away, or type task={owner} experiment={experiment}",
        )


def _of_task(
    cls: type[Procedure], task: Mapping[str, Any], extra: Sequence[Path]
) -> list[ConfigError]:
    """Types and `check` together; a value of a wrong type is judged by its type alone."""
    given = parameters(task)
    known = next((info for info in task_files(extra) if info.target == task["_target_"]), None)
    usual = {name: it.value for name, it in known.parameters.items()} if known else {}
    found = [
        fault
        for fault in check_types(cls, given, examples=usual)
        if f"={_MISSING} " not in fault.message  # said already
    ]
    wrong = misfits(cls, given)
    sound = {name: usual.get(name) if name in wrong else value for name, value in given.items()}
    if check_types(cls, sound):
        return found
    said = [f"task.{name}" for name in wrong]
    return found + [
        fault
        for fault in cls(**fit_all(cls, sound)).check()
        if not any(name in fault.message for name in said)
    ]


def _of_builder(role: str, node: Mapping[str, Any]) -> Iterator[ConfigError]:
    """A builder that isn't there, settings that it doesn't take, or values of another type."""
    found: list[ConfigError] = []
    builder = _caught(found, lambda: locate_builder(node["_target_"], role))
    yield from found
    if builder is None:
        return
    settings = settings_of(node, role)
    given = {
        name: value
        for name, value in settings.items()
        if value != _MISSING and name != "name"  # said already, or nothing that is typed
    }
    yield from check_settings(builder, given, key=role)
    known, is_open = taken(builder)
    if is_open:
        return
    names = list(known)[2:] if is_model(node) else list(known)  # form and place come from the run
    for key in settings:
        if key not in names:
            near = nearest(key, names)
            yield ConfigError(
                f"{role}.{key}: {role}={node.get('name')} has no such setting",
                hint=f"did you mean {role}.{near[0]}?" if near else f"there are {', '.join(names)}",
            )


def _of_kind(
    cls: type[Procedure], config: Mapping[str, Any], extra: Sequence[Path]
) -> Iterator[ConfigError]:
    """A model that can't serve as what the system needs; data of another kind than it reads."""
    system = config["task"]["about"]["system"]
    for role, group in (("model", "model"), ("data", "data"), ("eval_data", "data")):
        needed = getattr(cls, f"{group}_kind")
        node = config.get(role) or {}
        kinds = kinds_of(node)
        if needed is None or not kinds or needed in kinds:
            continue
        typed = f"{role}={node['name']}" if role == group else f"{group}@{role}={node['name']}"
        said = f"serves as {', '.join(kinds)}" if group == "model" else f"is {kinds[0]}"
        fitting = ", ".join(f"{group}={name}" for name in serving(needed, extra, group))
        yield ConfigError(
            f"{typed} {said}, and {system} needs the kind {needed}",
            hint=f"these fit: {fitting}" if fitting else f"no {group} of kind {needed} is here",
        )


def _of_schedule(cls: type[Procedure], config: Mapping[str, Any]) -> Iterator[ConfigError]:
    """A course of step sizes for a system that takes none from outside."""
    node = config.get("schedule")
    if node is not None and not cls.takes_schedule:
        yield ConfigError(
            f"schedule={node.get('name')}: {config['task']['about']['system']} reads no schedule",
            hint="leave schedule= away",
        )


def _has_small_nets(config: Mapping[str, Any]) -> bool:
    """Whether each model says that it is small; so it is where none is named."""
    return all(node.get("small") for node in built(config).values() if is_model(node))


def _not_given(node: Any, key: str = "") -> Iterator[str]:
    """The keys whose value is still `???`; those of `stop` have sentences of their own."""
    if node == _MISSING:
        yield key
    elif isinstance(node, dict):
        for name, value in node.items():
            if key or name != "stop":
                yield from _not_given(value, f"{key}.{name}" if key else str(name))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
