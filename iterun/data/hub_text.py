"""Rows of a data set on the hub, through `datasets`, which is an extra."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from iterun.data import hub
from iterun.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

OFFLINE = "data=pydoc, data=text data.path=FILE"


def rows(
    name: str,
    id: str,
    config: str | None = None,
    *,
    split: str,
    revision: str | None,
    data_files: Mapping[str, str] | None = None,
) -> Any:
    """A `datasets.Dataset`; fetched on first use, afterwards read from the hub library's cache.

    Raises:
        UnavailableError: `datasets` is not installed, or the data cannot be fetched.
        ConfigError: the data set is one that would run code.
    """
    if find_spec("datasets") is None:
        raise UnavailableError(
            f"data={name} needs the package datasets",
            hint=f'pip install "iterun[hub]"; without it these work: {OFFLINE}',
        )
    import datasets

    try:
        return datasets.load_dataset(
            id,
            config,
            split=split,
            revision=revision,
            data_files=None if data_files is None else dict(data_files),
        )
    except hub.fetch_errors() as error:
        raise hub.explain(error, f"data={name}", id, OFFLINE) from error
    except (ValueError, RuntimeError) as error:
        raise _unusable(name, id, error) from error


def _unusable(name: str, id: str, error: Exception) -> ConfigError:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if "script" in first.lower():
        return ConfigError(
            f"data={name}: {id} is a data set made by a script, which is never run",
            hint="take the hub's own conversion: data.revision=refs/convert/parquet",
        )
    return ConfigError(f"data={name}: {id} cannot be read: {first}", hint=f"or use {OFFLINE}")
