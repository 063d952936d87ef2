"""Settings typed anew, laid over a config that was resolved and recorded before.

What is recorded holds: files of `conf/` that changed since are looked at only for the choices that
are typed. Nothing of the recorded config is interpolated.
"""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING, Any

from iterun.config import menu, phrases
from iterun.config.compose import compose, to_plain
from iterun.config.locate import conf_dir
from iterun.errors import ConfigError, ConfigErrors, raise_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hydra.core.override_parser.types import Override

_MERGED = (
    "stop",
    "checkpoint",
)  # groups whose choices set some keys of a node that is always there
_WHOLE_LINES = ("experiment", "debug", "hydra", "on_existing")
_FIXED = ("about", "objective")  # below task: what a system is


def laid_over(
    config: Mapping[str, Any], texts: Sequence[str], *, config_dir: str | None = None
) -> dict[str, Any]:
    """The config with other settings.

    Args:
        config: resolved; `task.about.system` is there.
        texts: as on the command line: task.sparsity=0.6, model=opt-125m, stop=[patience].
        config_dir: a further folder with groups.

    Raises:
        ConfigError: every setting that can't be, together.
    """
    found: list[ConfigError] = []
    new = copy.deepcopy(dict(config))
    typed = []
    for override in _parsed(texts, found):
        faults = list(_refused(override, config))
        found += faults
        typed += [] if faults else [override]
    chosen = {_node(override) for override in typed if _is_choice(override)}
    chosen -= {"task", *_MERGED}
    asked = [override for override in typed if _node(override) in chosen]
    if asked:
        new |= _composed(asked, chosen, config_dir, found)
    for override in typed:
        if override not in asked:
            found += _lay(override, new)
    raise_all(found)
    return new


def expanded(texts: Sequence[str]) -> list[list[str]]:
    """The lines that a line with several values stands for: every combination.

    Raises:
        ConfigError: a word is no setting, or a sweep that isn't a list of values.
    """
    found: list[ConfigError] = []
    values: list[list[str]] = []
    for override in _parsed(texts, found):
        if not override.is_sweep_override():
            values.append([str(override.input_line)])
        elif override.is_discrete_sweep():
            key = override.get_key_element()
            values.append([f"{key}={text}" for text in override.sweep_string_iterator()])
        else:
            found.append(
                ConfigError(f"{override.input_line} is no list of values", hint="as in seed=1,2,3")
            )
    raise_all(found)
    return [list(line) for line in itertools.product(*values)]


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs, by the keys as typed: [old, new]. Another model or text is one change."""
    found: dict[str, list[Any]] = {}
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        names = [node.get("name") if isinstance(node, dict) else None for node in (before, after)]
        if key != "task" and names[0] != names[1]:
            found["data@eval_data" if key == "eval_data" else key] = names
        else:
            found.update(_differences(key, before, after))
    return found


def _differences(key: str, old: Any, new: Any) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            yield from _differences(f"{key}.{name}", old.get(name), new.get(name))
    elif old != new or not (type(old) is type(new) or (_is_number(old) and _is_number(new))):
        yield key, [old, new]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parsed(texts: Sequence[str], found: list[ConfigError]) -> list[Override]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    parser, typed = OverridesParser.create(), []
    for text in texts:
        try:
            typed += parser.parse_overrides([text])
        except OverrideParseException as error:
            found.append(phrases.unreadable(text, error))
    return typed


def _node(override: Override) -> str:
    """The top-level key that is set: "eval_data" for data@eval_data=..."""
    return str(override.package or override.key_or_group).partition(".")[0]


def _is_choice(override: Override) -> bool:
    """Whether a file of a group is chosen, or one named directly."""
    key = override.key_or_group
    is_group = "." not in key and (conf_dir() / key).is_dir()
    return is_group and not isinstance(override.value(), dict)


def _refused(override: Override, config: Mapping[str, Any]) -> Iterator[ConfigError]:
    """What can't be laid over a recorded config."""
    text, parts = str(override.input_line), override.key_or_group.split(".")
    if override.is_sweep_override():
        key, _, value = text.partition("=")
        yield ConfigError(
            f"{text} gives several values",
            hint=f"add -m for a fork each; a list is '{key}=[{value}]'",
        )
    elif override.is_delete():
        yield ConfigError(f"{text}: nothing can be taken away", hint="set it, as in KEY=null")
    elif parts == ["task"]:
        if override.value() != config["task"]["about"]["system"]:
            yield ConfigError(
                f"{text} would be another system, which has no use for this one's state",
                hint=f"begin a run of its own: iterun {text}",
            )
    elif parts[0].partition("/")[0] in _WHOLE_LINES:
        yield ConfigError(
            f"{text} is for lines that begin a run", hint="name the settings one by one"
        )
    elif "_target_" in parts or (parts[0] == "task" and parts[1] in _FIXED):
        yield ConfigError(
            f"{text} would be another system or model by the same name",
            hint="choose one by its name, as in model=NAME",
        )
    elif "${" in text:
        yield ConfigError(
            f"{text}: a reference has nothing to refer to in a recorded config",
            hint="type the value itself",
        )


def _composed(
    asked: Sequence[Override], nodes: set[str], config_dir: str | None, found: list[ConfigError]
) -> dict[str, Any]:
    """The nodes that choices give, with what is typed of their keys."""
    try:
        plain = to_plain(compose([str(o.input_line) for o in asked], config_dir))
    except ConfigErrors as error:
        found += error.errors
    except ConfigError as error:
        found.append(error)
    else:
        return {node: plain.get(node) for node in nodes}
    return {}


def _lay(override: Override, config: dict[str, Any]) -> Iterator[ConfigError]:
    """Set one key; choices of `stop` and `checkpoint` set those of their files."""
    text, key = str(override.input_line), override.key_or_group
    if key == "task":
        return
    if key in _MERGED and _is_choice(override):
        yield from _choose(override, config)
        return
    *above, name = key.split(".")
    node: Any = config
    for n, part in enumerate(above):
        below = node.get(part)
        if not isinstance(below, dict):
            path = ".".join(above[: n + 1])
            if part in node:
                yield phrases.no_keys_below(text, path, is_null=below is None)
            else:
                yield phrases.no_such_key(text, ".".join(above[:n]), list(node))
            return
        node = below
    value = override.value()
    if name not in node and not override.is_add():
        owner = str(config["task"]["about"]["system"]) if above == ["task"] else ""
        yield phrases.no_such_key(text, ".".join(above), list(node), owner)
    elif isinstance(value, dict) and isinstance(node.get(name), dict):
        node[name] = {**node[name], **value}
    else:
        node[name] = value


def _choose(override: Override, config: dict[str, Any]) -> Iterator[ConfigError]:
    group, value = override.key_or_group, override.value()
    known = menu.choices(group)
    for name in value if isinstance(value, list) else [value]:
        if name in known:
            config[group].update(menu.read_choice(group, str(name)))
        else:
            yield phrases.no_such_choice(group, group, name, known)
