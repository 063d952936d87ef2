"""Harms: files that are other than they seem, and ways out of the directory."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import hostile_run
from hostile_run import EVIL, HARMS, change_lines, checkpoint, harm

_FILES = ("run.json", "config.json", "status.json", "summary.json", "iterations.jsonl",
          "marks.json", "log.txt")  # fmt: skip


def replace_each(names: Iterator[str] | tuple[str, ...], make: Callable[[str, Path], None]) -> None:
    """Add a harm for each file that something else stands for."""
    for name in names:

        def one(run: Path, outside: Path, name: str = name) -> None:
            with contextlib.suppress(FileNotFoundError):
                (run / name).unlink()
            make(name, run / name)

        label = f"{make.__name__}_{name.replace('.', '_').replace('/', '_')}"
        HARMS[label.removeprefix("_")] = one


def sparse(name: str, path: Path) -> None:
    hostile_run.sparse(path)


def pipe(name: str, path: Path) -> None:
    os.mkfifo(path)


def folder(name: str, path: Path) -> None:
    path.mkdir()


def link_to_zero(name: str, path: Path) -> None:
    path.symlink_to("/dev/zero")


replace_each(_FILES, sparse)
replace_each(_FILES, pipe)
replace_each(_FILES, folder)
replace_each(("status.json", "iterations.jsonl"), link_to_zero)


@harm
def a_socket(run: Path, outside: Path) -> None:
    here = os.getcwd()
    os.chdir(run / "artifacts")  # its path may only be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("socket")
    finally:
        os.chdir(here)


@harm
def a_line_of_a_hundred_megabytes(run: Path, outside: Path) -> None:
    with open(run / "iterations.jsonl", "r+b") as file:
        file.seek(100 << 20)
        file.write(b"\n")


@harm
def a_torn_line_and_nulls(run: Path, outside: Path) -> None:
    with open(run / "iterations.jsonl", "ab") as file:
        file.write(b"\0" * 5000 + b'{"i":4,"ti')


@harm
def files_are_links(run: Path, outside: Path) -> None:
    for name in ("iterations.jsonl", "summary.json", "log.txt", "config.json", "marks.json"):
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(outside / "secret.txt")


@harm
def status_is_a_link(run: Path, outside: Path) -> None:
    (run / "status.json").replace(run / "other.json")
    (run / "status.json").symlink_to(outside / "secret.json")


@harm
def folders_are_links(run: Path, outside: Path) -> None:
    for name in ("artifacts", "checkpoints"):
        (run / name).rename(run / f"old-{name}")
        (run / name).symlink_to(outside)
    shutil.rmtree(run / ".hydra", ignore_errors=True)
    (run / ".hydra").symlink_to(outside)


@harm
def checkpoints_are_links(run: Path, outside: Path) -> None:
    (run / "checkpoints" / "0007").symlink_to(outside)
    (run / "checkpoints" / ".dropped-1").symlink_to(outside)
    (run / "artifacts" / ".dropped-1").symlink_to(outside)
    (run / "artifacts" / ".kept").symlink_to(outside)
    (run / "checkpoints" / ".part-1-x").symlink_to(outside)
    (run / ".old-artifacts").symlink_to(outside)


@harm
def artifacts_are_links(run: Path, outside: Path) -> None:
    (run / "artifacts" / "secret").symlink_to(outside / "secret.txt")
    (run / "artifacts" / "folder").symlink_to(outside)
    (run / "artifacts" / "passwd").symlink_to("/etc/passwd")


@harm
def hard_links(run: Path, outside: Path) -> None:
    """Appending to these, or cutting them, would change the file outside."""
    for name in ("iterations.jsonl", "log.txt", "artifacts/rows.jsonl"):
        (outside / Path(name).name).write_bytes((run / name).read_bytes())
        (run / name).unlink()
        os.link(outside / Path(name).name, run / name)
    os.link(outside / "secret.txt", run / "artifacts" / "hard.txt")


@harm
def loops(run: Path, outside: Path) -> None:
    (run / "artifacts" / "a").symlink_to("b")
    (run / "artifacts" / "b").symlink_to("a")
    (run / "artifacts" / "up").symlink_to("..")
    (run / "checkpoints" / "0008").symlink_to("..")


@harm
def names_lead_out(run: Path, outside: Path) -> None:
    out = os.path.relpath(outside / "secret.txt", run)
    names = [out, f"artifacts/{out}", str(outside / "secret.txt"), "artifacts/../run.json", ""]
    change_lines(run, files=names)
    (run / "artifacts" / ".appended.json").write_text(json.dumps([f"../{out}", "../run.json"]))


@harm
def refs_lead_out(run: Path, outside: Path) -> None:

    digest = hashlib.sha256((outside / "secret.txt").read_bytes()).hexdigest()
    out = os.path.relpath(outside / "secret.txt", run)
    refs = [[out, digest], [f"artifacts/{out}", digest], [str(outside / "secret.txt"), digest],
            ["artifacts/mask.bin", "../../secret"], [1, 2], ["artifacts/\0", digest]]  # fmt: skip
    checkpoint(run, 4, refs=refs, blobs={"0": "../../../secret.txt", "1": digest})


@harm
def a_place_in_the_trash_that_leads_out(run: Path, outside: Path) -> None:
    entry = run.parents[2] / ".trash" / "20261124-101500-x"
    (entry / "secret").mkdir(parents=True)
    (entry / "secret" / "run.json").write_text("{}")
    place = os.path.relpath(outside / "secret", run.parents[2])
    (entry / "trash.json").write_text(json.dumps({"place": place, "moved": 1.0, "id": EVIL}))


@harm
def deep_folders(run: Path, outside: Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(run / "artifacts")
        for _ in range(1600):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
