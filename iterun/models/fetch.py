"""A model's files from the hub into the hub library's own cache, safetensors only."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from iterun.data import hub
from iterun.models import hub_files
from iterun.models.snapshot import (
    INDEX,
    SMALL,
    WEIGHTS,
    missing_weights,
    no_safetensors,
    offline_hint,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

CONVERTER = "SFconvertbot"  # the hub's own; it offers safetensors as pull requests


def fetched(setting: str, id: str, revision: str | None) -> Path:
    """The local folder of a repository; what was fetched before serves without network.

    Args:
        setting: as typed, "model=opt-2.7b".
        id: "OWNER/NAME".
        revision: branch, commit or "refs/pr/N"; None: main, or where that has only pickled weights
            (as facebook/opt-*), the conversion that the hub's own robot offers.

    Raises:
        ConfigError: no such revision, or no safetensors in it.
        UnavailableError: no such repository, no permission, no network.
    """
    return hub_files.fetched(
        setting,
        id,
        partial(_up_to_date, setting, id, revision),
        filter(_is_whole, hub_files.fetched_before(id, revision)),
        offline_hint(),
    )


def _up_to_date(setting: str, id: str, revision: str | None) -> Path:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.endpoint())
    info = api.model_info(id, revision=revision)
    if revision is None and not _has_safetensors(info) and (offer := _conversion(api, id)):
        log.info("%s: safetensors from %s, the hub's own conversion", setting, offer)
        revision, info = offer, api.model_info(id, revision=offer)
    names = hub_files.names_of(info)
    if not _has_safetensors(info):
        raise no_safetensors(f"{setting}: {id}", names)
    return hub_files.snapshot(id, revision, info, wanted(names))


def _has_safetensors(info: Any) -> bool:
    return any(file.rfilename in (WEIGHTS, INDEX) for file in info.siblings)


def _conversion(api: Any, id: str) -> str | None:
    """The revision with the safetensors that the hub's own converter made, if it did."""
    for offer in api.get_repo_discussions(id, author=CONVERTER):
        # The server is asked for this author only; it is not taken at its word.
        if offer.author == CONVERTER and offer.is_pull_request and offer.status != "closed":
            return str(offer.git_reference)
    return None


def wanted(names: Sequence[str]) -> list[str]:
    """Of a repository's files those that transformers reads: no second copy of the weights."""
    sharded = INDEX in names
    return [
        name
        for name in names
        if "/" not in name
        and (
            name.endswith(SMALL)
            or name == WEIGHTS
            or (sharded and name.startswith("model-") and name.endswith(".safetensors"))
        )
        and not (sharded and name == WEIGHTS)
    ]


def _is_whole(folder: Path) -> bool:
    return (folder / "config.json").is_file() and not list(missing_weights(folder))
