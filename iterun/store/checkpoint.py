"""Checkpoints: a procedure's state on the disk, whole or not at all, without pickle.

    checkpoints/0007/state.json           structure and small values, names of tensors and blobs
    checkpoints/0007/state.safetensors    tensors below 1 MiB
    checkpoints/blobs/<sha256>.safetensors  one tensor of 1 MiB and more, shared by all checkpoints

Everything is written to a hidden folder, brought onto the disk, and renamed. `state.json` holds the
hash of the tensor file, so that a torn or foreign one is noticed.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import stat
from typing import TYPE_CHECKING, Any

from iterun.errors import StoreError
from iterun.store import disk, paths
from iterun.store.schema import decode, encode
from iterun.types import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import torch

    from iterun.store.tensors import Stored

FORMAT = 1
BLOB = 1 << 20  #: bytes from which a tensor is stored by its content
LARGEST_JSON = 256 << 20  #: bytes; numbers belong in tensors


def save(run_dir: Path, i: int, state: Mapping[str, Any]) -> None:
    """Write the checkpoint of iteration i; an older one of the same iteration is replaced.

    Raises:
        TypeError: the state holds what a checkpoint can't.
        DiskError: no room, or not allowed to write.
    """
    from iterun.store import tensors
    from iterun.store.state import Packer

    packer = Packer()
    tree = packer.pack(dict(state))
    folder = run_dir / paths.CHECKPOINTS
    target = folder / paths.iteration_folder(i)
    part = disk.part_of(target)
    with disk.disk_errors(target):
        disk.make_folder(run_dir, folder / paths.BLOBS)
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            small, blobs = _split(packer.tensors, folder / paths.BLOBS)
            digest = tensors.write(part / paths.STATE_TENSORS, small)
            document = {
                "format": FORMAT, "i": i, "tensors": digest, "blobs": blobs,
                "refs": [[ref.path, ref.sha256] for ref in packer.refs.values()], "state": tree,
            }  # fmt: skip
            disk.write_beside(part / paths.STATE_JSON, encode(document), durable=True)
            disk.replace_folder(part, target)
            disk.sync_folder(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def load(run_dir: Path, i: int, *, device: str | None = None) -> dict[str, Any]:
    """The state that `save` was given; tensors are new ones.

    Args:
        run_dir: the run directory.
        i: the iteration.
        device: where tensors go that weren't on the CPU; None: to where they were, if it is there.

    Raises:
        StoreError: there is no such checkpoint, or it can't be read.
    """
    from iterun.store.state import Unpacker

    document = _document(run_dir, i)
    folder = run_dir / paths.CHECKPOINTS / paths.iteration_folder(i)
    with _readable(folder, i):
        tensors = _read(folder / paths.STATE_TENSORS, str(document["tensors"]), run_dir)
        for key, sha in document["blobs"].items():
            tensors[key] = _read(_blob(run_dir, sha), sha, run_dir)["tensor"]
        state = Unpacker(tensors, device=device).unpack(document["state"])
        if not isinstance(state, dict):
            raise ValueError("it holds no state")
        return state


def available(run_dir: Path) -> list[int]:
    """The iterations that have a checkpoint, ascending; those behind a link don't count.

    Raises:
        StoreError: the folder may not be read.
    """
    if os.path.islink(run_dir / paths.CHECKPOINTS):
        return []
    try:
        with os.scandir(run_dir / paths.CHECKPOINTS) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise StoreError(
            f"{run_dir / paths.CHECKPOINTS} can't be read: {error.strerror}",
            hint="ask for the right to read it",
        ) from error
    numbers = (paths.iteration_number(name) for name in names)
    return sorted(i for i in numbers if i is not None)


def delete(run_dir: Path, i: int) -> None:
    """Remove one checkpoint; its blobs stay until `collect`."""
    folder = run_dir / paths.CHECKPOINTS / paths.iteration_folder(i)
    gone = disk.part_of(folder)
    with disk.disk_errors(folder), contextlib.suppress(FileNotFoundError):
        os.replace(folder, gone)  # at once, so that no half of it is ever seen
        shutil.rmtree(gone)


def set_aside(run_dir: Path, i: int, attempt: int) -> None:
    """Move a checkpoint that can't be read where it is none any more, but not lost."""
    folder = run_dir / paths.CHECKPOINTS / paths.iteration_folder(i)
    target = folder.parent / paths.dropped_folder(attempt) / folder.name
    with disk.disk_errors(folder):
        disk.make_folder(run_dir, target.parent)
        os.replace(folder, target)


def collect(run_dir: Path) -> int:
    """Remove blobs, and artifacts put aside, that no checkpoint refers to; the bytes set free.

    Raises:
        StoreError: a checkpoint can't be read: nobody knows what it needs, so nothing is removed.
    """
    used = set[str]().union(*(contents(run_dir, i) for i in available(run_dir)))
    freed = 0
    for path in stored(run_dir):
        if path.name.removesuffix(".safetensors") not in used:
            freed += path.lstat().st_size
            with disk.disk_errors(path):
                path.unlink()
    return freed


def stored(run_dir: Path) -> Iterator[Path]:
    """What lies there by its content: blobs, and artifacts put aside; nothing behind a link."""
    for folder in (
        run_dir / paths.CHECKPOINTS / paths.BLOBS,
        run_dir / paths.ARTIFACTS / paths.KEPT,
    ):
        linked = folder.is_symlink() or folder.parent.is_symlink()
        yield from sorted(folder.glob("*")) if folder.is_dir() and not linked else ()


def contents(run_dir: Path, i: int) -> set[str]:
    """The hashes of blobs and artifacts that checkpoint i refers to.

    Raises:
        StoreError: there is no such checkpoint, or it can't be read.
    """
    return blobs(run_dir, i) | {ref.sha256 for ref in references(run_dir, i)}


def references(run_dir: Path, i: int) -> list[Ref]:
    """The Refs in checkpoint i.

    Raises:
        StoreError: there is no such checkpoint, or it can't be read.
    """
    document = _document(run_dir, i)
    with _readable(run_dir / paths.CHECKPOINTS / paths.iteration_folder(i), i):
        return [Ref(str(path), str(sha)) for path, sha in document["refs"]]


def blobs(run_dir: Path, i: int) -> set[str]:
    """The contents of the large tensors of checkpoint i.

    Raises:
        StoreError: there is no such checkpoint, or it can't be read.
    """
    return set(map(str, _document(run_dir, i)["blobs"].values()))


def check(run_dir: Path, i: int, *, deep: bool) -> None:
    """Whether all of checkpoint i is there; `deep`: and is what was written. No tensor is loaded.

    Raises:
        StoreError: it is not.
    """
    content = _document(run_dir, i)
    folder = run_dir / paths.CHECKPOINTS
    with _readable(folder / paths.iteration_folder(i), i):
        files = {folder / paths.iteration_folder(i) / paths.STATE_TENSORS: str(content["tensors"])}
        for sha in content["blobs"].values():
            files[_blob(run_dir, sha)] = sha
        for path, sha in files.items():
            _check_file(path, run_dir)
            if deep and disk.file_hash(path) != sha:
                raise ValueError(f"{path.name} is torn or was changed: its SHA-256 is another")


def _blob(run_dir: Path, sha: str) -> Path:
    if not (len(sha) == 64 and sha.isalnum()):
        raise ValueError(f"{sha!r} is no hash")
    return run_dir / paths.CHECKPOINTS / paths.BLOBS / f"{sha}.safetensors"


def entry(run_dir: Path, i: int, name: str) -> Any:
    """A plain value out of checkpoint i, no tensor read; None: it has none of that name.

    Raises:
        StoreError: there is no such checkpoint, or it can't be read.
    """
    state = _document(run_dir, i).get("state")
    return state.get(name) if isinstance(state, dict) else None


def _split(
    found: Mapping[str, torch.Tensor], blobs: Path
) -> tuple[dict[str, Stored], dict[str, str]]:
    """Small tensors by key; of large ones, which are written here, the content's hash by key."""
    from iterun.store import tensors

    small: dict[str, Stored] = {}
    large: dict[str, str] = {}
    for key, tensor in found.items():
        if tensor.nbytes < BLOB:
            small[key] = tensors.stored(tensor)
            continue
        content = {"tensor": tensors.stored(tensor)}
        large[key] = tensors.digest(content)
        path = blobs / f"{large[key]}.safetensors"
        if not path.is_file():
            part = disk.part_of(path)
            try:
                tensors.write(part, content)
                os.replace(part, path)
            finally:
                part.unlink(missing_ok=True)
    if large:
        disk.sync_folder(blobs)
    return small, large


def _document(run_dir: Path, i: int) -> dict[str, Any]:
    """state.json of one checkpoint."""
    folder = run_dir / paths.CHECKPOINTS / paths.iteration_folder(i)
    if not folder.is_dir():
        there = ", ".join(map(str, available(run_dir))) or "none"
        raise StoreError(
            f"{run_dir} has no checkpoint of iteration {i}", hint=f"those it has: {there}"
        )
    path = folder / paths.STATE_JSON
    with _readable(folder, i):
        _check_file(path, run_dir)
        if path.stat().st_size > LARGEST_JSON:
            raise ValueError(f"{path.name} is larger than {LARGEST_JSON >> 20} MiB")
        document = decode(path.read_bytes())
        if not isinstance(document, dict) or not isinstance(document.get("blobs"), dict):
            raise ValueError(f"{path.name} was not written by iterun")
        if document["format"] != FORMAT:
            raise ValueError(f"its format {document['format']!r} is newer than ours, {FORMAT}")
        return document


def _read(path: Path, sha256: str, run_dir: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file whose content is known."""
    from safetensors.torch import load_file

    _check_file(path, run_dir)
    if disk.file_hash(path) != sha256:
        raise ValueError(f"{path.name} is torn or was changed: its SHA-256 is another")
    return load_file(path)


def _check_file(path: Path, run_dir: Path) -> None:
    """Only a regular file, reached without a link, is read."""
    folder = path.parent
    while folder != run_dir:
        if folder.is_symlink():
            raise ValueError(f"{folder.name} is a link")
        folder = folder.parent
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError(f"{path.name} is not a regular file")


@contextlib.contextmanager
def _readable(folder: Path, i: int) -> Iterator[None]:
    """Turn whatever reading a foreign or torn checkpoint raises into a StoreError."""
    from safetensors import SafetensorError

    try:
        yield
    except (
        OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError,
        SafetensorError,
    ) as error:  # fmt: skip
        earlier = [k for k in available(folder.parents[1]) if k < i]
        name = shlex.quote(folder.parents[1].name)
        hint = f"go on from an earlier one by `iterun resume {name}@{max(earlier, default=0)}`"
        raise StoreError(
            f"{folder} can't be read: {error}",
            hint=f"{hint if earlier else 'start the run anew'}, or put it back from a copy",
        ) from error
