"""Where a diffusion pipeline's files are: in a folder that diffusers saved, or on the hub.

Safetensors only, and of a repository only what the pipeline reads: one set of weights, in half
precision where it is to compute in that. No torch here.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.data.cache import file_digest
from iterun.errors import ConfigError
from iterun.models import hub_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OFFLINE = "model=digits-diffusion"
INDEX = "model_index.json"
LORA = "pytorch_lora_weights.safetensors"
WITH_WEIGHTS = ("unet", "vae", "text_encoder", "text_encoder_2")
WITHOUT = ("scheduler", "tokenizer", "tokenizer_2")
HALF = ".fp16."


def folder_of(settings: Mapping[str, Any], *, half: bool) -> Path:
    """The folder that a `model=` choice means; fetched first where need be.

    Args:
        settings: of `conf/model/*.yaml`: `name`, and `folder` or `id` (and `revision`).
        half: weights in half precision are preferred.

    Raises:
        ConfigError: there is no such pipeline, or it is not whole.
        UnavailableError: it cannot be had without network or permission.
    """
    setting = f"model={settings.get('name')}"
    if folder := settings.get("folder"):
        return whole(Path(folder).expanduser(), setting)
    if id := settings.get("id"):
        choose = partial(wanted, half=half)
        found = _fetched(setting, str(id), settings.get("revision"), choose, INDEX)
        return whole(found, setting)
    raise ConfigError(
        f"{setting} does not say which pipeline: model.id is empty",
        hint="name one on the hub: model=diffusers model.id=stabilityai/sdxl-turbo",
    )


def fingerprint(settings: Mapping[str, Any]) -> str:
    """What tells this pipeline from another: SHA-256 of its files, or hub id and revision."""
    if not settings.get("folder"):
        return f"hub:{settings.get('id')}@{settings.get('revision') or 'main'}"
    folder = whole(Path(settings["folder"]).expanduser(), f"model={settings.get('name')}")
    sha = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".json", ".txt", ".safetensors"):
            sha.update(f"{path.relative_to(folder).as_posix()}\0{file_digest(path)}\n".encode())
    return "files:" + sha.hexdigest()


def lora_file(source: str, setting: str) -> Path:
    """The safetensors file of a ready adapter: file:PATH, or OWNER/NAME on the hub.

    Raises:
        ConfigError: there is none.
    """
    is_here = source.startswith("file:")
    path = Path(source.removeprefix("file:")).expanduser()
    if is_here and path.is_file() and path.suffix == ".safetensors":
        return path
    if is_here or source.count("/") != 1:
        raise ConfigError(
            f"{setting}: there is no safetensors file {path}",
            hint="name an adapter's file, as in task.lora=file:adapter.safetensors",
        )
    return (
        _fetched(setting, source, None, lambda names: [n for n in names if n == LORA], LORA) / LORA
    )


def whole(folder: Path, setting: str) -> Path:
    """`folder`, if it is a pipeline with all its weights."""
    if not (folder / INDEX).is_file():
        raise ConfigError(
            f"{setting}: {folder} is no diffusion pipeline: it has no {INDEX}",
            hint=f"save one with save_pretrained, or use {OFFLINE}",
        )
    try:
        parts = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"{setting}: {folder / INDEX} cannot be read: {error}",
            hint=f"fetch or save it anew, or use {OFFLINE}",
        ) from error
    for part in WITH_WEIGHTS:
        if parts.get(part, [None])[0] and not list((folder / part).glob("*.safetensors")):
            raise ConfigError(
                f"{setting}: {folder} has no safetensors of its {part}",
                hint="save it anew with save_pretrained; pickled weights are never opened",
            )
    return folder


def variant(names: Iterable[str], *, half: bool) -> str | None:
    """The set of weights to take: "fp16" where there is a whole one and `half`, or no other."""
    weights = [n for n in names if n.endswith(".safetensors") and n.startswith(WITH_WEIGHTS)]
    parts = {n.partition("/")[0] for n in weights}
    in_half = {n.partition("/")[0] for n in weights if HALF in n}
    usual = {n.partition("/")[0] for n in weights if HALF not in n and "non_ema" not in n}
    return "fp16" if parts and in_half == parts and (half or usual != parts) else None


def wanted(names: Sequence[str], *, half: bool) -> list[str]:
    """Of a repository's files those that a pipeline reads."""
    chosen = variant(names, half=half)
    found = [INDEX]
    for name in names:
        part, _, rest = name.partition("/")
        if "/" in rest or part not in (*WITH_WEIGHTS, *WITHOUT):
            continue
        if name.endswith(".safetensors"):
            if "non_ema" not in name and (HALF in name) == (chosen is not None):
                found.append(name)
        elif rest.endswith((".json", ".txt")):
            found.append(name)
    return found


def _fetched(
    setting: str, id: str, revision: str | None, choose: hub_files.Choose, key: str
) -> Path:
    """The local folder of a repository's chosen files; what was fetched before serves offline.

    Args:
        setting: as typed.
        id: OWNER/NAME.
        revision: branch, commit; None: main.
        choose: those to fetch.
        key: a file without which a folder fetched before is none.
    """
    before = (f for f in hub_files.fetched_before(id, revision) if (f / key).is_file())
    up_to_date = partial(hub_files.chosen, id, revision, choose)
    return hub_files.fetched(setting, id, up_to_date, before, OFFLINE)
