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

from iterun.config import hub, phrases
from iterun.errors import ConfigError, ConfigErrors, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override

#: what composing raises where the line or a file is at fault
EXPLAINED = (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError)


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
        return phrases.in_one_sentence(error)
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
                parsed += parser.parse_overrides([text])
            except OverrideParseException as error:
                yield phrases.unreadable(text, error)
        self.searchpath = [text for text in overrides if text.startswith("hydra.searchpath=")]
        for override in parsed:
            yield from self._fault_of_choice(override)
        yield from self._faults_of_place()
        try:
            config = self._compose(self.choices)
        except EXPLAINED as error:
            yield phrases.in_one_sentence(error)
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

    def _is_group(self, name: str) -> bool:
        parent, _, last = name.rpartition("/")
        return last in self._options(parent, ObjectType.GROUP)

    def _names(self, group: str) -> list[str]:
        """Every choice of a group, also those in its folders."""
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
            yield phrases.several_values(typed)
            return
        values = _values(override)
        if not self._is_group(group) or any(isinstance(value, dict) for value in values):
            self.keys.append(override)
            return
        known = self._names(group)
        if override.is_delete():
            self.choices.append(typed)
            return
        right = [value for value in values if _is_choice(group, value, known)]
        for value in values:
            if value not in right:
                yield phrases.no_such_choice(override.get_key_element(), group, value, known)
        guess = nearest(str(values[0]), known, n=1) if values else []
        if best := [str(value) for value in right] or guess:
            chosen = f"[{','.join(best)}]" if isinstance(override.value(), list) else best[0]
            self.choices.append(f"{override.get_key_element()}={chosen}")
        else:
            self.unsure.add(override.package or group)

    def _faults_of_place(self) -> Iterator[ConfigError]:
        """Choices for a key that no defaults list has: data@evl_data=pydoc."""
        plain = [text for text in self.choices if not text.startswith(("+", "~"))]
        bare = [text for text in plain if "@" not in text.partition("=")[0]]
        try:
            found = self.loader.compute_defaults_list(
                self.config_name, [*self.searchpath, *bare], RunMode.RUN
            )
        except EXPLAINED:
            return  # composing says why
        known = [*found.overrides.known_choices, *self._options("", ObjectType.GROUP)]
        for text in plain:
            if text.partition("=")[0] not in known:
                self.choices.remove(text)
                yield phrases.no_such_key(text, "", known)

    def _fault_of_key(self, override: Override, config: DictConfig) -> Iterator[ConfigError]:
        key, typed = override.key_or_group, override.input_line or ""
        first = key.partition(".")[0]
        if override.package is not None or "/" in key:
            yield phrases.no_such_key(typed, "", self._top(config))
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
                yield phrases.no_keys_below(typed, parent, is_null=node is None)
            elif parent:
                known = [str(name) for name in node if name not in ("about", "objective")]
                yield phrases.no_such_key(typed, parent, known, _owner(config, parent))
            else:
                yield phrases.no_such_key(typed, "", self._top(config))

    def _top(self, config: DictConfig) -> list[str]:
        """Everything that may stand before `=` without a dot."""
        groups = [g for g in self._options("", ObjectType.GROUP) if g != "hydra"]
        return sorted({str(key) for key in config} | set(groups) | {"data@eval_data"})


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


def _exists(config: DictConfig, key: str) -> bool:
    """Whether the key is in the config, be it null or still to be given."""
    node: Any = config
    for part in key.split("."):
        # `part in node` would pass over ???, and node[part] raises on it.
        if not isinstance(node, DictConfig) or node._is_none() or part not in list(node):
            return False
        node = node._get_node(part)
    return True


def _fault_of_change(config: DictConfig, override: Override) -> Iterator[ConfigError]:
    """A key that exists can still refuse to be added again, or to become what it can't be."""
    typed, key = override.input_line or "", override.key_or_group
    if override.is_add() and not isinstance(override.value(), dict | list):
        if OmegaConf.select(config, key) is not None:
            yield phrases.there_already(typed, key)
    elif not override.is_sweep_override() and not override.is_delete():
        try:
            OmegaConf.update(config, key, override.value(), merge=True)
        except OmegaConfBaseException as error:
            yield phrases.not_so(typed, key, error)


def _owner(config: DictConfig, parent: str) -> str:
    """Who the keys below `parent` belong to: a system, a model, else the node itself."""
    names = {"task": "task.about.system", "model": "model.name", "data": "data.name"}
    found = OmegaConf.select(config, names.get(parent, "")) if parent in names else None
    return str(found) if found else parent
