"""A model's files from the hub into the hub library's own cache, safetensors only."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.data import hub
from iterun.models.snapshot import (
    INDEX,
    SMALL,
    WEIGHTS,
    missing_weights,
    no_safetensors,
    offline_hint,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    try:
        return _up_to_date(setting, id, revision)
    except hub.fetch_errors() as error:
        status = getattr(getattr(error, "response", None), "status_code", None) or 500
        if status >= 500 and (folder := next(_fetched_before(id, revision), None)):
            log.info("%s: the hub is not reached, taking %s", setting, folder)
            return folder
        raise hub.explain(error, setting, id, offline_hint()) from error


def _up_to_date(setting: str, id: str, revision: str | None) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    api = HfApi(endpoint=hub.endpoint())
    info = api.model_info(id, revision=revision)
    if revision is None and not _has_safetensors(info) and (offer := _conversion(api, id)):
        log.info("%s: safetensors from %s, the hub's own conversion", setting, offer)
        revision, info = offer, api.model_info(id, revision=offer)
    names = [file.rfilename for file in info.siblings or ()]
    if not _has_safetensors(info):
        raise no_safetensors(f"{setting}: {id}", names)
    files = wanted(names)
    folder = _place(id) / "snapshots" / str(info.sha)
    if all((folder / name).is_file() for name in files):
        return folder
    got = snapshot_download(
        id,
        revision=revision,
        allow_patterns=files,
        cache_dir=hub.cache_folder(),
        endpoint=hub.endpoint(),
    )
    return Path(got)


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


def _place(id: str) -> Path:
    return hub.cache_folder() / ("models--" + id.replace("/", "--"))


def _fetched_before(id: str, revision: str | None) -> Iterator[Path]:
    """Whole snapshots in the cache: of that branch or commit; of any if none was asked for."""
    place = _place(id)
    ref = place / "refs" / (revision or "main")
    commit = ref.read_text(encoding="utf-8").strip() if ref.is_file() else revision
    folders = [place / "snapshots" / commit] if commit else []
    if revision is None:
        folders += sorted(place.glob("snapshots/*"))
    for folder in folders:
        if (folder / "config.json").is_file() and not list(missing_weights(folder)):
            yield folder
