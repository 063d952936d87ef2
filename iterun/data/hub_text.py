"""Rows of a data set on the hub, through `datasets`, which is an extra."""

from __future__ import annotations

import re
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from iterun.data import hub
from iterun.data.cache import cache_root
from iterun.errors import ConfigError, IterunError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OFFLINE = "data=pydoc, data=text data.path=FILE"


def rows(
    name: str,
    id: str,
    config: str | None = None,
    *,
    split: str,
    revision: str | None,
    data_files: Mapping[str, str] | None = None,
    offline: str = OFFLINE,
) -> Any:
    """A `datasets.Dataset`; fetched on first use, afterwards read from the library's cache.

    Args:
        name: as typed after `data=`.
        id: the repository.
        config: the part of it, where it has several.
        split: "train", "validation", "test".
        revision: branch or commit; None: main.
        data_files: the files of a split, where the repository doesn't say.
        offline: what works without network, to be typed.

    Raises:
        UnavailableError: `datasets` is not installed, or the data cannot be fetched.
        ConfigError: the data set is one that would run code.
    """
    if find_spec("datasets") is None:
        raise UnavailableError(
            f"data={name} needs the package datasets",
            hint=f'pip install "iterun[hub]"; without it these work: {offline}',
        )
    import datasets

    refusal = _refusal(name, id, revision, offline)
    if refusal is not None and not isinstance(refusal, UnavailableError):
        raise refusal
    try:
        with nullcontext() if refusal is None else _offline():
            return datasets.load_dataset(
                id,
                config,
                split=split,
                revision=revision,
                data_files=None if data_files is None else dict(data_files),
                cache_dir=_place(id, revision),
            )
    except hub.fetch_errors() as error:
        page = f"datasets/{id}"
        raise (refusal or hub.explain(error, f"data={name}", id, offline, page)) from error
    except (ValueError, RuntimeError) as error:
        raise _unusable(name, id, error, offline) from error


def _refusal(name: str, id: str, revision: str | None, offline: str) -> IterunError | None:
    """Ask the hub once: `datasets` itself tries for 25 s where there is no network."""
    from huggingface_hub import HfApi

    try:
        HfApi(endpoint=hub.endpoint()).dataset_info(id, revision=revision)
    except hub.fetch_errors() as error:
        return hub.explain(error, f"data={name}", id, offline, page=f"datasets/{id}")
    return None


@contextmanager
def _offline() -> Iterator[None]:
    """Only what `datasets` has in its cache."""
    from datasets import config

    before, config.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before


def _place(id: str, revision: str | None) -> str | None:
    """The cache: a revision's own, since offline `datasets` takes the newest copy of any."""
    if revision is None:
        return None
    return str(cache_root() / "datasets" / re.sub(r"[^\w.-]+", "--", f"{id}@{revision}"))


def _unusable(name: str, id: str, error: Exception, offline: str) -> ConfigError:
    first = hub.first_line(error)
    if "script" in first.lower():
        return ConfigError(
            f"data={name}: {id} is a data set made by a script, which is never run",
            hint="take the hub's own conversion: data.revision=refs/convert/parquet",
        )
    return ConfigError(f"data={name}: {id} cannot be read: {first}", hint=f"or use {offline}")
