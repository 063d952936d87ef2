import json
import os
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from strategies import same, states

from iterun.errors import StoreError
from iterun.store import checkpoint
from iterun.types import Ref


def back(directory, state, i=1):
    checkpoint.save(directory, i, state)
    return checkpoint.load(directory, i)


def blobs(directory):
    return sorted((directory / "checkpoints/blobs").iterdir())


@given(state=states)
def test_a_state_that_is_saved_and_loaded_is_the_same(tmp_path_factory, state):
    assert same(back(tmp_path_factory.mktemp("run"), state), state)


def test_one_number_out_of_a_larger_tensor_is_kept(tmp_path):
    found = back(tmp_path, {"x": torch.arange(4.0)[1::4], "y": torch.arange(4.0)[3]})

    assert same(found, {"x": torch.tensor([1.0]), "y": torch.tensor(3.0)})


def test_generators_go_on_as_if_nothing_had_happened(tmp_path):
    own, numbers, other = torch.Generator(), np.random.default_rng(), random.Random()
    state = back(tmp_path, {"torch": own.get_state(), "numpy": numbers.bit_generator.state,
                            "python": other.getstate()})  # fmt: skip
    expected = torch.rand(3, generator=own), numbers.random(3), other.random()

    own.set_state(state["torch"])
    numbers.bit_generator.state = state["numpy"]
    other.setstate(state["python"])
    assert same((torch.rand(3, generator=own), numbers.random(3), other.random()), expected)


def test_an_optimizer_goes_on_with_its_moments(tmp_path):
    weight = torch.nn.Parameter(torch.randn(3))
    optimizer = torch.optim.AdamW([weight])
    weight.grad = torch.ones(3)
    optimizer.step()

    assert same(back(tmp_path, optimizer.state_dict()), optimizer.state_dict())


def test_memory_layout_comes_back(tmp_path):
    image = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    weight = torch.randn(3, 5).t()

    state = back(tmp_path, {"image": image, "weight": weight, "array": np.eye(3, 4).T})

    assert state["image"].stride() == image.stride()
    assert state["weight"].stride() == weight.stride()
    assert state["array"].flags.f_contiguous


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_tensors_of_a_gpu_come_back_to_it_or_to_where_they_are_wanted(tmp_path):
    checkpoint.save(tmp_path, 1, {"w": torch.arange(3.0, device="cuda"), "c": torch.zeros(1)})

    state = checkpoint.load(tmp_path, 1)
    moved = checkpoint.load(tmp_path, 1, device="cpu")

    assert (state["w"].device.type, state["c"].device.type) == ("cuda", "cpu")
    assert same(moved["w"], torch.arange(3.0))


def test_one_tensor_under_two_names_stays_one(tmp_path):
    tied = torch.randn(4)

    state = back(tmp_path, {"embedding": tied, "head": tied, "view": tied[1:]})

    assert state["embedding"] is state["head"]
    assert torch.equal(state["view"], tied[1:])


def test_parameters_come_back_as_parameters(tmp_path):
    frozen = torch.nn.Parameter(torch.randn(2), requires_grad=False)

    state = back(tmp_path, {"a": torch.nn.Parameter(torch.randn(2)), "b": frozen})

    assert [type(x) for x in state.values()] == [torch.nn.Parameter] * 2
    assert [x.requires_grad for x in state.values()] == [True, False]


def test_loaded_tensors_can_be_changed(tmp_path):
    state = back(tmp_path, {"t": torch.zeros(1 << 18), "a": np.zeros(3)})

    state["t"] += 1
    state["a"] += 1

    assert same(checkpoint.load(tmp_path, 1)["t"], torch.zeros(1 << 18))


def test_a_large_tensor_is_written_once_for_all_checkpoints(tmp_path):
    mask = torch.ones(1 << 20, dtype=torch.bool)

    for i in range(3):
        checkpoint.save(tmp_path, i, {"mask": mask, "same": mask.clone(), "i": i})

    assert len(blobs(tmp_path)) == 1
    assert checkpoint.load(tmp_path, 0)["mask"].all()


def test_blobs_go_with_the_last_checkpoint_that_needs_them(tmp_path):
    for i in range(3):
        checkpoint.save(tmp_path, i, {"w": torch.full((1 << 18,), float(i // 2))})
    checkpoint.delete(tmp_path, 0)
    assert checkpoint.collect(tmp_path) == 0

    checkpoint.delete(tmp_path, 1)

    assert checkpoint.collect(tmp_path) > 1 << 20
    assert len(blobs(tmp_path)) == 1
    assert checkpoint.load(tmp_path, 2)["w"].min() == 1


def test_checkpoints_are_listed_in_order(tmp_path):
    for i in (10_000, 2, 0):
        checkpoint.save(tmp_path, i, {})
    (tmp_path / "checkpoints/7").mkdir()

    assert checkpoint.available(tmp_path) == [0, 2, 10_000]
    assert checkpoint.available(tmp_path / "nowhere") == []


def test_an_older_checkpoint_of_the_same_iteration_is_replaced(tmp_path):
    checkpoint.save(tmp_path, 1, {"a": 1})

    assert back(tmp_path, {"a": 2}) == {"a": 2}


def test_refs_in_a_state_are_named(tmp_path):
    refs = [Ref("artifacts/a", "0" * 64), Ref("artifacts/b", "1" * 64)]

    checkpoint.save(tmp_path, 1, {"nested": [refs[0], {"deep": (refs[1],)}]})

    assert checkpoint.references(tmp_path, 1) == refs


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [1, {2}]}, r"state\(\)\['a'\]\[1\] is a builtins.set"),
        ({"f": print}, r"state\(\)\['f'\]"),
        ({"s": torch.eye(2).to_sparse()}, r"state\(\)\['s'\] is a sparse"),
        ({"o": np.array([None])}, r"state\(\)\['o'\]"),
    ],
)
def test_what_a_checkpoint_cannot_hold_is_named_and_nothing_is_left(tmp_path, value, where):
    with pytest.raises(TypeError, match=where):
        checkpoint.save(tmp_path, 1, value)

    assert checkpoint.available(tmp_path) == []


def test_a_missing_checkpoint_names_those_there_are(tmp_path):
    checkpoint.save(tmp_path, 3, {})

    with pytest.raises(StoreError, match="no checkpoint of iteration 7") as caught:
        checkpoint.load(tmp_path, 7)

    assert caught.value.hint == "those it has: 3"


def break_json(folder, **changes):
    path = folder / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def torn(folder):
    os.truncate(folder / "state.safetensors", 100)


def pickled(folder):
    (folder / "state.safetensors").write_bytes(b"\x80\x04cos\nsystem\n.")


def linked(folder):
    (folder / "state.safetensors").rename(folder.parent / "elsewhere")
    (folder / "state.safetensors").symlink_to(folder.parent / "elsewhere")


BREAKS = {
    "torn tensors": torn,
    "a pickle": pickled,
    "a link": linked,
    "no tensors": lambda folder: (folder / "state.safetensors").unlink(),
    "no state": lambda folder: (folder / "state.json").unlink(),
    "a pipe": lambda folder: ((folder / "state.json").unlink(), os.mkfifo(folder / "state.json")),
    "not JSON": lambda folder: (folder / "state.json").write_text("{"),
    "deep": lambda folder: (folder / "state.json").write_text("[" * 10**5 + "]" * 10**5),
    "too large": lambda folder: os.truncate(folder / "state.json", 1 << 40),
    "not ours": lambda folder: (folder / "state.json").write_text("[]"),
    "newer": lambda folder: break_json(folder, format=2),
    "unknown tag": lambda folder: break_json(folder, state={"$evil": 1}),
    "no dict": lambda folder: break_json(folder, state=[1]),
    "a dtype that runs code": lambda folder: break_json(
        folder, state={"a": {"$tensor": {"key": "0", "dtype": "load", "shape": []}}}
    ),
    "an object dtype": lambda folder: break_json(folder, state={"a": {"$scalar": ["O", ""]}}),
    "an impossible shape": lambda folder: break_json(
        folder, state={"a": {"$tensor": {"key": "0", "dtype": "float32", "shape": [1 << 60]}}}
    ),
    "a blob elsewhere": lambda folder: break_json(folder, blobs={"0": "../../../etc/passwd"}),
    "a missing blob": lambda folder: break_json(folder, blobs={"0": "0" * 64}),
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_checkpoint_that_cannot_be_read_is_named_with_a_next_step(tmp_path, how):
    for i in (1, 2):
        checkpoint.save(tmp_path, i, {"w": torch.ones(100)})
    BREAKS[how](tmp_path / "checkpoints/0002")

    with pytest.raises(StoreError, match="checkpoints/0002 can't be read") as caught:
        checkpoint.load(tmp_path, 2)

    assert f"`iterun resume {tmp_path.name}@1`" in caught.value.hint


def test_nothing_is_collected_while_a_checkpoint_cannot_be_read(tmp_path):
    for i in (1, 2):
        checkpoint.save(tmp_path, i, {"w": torch.full((1 << 18,), float(i))})
    (tmp_path / "checkpoints/0002/state.json").write_text("{")

    with pytest.raises(StoreError):
        checkpoint.collect(tmp_path)

    assert len(blobs(tmp_path)) == 2


def test_a_changed_blob_is_noticed(tmp_path):
    checkpoint.save(tmp_path, 1, {"w": torch.zeros(1 << 18)})
    with open(blobs(tmp_path)[0], "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\1")

    with pytest.raises(StoreError, match="torn or was changed"):
        checkpoint.load(tmp_path, 1)


def test_the_files_are_plain_safetensors(tmp_path):
    from safetensors.torch import load_file

    checkpoint.save(tmp_path, 1, {"a": torch.arange(3), "b": torch.ones(2).bfloat16()})

    found = load_file(tmp_path / "checkpoints/0001/state.safetensors")
    assert same(found, {"0": torch.arange(3), "1": torch.ones(2).bfloat16()})
