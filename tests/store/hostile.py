"""Run directories of a stranger who means no good: `HARMS` spoil a sound one, each in its own way.

`sound` makes the directory, without torch. A harm gets it, and a folder outside of it that must
stay as it is; it returns nothing. Everything here is data that a tar file could have brought.
"""

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from iterun.store import tensors
from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

Harm = Callable[[Path, Path], None]
HARMS: dict[str, Harm] = {}

#: what a terminal, rich, a browser or a shell would act on
EVIL = (
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J\x1b[2J\r\x08 \u202eback\u2066 \u200b \ud800half "
    "[bold red]x[/] [link=file:///etc/passwd]y[/link] [/nope] <script>alert(1)</script> "
    "{{7*7}} ${oc.env:HOME} %s %n `id` $(id) '; DROP TABLE run; -- \0 \u2028 \x85 end"
)
HUGE = 10**400
SPARSE = 1 << 30


def sound(outputs: Path, id: str = "aaaa0001", **changes: Any) -> Path:
    """A run of three iterations with labels, artifacts, a log and a checkpoint."""
    fields = {
        "id": id, "system": "mine/count", "family": "mine", "signature": "5e1f", "seed": 1,
        "created": "2026-11-24T10:15:00+01:00", "model": "opt-mini", "data": "pydoc",
        "objective": {"metric": "total", "goal": "max"},
    }  # fmt: skip
    directory = outputs / "mine" / "count" / f"20261124-101500-{id}"
    config = {
        "task": {"_target_": "counting_system.Count", "to": 3, "by": 1.0, "mode": "up",
                 "fail_at": None, "words": [], "about": {"system": "mine/count"}},
        "seed": 1, "tags": ["first"], "stop": {}, "checkpoint": {}, "model": None, "data": None,
    }  # fmt: skip
    record = RunRecord(**(fields | changes))
    with RunWriter.create(directory, record=record, config=config) as writer:
        for i in range(1, 4):
            writer.save_bytes("mask.bin", bytes(9), at=i)
            writer.append_rows("rows.jsonl", i, [{"text": "row"}])
            writer.append(
                i, seconds=0.1, metrics={"total": float(i), "draw": 1 / (i + 1)},
                cost={"ms": 1.5}, labels={"said": "word"}, files=writer.files(),
            )  # fmt: skip
        writer.log("hello")
        _checkpoint(directory, 3)
        writer.summary(_summary())
        writer.status("completed", reason="length", iteration=3)
    return directory


def _summary() -> Summary:
    return Summary(
        state="completed", reason="length", parameters={"to": 3, "by": 1.0, "seed": 1},
        objective={"metric": "total", "goal": "max"}, last={"total": 3.0, "draw": 0.25},
        best={"i": 3, "value": 3.0}, result={"said": "three"}, iterations=3, seconds=0.3,
        costs={"ms": 1.5},
    )  # fmt: skip


def _checkpoint(directory: Path, i: int, **changes: Any) -> None:
    folder = directory / "checkpoints" / f"{i:04d}"
    folder.mkdir(parents=True)
    (folder.parent / "blobs").mkdir(exist_ok=True)
    digest = tensors.write(folder / "state.safetensors", {})
    document = {"format": 1, "i": i, "tensors": digest, "blobs": {}, "refs": [], "state": {}}
    (folder / "state.json").write_text(json.dumps(document | changes))


def harm(function: Harm) -> Harm:
    """Add one to the list."""
    HARMS[function.__name__] = function
    return function


# -- changes to what the files say --------------------------------------------------------------


def change(path: Path, **fields: Any) -> None:
    """Set keys of a JSON file."""
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | fields))


def change_lines(run: Path, **fields: Any) -> None:
    """Set keys of every iteration."""
    path = run / "iterations.jsonl"
    lines = [json.loads(line) | fields for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@harm
def evil_names(run: Path, outside: Path) -> None:
    tame = EVIL.replace("\ud800", "")
    change(run / "run.json", id=tame, model=tame, data=tame, host=tame, version=tame,
           command=[tame], packages={tame: tame}, environment={tame: tame}, sweep={"id": tame},
           git={"commit": tame, "dirty": True, "patch": tame})  # fmt: skip


@harm
def evil_system(run: Path, outside: Path) -> None:
    change(run / "run.json", system=f"../{EVIL}".replace("\ud800", ""), family="\x1b[2J")


@harm
def half_characters_in_names(run: Path, outside: Path) -> None:
    change(run / "run.json", id="\ud800", model="\udfff")


@harm
def evil_texts(run: Path, outside: Path) -> None:
    numbers = {EVIL: 1.5, "total": 1.0, "[/]": 2.0}
    change(run / "summary.json", parameters={EVIL: EVIL, "to": EVIL}, last=numbers, costs=numbers,
           result={EVIL: [EVIL, {EVIL: EVIL}]}, objective={"metric": EVIL, "goal": EVIL},
           best={"i": 1, "value": 1.5})  # fmt: skip
    change(run / "status.json", state="failed", error=f"{EVIL}\n{EVIL}", reason=EVIL, host=EVIL)
    change(run / "run.json", objective={"metric": EVIL, "goal": EVIL}, resolved={EVIL: EVIL})
    change(run / "config.json", tags=[EVIL, 3, None, [EVIL]], task={EVIL: EVIL, "about": EVIL})
    change_lines(run, metrics=numbers, cost=numbers, labels={EVIL: EVIL}, files=[EVIL])
    (run / "log.txt").write_bytes(EVIL.encode(errors="surrogatepass") + b"\xff\xfe\n" * 50)
    (run / "marks.json").write_text(json.dumps({"tags": [EVIL], "note": f"{EVIL}\n{EVIL}"}))


@harm
def evil_file_names(run: Path, outside: Path) -> None:
    name = EVIL.replace("\0", "").replace("/", "|").replace("\ud800", "")[:80]
    for raw in (os.fsencode(name), b"\xff\xfe\x1b[31m", b"-rf", b"a\nb", b"<img src=x>.png"):
        with open(os.path.join(os.fsencode(run / "artifacts"), raw), "w") as file:
            file.write("x")
    (run / name).write_text("foreign")


@harm
def evil_folder_name(run: Path, outside: Path) -> None:
    run.rename(run.with_name("\x1b[2J[bold]\u202e"))


@harm
def numbers_as_strings(run: Path, outside: Path) -> None:
    change(run / "summary.json", last={"total": "3.0"}, seconds="0.3", best={"i": "1", "value": 2})
    change_lines(run, i="1", metrics={"total": "3"})


@harm
def numbers_as_strings_where_any_may_be(run: Path, outside: Path) -> None:
    change(run / "summary.json", parameters={"to": "3", "by": [], "seed": {}, "mode": True},
           result={"said": "NaN", "n": "-Infinity"})  # fmt: skip


@harm
def huge_numbers(run: Path, outside: Path) -> None:
    change(run / "run.json", seed=HUGE, threads=HUGE, resolved={"to": HUGE})
    change(run / "summary.json", parameters={"to": HUGE, "by": [-HUGE]}, result={"n": HUGE})


@harm
def huge_metrics(run: Path, outside: Path) -> None:
    change(run / "summary.json", last={"total": HUGE, "draw": -HUGE}, costs={"ms": HUGE},
           best={"i": 1, "value": HUGE})  # fmt: skip
    change_lines(run, metrics={"total": HUGE, "draw": 1e308}, cost={"ms": HUGE})


@harm
def huge_times(run: Path, outside: Path) -> None:
    change(run / "summary.json", seconds=HUGE, iterations=HUGE)
    change_lines(run, time=HUGE, seconds=HUGE)


@harm
def huge_status(run: Path, outside: Path) -> None:
    change(run / "status.json", state="running", attempt=HUGE, pid=HUGE, start_ticks=HUGE,
           heartbeat=HUGE, iteration=HUGE)  # fmt: skip


@harm
def alive_for_ever(run: Path, outside: Path) -> None:
    change(run / "status.json", state="running", pid=1, host="node\x1b[2J", heartbeat=1e300)


@harm
def odd_status(run: Path, outside: Path) -> None:
    change(run / "status.json", state="\x1b[2J", attempt=-7, pid=-1, heartbeat=float("nan"),
           iteration=-5)  # fmt: skip


@harm
def not_finite_without_quotes(run: Path, outside: Path) -> None:
    nan, inf = float("nan"), float("inf")
    change(run / "summary.json", last={"total": nan, "draw": inf}, seconds=nan,
           best={"i": 1, "value": -inf}, parameters={"to": nan})  # fmt: skip
    change_lines(run, metrics={"total": nan, "draw": -inf}, seconds=inf, time=nan)


@harm
def digits_beyond_reason(run: Path, outside: Path) -> None:
    text = (run / "summary.json").read_text()
    (run / "summary.json").write_text(text.replace('"iterations":3', f'"iterations":{"9" * 10**5}'))


@harm
def iterations_out_of_order(run: Path, outside: Path) -> None:
    path = run / "iterations.jsonl"
    lines = path.read_text().splitlines()
    odd = [lines[0].replace('"i":1', f'"i":{i}') for i in (-1, 0, 10**17, 3, 3, HUGE)]
    path.write_text("\n".join([*reversed(lines), *odd]) + "\n")


@harm
def wrong_shapes(run: Path, outside: Path) -> None:
    change(run / "config.json", task=[1], checkpoint=[1], stop="x", tags={"a": 1}, model=7,
           hydra=3, seed="x", logger=[{"_target_": "os.system"}])  # fmt: skip
    change(run / "run.json", sweep={"id": [1], "job": {}}, git={"commit": [1], "dirty": "yes"},
           parent={"run": "aaaa0001", "iteration": -(10**18), "changes": 3})  # fmt: skip


@harm
def its_own_parent(run: Path, outside: Path) -> None:
    id = json.loads((run / "run.json").read_text())["id"]
    change(run / "run.json", parent={"run": id, "iteration": 1, "changes": {EVIL: [EVIL]}})


@harm
def every_file_a_list(run: Path, outside: Path) -> None:
    for name in ("config.json", "status.json", "summary.json", "marks.json"):
        (run / name).write_text("[1]")


@harm
def a_million_keys(run: Path, outside: Path) -> None:
    keys = {f"k{n}": n for n in range(300_000)}
    change(run / "summary.json", parameters=keys)


@harm
def long_texts(run: Path, outside: Path) -> None:
    change(run / "status.json", state="failed", error="line of text\n" * 100_000)
    (run / "marks.json").write_text(json.dumps({"note": "n" * 10_000_000, "tags": ["t" * 10**6]}))


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@harm
def nested_to_the_bottom(run: Path, outside: Path) -> None:
    for name in ("config.json", "summary.json", "marks.json", "iterations.jsonl"):
        (run / name).write_text(_nested(200_000))


@harm
def nested_as_deep_as_can_be_read(run: Path, outside: Path) -> None:
    deep = json.loads(_nested(800))
    change(run / "summary.json", parameters={"to": deep}, result={"r": deep})
    change(run / "config.json", task={"to": deep, "about": deep}, tags=deep, model=deep)
    change(run / "run.json", resolved={"to": deep}, sweep={"id": deep}, git={"commit": deep})


@harm
def nested_a_hundred_deep(run: Path, outside: Path) -> None:
    deep = json.loads(_nested(100))
    change(run / "summary.json", parameters={"to": deep}, result={"r": deep})
    change(run / "config.json", task={"to": deep}, tags=deep)


# -- files that are other than they seem ---------------------------------------------------------

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
    with open(path, "wb") as file:
        file.truncate(SPARSE)


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


# -- ways out of the directory -------------------------------------------------------------------


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
    import hashlib

    digest = hashlib.sha256((outside / "secret.txt").read_bytes()).hexdigest()
    out = os.path.relpath(outside / "secret.txt", run)
    refs = [[out, digest], [f"artifacts/{out}", digest], [str(outside / "secret.txt"), digest],
            ["artifacts/mask.bin", "../../secret"], [1, 2], ["artifacts/\0", digest]]  # fmt: skip
    _checkpoint(run, 4, refs=refs, blobs={"0": "../../../secret.txt", "1": digest})


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


# -- checkpoints that lie --------------------------------------------------------------------------


def _lying(run: Path, header: bytes, **changes: Any) -> None:
    """A checkpoint whose tensor file has the hash that is said."""
    import hashlib

    _checkpoint(run, 5, tensors=hashlib.sha256(header).hexdigest(), **changes)
    (run / "checkpoints" / "0005" / "state.safetensors").write_bytes(header)


def _header(text: str, *, length: int | None = None) -> bytes:
    raw = text.encode()
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw


@harm
def a_header_longer_than_the_file(run: Path, outside: Path) -> None:
    _lying(run, _header("{}", length=(1 << 62)))


@harm
def offsets_beyond_the_file(run: Path, outside: Path) -> None:
    tensor = {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}
    state = {"$tensor": {"key": "0", "dtype": "float32", "shape": [1 << 40]}}
    _lying(run, _header(json.dumps({"0": tensor})), state={"x": state})


@harm
def a_shape_larger_than_memory(run: Path, outside: Path) -> None:
    array = {"$array": {"key": "0", "dtype": "U999999999", "shape": [1 << 50]}}
    tensor = {"0": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}
    _lying(run, _header(json.dumps(tensor)) + b"abcd", state={"x": array})


@harm
def a_state_of_other_things(run: Path, outside: Path) -> None:
    for i, state in enumerate((
        {"$tensor": {"key": "0", "dtype": "load", "shape": []}}, {"$object": "os.system"},
        {"$dict": [[[], 1]]}, {"$int": "0x" + "f" * 10**6}, {"$bytes": "!"}, [], EVIL,
        {"$scalar": ["O", "AAAA"]}, {"format": "x"}, {"done": EVIL, "inner": []},
    )):  # fmt: skip
        _checkpoint(run, 10 + i, state=state)


@harm
def a_document_of_other_things(run: Path, outside: Path) -> None:
    for i, changes in enumerate((
        {"format": 99}, {"format": [EVIL]}, {"blobs": {EVIL: EVIL}}, {"blobs": {"0": 7}},
        {"refs": "x"}, {"refs": [[EVIL, EVIL]]}, {"tensors": None}, {"state": None},
    )):  # fmt: skip
        _checkpoint(run, 10 + i, **changes)
    (run / "checkpoints" / "0030").mkdir()
    (run / "checkpoints" / "0031").write_text("a file")


@harm
def a_sparse_checkpoint(run: Path, outside: Path) -> None:
    _checkpoint(run, 6)
    for name in ("state.json", "state.safetensors"):
        sparse(name, run / "checkpoints" / "0006" / name)


@harm
def checkpoint_pipes(run: Path, outside: Path) -> None:
    (run / "checkpoints" / "0006").mkdir()
    os.mkfifo(run / "checkpoints" / "0006" / "state.json")
    os.mkfifo(run / "checkpoints" / "blobs" / f"{'a' * 64}.safetensors")


# -- code that would be run ---------------------------------------------------------------------


def call(run: Path, role: str, target: str, **parameters: Any) -> None:
    """Have a role of the config name something to call."""
    config = json.loads((run / "config.json").read_text())
    config[role] = {"_target_": target, "about": {"system": "mine/count"}} | parameters
    (run / "config.json").write_text(json.dumps(config))
    change(run / "status.json", state="interrupted")


@harm
def task_is_a_command(run: Path, outside: Path) -> None:
    call(run, "task", "os.system", command=f"touch {outside}/called")


@harm
def task_is_a_module_with_effects(run: Path, outside: Path) -> None:
    call(run, "task", "antigravity.Antigravity")


@harm
def model_is_a_command(run: Path, outside: Path) -> None:
    call(run, "model", "os.system", command=f"touch {outside}/called")


@harm
def data_is_a_command(run: Path, outside: Path) -> None:
    call(run, "data", "subprocess.Popen", args=["touch", f"{outside}/called"])


@harm
def judge_is_a_command(run: Path, outside: Path) -> None:
    call(run, "judge", "builtins.eval", source=f"open('{outside}/called', 'w')")


@harm
def logger_is_a_command(run: Path, outside: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    node = {"_target_": "os.system", "command": f"touch {outside}/called"}
    config["logger"] = {"csv": node, "tensorboard": node}
    (run / "config.json").write_text(json.dumps(config))
    change(run / "status.json", state="interrupted")


@harm
def hydra_names_a_callback(run: Path, outside: Path) -> None:
    (run / ".hydra").mkdir(exist_ok=True)
    (run / ".hydra" / "config.yaml").write_text(
        f"hydra:\n  callbacks:\n    x: {{_target_: os.system, command: 'touch {outside}/called'}}\n"
    )
    (run / ".hydra" / "overrides.yaml").write_text("- hydra.callbacks.x._target_=os.system\n")
