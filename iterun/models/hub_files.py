"""A repository's files from the hub into the hub library's own cache; chosen ones only.

Whoever asks first what the repository holds, and chooses, calls these: `fetch` for language models,
`pipeline_files` and `unet` for diffusion models.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.data import hub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Choose = Callable[[Sequence[str]], Sequence[str]]  # names of files -> those to fetch

log = logging.getLogger(__name__)


def fetched(
    setting: str,
    id: str,
    up_to_date: Callable[[], Path],
    before: Iterable[Path],
    offline: str,
) -> Path:
    """The local folder of a repository; what was fetched before serves without network.

    Args:
        setting: as typed, "model=opt-2.7b".
        id: OWNER/NAME.
        up_to_date: asks the hub.
        before: whole folders in the cache, the best first; looked for only where it is needed.
        offline: what works without network, to be typed.

    Raises:
        UnavailableError: no such repository, no permission, no network.
        ConfigError: no such revision.
    """
    try:
        return up_to_date()
    except hub.fetch_errors() as error:
        status = getattr(getattr(error, "response", None), "status_code", None) or 500
        if status >= 500 and (folder := next(iter(before), None)):
            log.info("%s: the hub is not reached, taking %s", setting, folder)
            return folder
        raise hub.explain(error, setting, id, offline) from error


def chosen(id: str, revision: str | None, choose: Choose) -> Path:
    """The folder of what is chosen of a repository's files, as they are on the hub now."""
    from huggingface_hub import HfApi

    info = HfApi(endpoint=hub.endpoint()).model_info(id, revision=revision)
    return snapshot(id, revision, info, choose(names_of(info)))


def names_of(info: Any) -> list[str]:
    """The files of a repository that the hub told of."""
    return [file.rfilename for file in info.siblings or ()]


def snapshot(id: str, revision: str | None, info: Any, files: Sequence[str]) -> Path:
    """The folder of these files of the commit that the hub told of; fetched if need be."""
    from huggingface_hub import snapshot_download

    folder = _place(id) / "snapshots" / str(info.sha)
    if files and all((folder / name).is_file() for name in files):
        return folder
    got = snapshot_download(
        id,
        revision=revision,
        allow_patterns=list(files),
        cache_dir=hub.cache_folder(),
        endpoint=hub.endpoint(),
    )
    return Path(got)


def fetched_before(id: str, revision: str | None) -> Iterator[Path]:
    """Snapshots in the cache: of that branch or commit; of any if none was asked for."""
    place = _place(id)
    ref = place / "refs" / (revision or "main")
    commit = ref.read_text(encoding="utf-8").strip() if ref.is_file() else revision
    folders = [place / "snapshots" / commit] if commit else []
    if revision is None:
        folders += sorted(place.glob("snapshots/*"))
    yield from (folder for folder in folders if folder.is_dir())


def _place(id: str) -> Path:
    return hub.cache_folder() / ("models--" + id.replace("/", "--"))
