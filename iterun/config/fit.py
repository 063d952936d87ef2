"""Settings against annotations: is the value what the field says, and in its type.

YAML has no tuple and writes a whole float as an integer, so an integer fits a float field, a list a
tuple field, and 1e3 an integer field; nothing else is turned into something else.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, Unpack, get_args, get_origin, get_type_hints

from iterun.errors import ConfigError, nearest, raise_all, shown

_WORDS = {
    int: "a whole number", float: "a number", bool: "true or false", str: "a word", list: "a list",
    tuple: "a list", dict: "a mapping", type(None): "null", Path: "a path",
}  # fmt: skip
#: names of annotations that modules often import for type checkers only
_CHECKED = {"Mapping": Mapping, "Path": Path, "Sequence": Sequence}


class MisfitError(Exception):
    """The value does not fit the annotation."""


def fit_all(cls: type, params: Mapping[str, Any], *, key: str = "task") -> dict[str, Any]:
    """The parameters in their fields' types.

    Raises:
        ConfigError: every fault, together.
    """
    raise_all(check_types(cls, params, key=key))
    known = _annotations(cls)
    return {name: fit(value, known[name]) for name, value in params.items()}


def check_types(
    cls: type,
    params: Mapping[str, Any],
    *,
    key: str = "task",
    examples: Mapping[str, Any] | None = None,
) -> list[ConfigError]:
    """Every fault of the parameters of a dataclass: unknown, missing, of another type.

    Args:
        cls: the dataclass.
        params: by name.
        key: the node they stand in, as typed before the dot.
        examples: values that work, by name; hints show them.
    """
    return list(_faults(cls, params, key, examples or {}))


def check_settings(
    builder: Callable[..., Any], settings: Mapping[str, Any], *, key: str
) -> Iterator[ConfigError]:
    """The faults of a builder's settings whose value is of another type than it takes.

    Args:
        builder: of a model, data or another node.
        settings: by name; those that it does not name are passed over.
        key: the node they stand in, as typed before the dot.
    """
    known, _ = taken(builder)
    for name, value in settings.items():
        if name in known and not _fits(value, known[name]):
            yield _misfit(key, name, value, known[name])


def taken(builder: Callable[..., Any]) -> tuple[dict[str, Any], bool]:
    """The types of a builder's parameters by name, and whether it takes others beside them."""
    known: dict[str, Any] = {}
    is_open = False
    for name, it in inspect.signature(builder).parameters.items():
        annotation = Any if it.annotation is it.empty else _evaluated(builder, it.annotation)
        if it.kind is not it.VAR_KEYWORD:
            known[name] = annotation
        elif get_origin(annotation) is Unpack:
            known |= get_type_hints(get_args(annotation)[0])
        else:
            is_open = True
    return known, is_open


def misfits(cls: type, params: Mapping[str, Any]) -> set[str]:
    """The names of the parameters whose value has another type."""
    return {name for name, value in params.items() if name in _annotations(cls) and not _fits(
        value, _annotations(cls)[name]
    )}  # fmt: skip


def fit(value: Any, annotation: Any) -> Any:
    """The value in the annotation's type.

    Raises:
        MisfitError: it is of another one.
    """
    origin = get_origin(annotation) or annotation
    arguments = get_args(annotation)
    if origin in (Union, types.UnionType):
        return _fit_any(value, arguments)
    if origin is Literal:
        if any(value == one and type(value) is type(one) for one in arguments):
            return value
        raise MisfitError
    if origin in (list, tuple, Sequence) or origin in (dict, Mapping):
        return _fit_container(value, origin, arguments)
    if origin in (Any, object):
        return value
    return _fit_scalar(value, origin)


def _faults(
    cls: type, params: Mapping[str, Any], key: str, examples: Mapping[str, Any]
) -> Iterator[ConfigError]:
    known = _annotations(cls)
    for name, value in params.items():
        if name not in known:
            near = nearest(name, known)
            yield ConfigError(
                f"{key}.{name}: {cls.__name__} has no such parameter",
                hint="did you mean " + ", ".join(f"{key}.{other}" for other in near) + "?"
                if near
                else f"there are {', '.join(known)}",
            )
        elif not _fits(value, known[name]):
            example = f"{key}.{name}={shown(examples[name])}" if name in examples else ""
            yield _misfit(key, name, value, known[name], example)
    for name in sorted(_required(cls) - set(params)):
        yield ConfigError(f"{key}.{name} is missing", hint=f"give it {_words(known[name])}")


def _misfit(key: str, name: str, value: Any, annotation: Any, example: str = "") -> ConfigError:
    words = _words(annotation)
    return ConfigError(
        f"{key}.{name}={shown(value)} is not {words}",
        hint=f"as in {example}" if example else f"{key}.{name} takes {words}",
    )


def _fits(value: Any, annotation: Any) -> bool:
    try:
        fit(value, annotation)
    except MisfitError:
        return False
    return True


def _fit_any(value: Any, options: Sequence[Any]) -> Any:
    # The exact type first: of `int | float`, 1.0 is the float.
    for option in sorted(options, key=lambda option: type(value) is not option):
        try:
            return fit(value, option)
        except MisfitError:
            continue
    raise MisfitError


def _fit_container(value: Any, origin: Any, arguments: Sequence[Any]) -> Any:
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise MisfitError
        if not arguments:
            return value
        return {fit(name, arguments[0]): fit(item, arguments[1]) for name, item in value.items()}
    if not isinstance(value, list | tuple):
        raise MisfitError
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(arguments) != len(value):
            raise MisfitError
        return tuple(fit(item, kind) for item, kind in zip(value, arguments, strict=True))
    items = [fit(item, arguments[0]) for item in value] if arguments else list(value)
    return tuple(items) if origin is tuple else items


def _fit_scalar(value: Any, kind: Any) -> Any:
    if kind in (None, type(None)):
        if value is None:
            return value
    elif kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif kind is int:
        whole = isinstance(value, float) and value.is_integer()
        if whole or (isinstance(value, int) and not isinstance(value, bool)):
            return int(value)
    elif kind is Path:
        if isinstance(value, str):
            return Path(value)
    elif not isinstance(kind, type) or isinstance(value, kind):
        return value  # what is no type we know is the class's own affair
    raise MisfitError


def _words(annotation: Any) -> str:
    """What the annotation asks for, in words."""
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_words(option) for option in arguments))
    if origin is Literal:
        return "one of " + ", ".join(shown(option) for option in arguments)
    word = _WORDS.get(origin, getattr(origin, "__name__", str(origin)))
    if origin in (list, tuple, Sequence) and arguments and arguments[0] is not Ellipsis:
        inner = dict.fromkeys(_words(item) for item in arguments if item is not Ellipsis)
        return "a list, each item " + " or ".join(inner)
    return word


def _required(cls: type) -> set[str]:
    return {item.name for item in _fields(cls) if _has_no_default(item)}


def _has_no_default(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _fields(cls: type) -> list[Field[Any]]:
    return [item for item in fields(cls) if item.init]


@cache
def _annotations(cls: type) -> dict[str, Any]:
    """The types of the fields; Any for one that names what only type checkers import."""
    try:
        hints = get_type_hints(cls)
    except NameError:
        hints = {item.name: _evaluated(cls, item.type) for item in _fields(cls)}
    return {item.name: hints.get(item.name, Any) for item in _fields(cls)}


def _evaluated(owner: Any, annotation: Any) -> Any:
    """An annotation of a class or function; Any if it names what only type checkers import."""

    class Alone:
        __annotations__ = {"it": annotation}
        __module__ = owner.__module__

    try:
        return get_type_hints(Alone, localns=_CHECKED)["it"]
    except NameError:
        return Any
