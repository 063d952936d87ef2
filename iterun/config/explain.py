"""What a line has wrong, all of it, with the nearest names: Hydra stops at the first fault.

Hydra's message for a mistyped system lists its neighbours' files and its search path. Here the line
is read again, slowly and completely: every choice is held against the names of its group, every key
against the config that the choices give.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from iterun.config import hub
from iterun.errors import ConfigError, ConfigErrors, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override

#: what composing raises where the line or a file is at fault
EXPLAINED = (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError)

_GROUP_WORDS = {"task": "system", "data": "data set", "eval_data": "data set"}
_SHOWN = 8  # names listed where none is near


def explain(
    error: Exception,
    overrides: Sequence[str],
    loader: ConfigLoader,
    config_name: str = "config",
    mode: RunMode = RunMode.RUN,
) -> ConfigError:
    """The error to raise instead: every fault of the line, or Hydra's own in one sentence."""
    line = _Line(loader=loader, config_name=config_name, mode=mode)
    faults = list(line.faults(overrides))
    if not faults:
        return _in_one_sentence(error)
    return faults[0] if len(faults) == 1 else ConfigErrors(faults)


@dataclass(kw_only=True)
class _Line:
    """A command line as it is gone through."""

    loader: ConfigLoader
    config_name: str
    mode: RunMode
    searchpath: list[str] = field(default_factory=list)  #: the override of hydra.searchpath
    choices: list[str] = field(default_factory=list)  #: overrides of groups that are in order
    unsure: set[str] = field(default_factory=set)  #: groups whose choice nobody can guess
    keys: list[Override] = field(default_factory=list)

    def faults(self, overrides: Sequence[str]) -> Iterator[ConfigError]:
        parser = OverridesParser.create()
        parsed = []
        for text in overrides:
            try:
                parsed.append(parser.parse_override(text))
            except OverrideParseException as error:
                yield _unreadable(text, error)
        self.searchpath = [text for text in overrides if text.startswith("hydra.searchpath=")]
        for override in parsed:
            yield from self._fault_of_choice(override)
        try:
            config = self._compose(self.choices)
        except EXPLAINED as error:
            yield _in_one_sentence(error)
            return
        for override in self.keys:
            yield from self._fault_of_key(override, config)

    def _compose(self, overrides: Sequence[str]) -> DictConfig:
        return self.loader.load_configuration(
            self.config_name,
            [*self.searchpath, *overrides],
            run_mode=RunMode.RUN,
            validate_sweep_overrides=False,
        )

    def _names(self, group: str) -> list[str]:
        """Every choice of a group, also those in its folders."""
        if group == "":
            return []
        names = self._options(group, ObjectType.CONFIG)
        for folder in self._options(group, ObjectType.GROUP):
            names += [f"{folder}/{name}" for name in self._names(f"{group}/{folder}")]
        return names

    def _options(self, group: str, kind: ObjectType) -> list[str]:
        return self.loader.get_group_options(
            group, kind, config_name=self.config_name, overrides=self.searchpath
        )

    def _fault_of_choice(self, override: Override) -> Iterator[ConfigError]:
        """Sorts the override among choices or keys; yields what is wrong with a choice."""
        typed, group = override.input_line or "", override.key_or_group
        if override.is_sweep_override() and self.mode is RunMode.RUN:
            yield ConfigError(
                f"{typed} gives several values",
                hint=f"add -m to run each: iterun -m {typed}; a list is {_as_list(typed)}",
            )
            return
        known = self._names(group)
        values = _values(override)
        if not known or any(isinstance(value, dict) for value in values):
            self.keys.append(override)
            return
        if override.is_delete():
            self.choices.append(typed)
            return
        right = [value for value in values if _is_choice(group, value, known)]
        for value in values:
            if value not in right:
                yield _no_such_choice(override.get_key_element(), group, value, known)
        guess = nearest(str(values[0]), known, n=1) if values else []
        if best := [str(value) for value in right] or guess:
            chosen = f"[{','.join(best)}]" if isinstance(override.value(), list) else best[0]
            self.choices.append(f"{override.get_key_element()}={chosen}")
        else:
            self.unsure.add(override.package or group)

    def _fault_of_key(self, override: Override, config: DictConfig) -> Iterator[ConfigError]:
        key, typed = override.key_or_group, override.input_line or ""
        first = key.partition(".")[0]
        if override.package is not None or "/" in key:
            yield self._no_such_key(override.get_key_element(), "", self._top(config))
        elif first in self.unsure:
            return
        elif _exists(config, key):
            yield from _fault_of_change(config, override)
        elif override.is_add() or override.is_force_add():
            return
        else:
            parent, _, _ = key.rpartition(".")
            while parent and not _exists(config, parent):
                parent, _, _ = parent.rpartition(".")
            node = OmegaConf.select(config, parent) if parent else config
            if parent and not isinstance(node, DictConfig):
                group = "data@eval_data" if parent == "eval_data" else parent
                hint = f"choose one first: {group}=..." if node is None else f"{parent} is a value"
                yield ConfigError(f"{typed}: {parent} has no keys of its own here", hint=hint)
            else:
                known = [str(name) for name in node] if parent else self._top(config)
                yield self._no_such_key(key, parent, known, config)

    def _top(self, config: DictConfig) -> list[str]:
        """Everything that may stand before `=` without a dot."""
        groups = [g for g in self._options("", ObjectType.GROUP) if g != "hydra"]
        return sorted({str(key) for key in config} | set(groups) | {"data@eval_data"})

    def _no_such_key(
        self, key: str, parent: str, known: Sequence[str], config: DictConfig | None = None
    ) -> ConfigError:
        name = key[len(parent) + 1 :] if parent else key
        near = [f"{parent}.{other}" if parent else other for other in nearest(name, known)]
        where = _owner(config, parent) if config is not None and parent else ""
        what = f"{where} has no parameter {name}" if where else "there is no such key"
        return ConfigError(f"{key}: {what}", hint=_did_you_mean(near, known, parent))


def _unreadable(text: str, error: OverrideParseException) -> ConfigError:
    if "=" not in text:
        return ConfigError(
            f"{text!r} is neither a command nor a setting",
            hint="settings are key=value, as in seed=1; `iterun --help` lists the commands",
        )
    return ConfigError(
        f"{text} can't be read: {str(error).strip().partition(chr(10))[0]}",
        hint=f"quote what is more than a word, as in '{text.partition('=')[0]}=\"a (b)\"'",
    )


def _values(override: Override) -> list[Any]:
    """Every value that the override stands for; a list of choices counts one by one."""
    if override.is_sweep_override():
        if not override.is_discrete_sweep():
            return []
        return [text.strip("'\"") for text in override.sweep_string_iterator()]
    value = override.value()
    return list(value) if isinstance(value, list) else [value]


def _is_choice(group: str, value: Any, known: Sequence[str]) -> bool:
    if not isinstance(value, str):
        return False
    name = value.removesuffix(".yaml")
    return name in known or (group in hub.NODES and hub.NODES[group](value) is not None)


def _no_such_choice(key: str, group: str, value: Any, known: Sequence[str]) -> ConfigError:
    word = _GROUP_WORDS.get(group, group)
    text = "null" if value is None else str(value)
    if group in hub.NODES and hub.is_path(text):
        what = "folder" if group == "model" else "file"
        return ConfigError(
            f"{key}={text}: there is no such {what}",
            hint=f"check the path, or name one of {', '.join(known[:_SHOWN])}",
        )
    near = [f"{key}={name}" for name in nearest(text, known)]
    hint = _did_you_mean(near, [f"{key}={name}" for name in known], "")
    if group == "task":
        hint += "; `iterun tasks` says what each is"
    if group == "model":
        hint += f"; or a hub id or a folder: {key}=OWNER/NAME, {key}=./FOLDER"
    if not text:
        return ConfigError(f"{key}= names no {word}", hint=hint)
    return ConfigError(f"{key}={text}: there is no such {word}", hint=hint)


def _did_you_mean(near: Sequence[str], known: Sequence[str], parent: str) -> str:
    if near:
        return f"did you mean {' or '.join(near)}?"
    names = [f"{parent}.{name}" if parent else name for name in known if name[:1] != "_"]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"there are {', '.join(names[:_SHOWN])}{more}" if names else "there is nothing to set"


def _exists(config: DictConfig, key: str) -> bool:
    """Whether the key is in the config, be it null or still to be given."""
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, DictConfig) or part not in list(
            node
        ):  # `in` itself passes over ???
            return False
        node = node._get_node(part)
        if isinstance(node, DictConfig) and node._is_none():
            node = None
    return True


def _fault_of_change(config: DictConfig, override: Override) -> Iterator[ConfigError]:
    """A key that exists can still refuse to be added again, or to become what it can't be."""
    typed = override.input_line or ""
    if override.is_add() and not isinstance(override.value(), dict | list):
        if OmegaConf.select(config, override.key_or_group) is not None:
            yield ConfigError(
                f"{typed}: {override.key_or_group} is there already", hint=f"type {typed[1:]}"
            )
    elif not override.is_sweep_override() and not override.is_delete():
        try:
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
        except OmegaConfBaseException as error:
            yield ConfigError(
                f"{typed}: {str(error).strip().partition(chr(10))[0]}",
                hint=f"`iterun ... --cfg job` shows what {override.key_or_group} is",
            )


def _owner(config: DictConfig, parent: str) -> str:
    """Who the keys below `parent` belong to: a system, a model, else the node itself."""
    names = {"task": "task.about.system", "model": "model.name", "data": "data.name"}
    found = OmegaConf.select(config, names.get(parent, "")) if parent in names else None
    return str(found) if found else parent


def _as_list(typed: str) -> str:
    key, _, value = typed.partition("=")
    return f"'{key}=[{value}]'"


def _in_one_sentence(error: Exception) -> ConfigError:
    """Hydra's own message without its search path."""
    message = str(error).strip() or str(error.__cause__ or type(error).__name__)
    lines = [line.strip() for line in message.partition("Config search path:")[0].splitlines()]
    return ConfigError(
        "this config can't be composed: " + " ".join(line for line in lines if line),
        hint="`iterun ... --info defaults-tree` shows which file asks for what",
    )
