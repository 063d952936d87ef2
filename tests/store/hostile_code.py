"""Harms: checkpoints that lie, and code that would be run."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from hostile_run import EVIL, change, checkpoint, harm, sparse


def _lying(run: Path, header: bytes, **changes: Any) -> None:
    """A checkpoint whose tensor file has the hash that is said."""

    checkpoint(run, 5, tensors=hashlib.sha256(header).hexdigest(), **changes)
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
        checkpoint(run, 10 + i, state=state)


@harm
def a_document_of_other_things(run: Path, outside: Path) -> None:
    for i, changes in enumerate((
        {"format": 99}, {"format": [EVIL]}, {"blobs": {EVIL: EVIL}}, {"blobs": {"0": 7}},
        {"refs": "x"}, {"refs": [[EVIL, EVIL]]}, {"tensors": None}, {"state": None},
    )):  # fmt: skip
        checkpoint(run, 10 + i, **changes)
    (run / "checkpoints" / "0030").mkdir()
    (run / "checkpoints" / "0031").write_text("a file")


@harm
def a_sparsecheckpoint(run: Path, outside: Path) -> None:
    checkpoint(run, 6)
    for name in ("state.json", "state.safetensors"):
        sparse(run / "checkpoints" / "0006" / name)


@harm
def checkpoint_pipes(run: Path, outside: Path) -> None:
    (run / "checkpoints" / "0006").mkdir()
    os.mkfifo(run / "checkpoints" / "0006" / "state.json")
    os.mkfifo(run / "checkpoints" / "blobs" / f"{'a' * 64}.safetensors")


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
