"""From a `_target_` string to the class or builder it names: the one edge from settings into code.

A config may come from anywhere, so what it may name is narrow: a task is a subclass of what the
caller asks for; everything else is a builder of ours, or of a package that says by an entry point
of the group `iterun` that it offers some.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from iterun.config.fit import fit_all
from iterun.errors import ConfigError, UnavailableError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

#: packages whose functions may be named by model, data and the like
BUILDERS = ("iterun.models", "iterun.data", "iterun.judges", "iterun.ops")
TRACKERS = ("iterun.trackers",)  #: likewise by logger
ENTRY_POINTS = "iterun"


def locate_target(target: object, key: str) -> Any:
    """What the dotted name stands for, imported.

    Args:
        target: "package.module.Name".
        key: where it stands: "task", "model", "data".

    Raises:
        ConfigError: it is no such name, or its module can't be imported.
        UnavailableError: its module needs a package that isn't installed.
    """
    said = f"{key}._target_={target}"
    if not isinstance(target, str) or not all(p.isidentifier() for p in target.split(".")):
        raise ConfigError(f"{said} is not the dotted name of a class", hint=_HINT.format(key=key))
    module, _, name = target.rpartition(".")
    if not module:
        raise ConfigError(f"{said} names no module", hint=_HINT.format(key=key))
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        raise _not_importable(said, module, error) from error
    if not hasattr(found, name):
        near = nearest(name, [known for known in vars(found) if not known.startswith("_")])
        raise ConfigError(
            f"{said}: {module} has no {name}",
            hint=f"did you mean {module}.{near[0]}?" if near else f"look into {found.__file__}",
        )
    return getattr(found, name)


def locate_class(
    target: object, key: str, base: type[T], within: Sequence[str] | None = None
) -> type[T]:
    """The class named, which must derive from `base`.

    Args:
        target: "package.module.Name".
        key: where it stands.
        base: what it derives from.
        within: our packages that it may be in, if not in one with an entry point; None: anywhere.

    Raises:
        ConfigError: as `locate_target`, or it does not derive from it, or may not be named.
    """
    if within is not None:
        _refuse_other(target, key, within)
    if str(target).partition(".")[0] in sys.stdlib_module_names:  # some act on being imported
        raise ConfigError(
            f"{key}._target_={target} is no {base.__name__}, but a part of Python",
            hint=_HINT.format(key=key),
        )
    found = locate_target(target, key)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigError(
            f"{key}._target_={target} is no {base.__name__}",
            hint=f"derive it from {base.__module__}.{base.__name__}",
        )
    return found


def locate_builder(target: object, key: str) -> Callable[..., Any]:
    """The builder named, which must be ours or of a package that offers builders.

    Raises:
        ConfigError: as `locate_target`, or the package offers none.
    """
    _refuse_other(target, key, BUILDERS)
    found = locate_target(target, key)
    # What a module of ours has merely imported is no builder: find_spec would import anything.
    if not callable(found) or not _may_build(f"{getattr(found, '__module__', None)}."):
        raise ConfigError(f"{key}._target_={target} is no builder", hint=_HINT.format(key=key))
    return found  # type: ignore[no-any-return]  # it comes out of a foreign module


def instantiate(
    target: object,
    params: Mapping[str, Any],
    base: type[T],
    key: str = "task",
    within: Sequence[str] | None = None,
) -> T:
    """The dataclass named, built from `params`; `within` as for `locate_class`.

    Raises:
        ConfigError: as `locate_class`; a parameter of another type, missing or unknown.
    """
    cls = locate_class(target, key, base, within)
    return cls(**fit_all(cls, params, key=key))


_HINT = "name it in full, as in {key}._target_=package.module.Name"


def _refuse_other(target: object, key: str, within: Sequence[str]) -> None:
    """Refuse a name in a package that neither is of ours nor offers anything to iterun."""
    if isinstance(target, str) and not _may_build(target, within):
        package = target.partition(".")[0]
        raise ConfigError(
            f"{key}._target_={target}: {package} offers no builders to iterun",
            hint=f'give the package an entry point: [project.entry-points."{ENTRY_POINTS}"]',
        )


def _may_build(target: str, within: Sequence[str] = BUILDERS) -> bool:
    if any(target.startswith(f"{package}.") for package in within):
        return True
    from importlib.metadata import entry_points

    package = target.partition(".")[0]
    return any(
        point.module.partition(".")[0] == package for point in entry_points(group=ENTRY_POINTS)
    )


def _not_importable(said: str, module: str, error: ModuleNotFoundError) -> ConfigError:
    missing = error.name or module
    if module == missing or module.startswith(f"{missing}."):
        return ConfigError(
            f"{said}: there is no module {missing}",
            hint=f"is it installed here? try: python -c 'import {module}'",
        )
    return UnavailableError(f"{said} needs the package {missing}", hint=f"pip install {missing}")
