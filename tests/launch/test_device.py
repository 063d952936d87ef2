"""`backend` resolved: device, dtype, threads; what torch is told."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from iterun.config.compose import compose, to_plain
from iterun.errors import ConfigError
from iterun.launch import device
from iterun.launch.check import checked

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
AUTO: dict[str, Any] = {
    "device": "auto", "dtype": None, "threads": "auto", "device_map": None, "tf32": False,
    "deterministic": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_the_yaml_files_hold_every_key() -> None:
    for name in ("auto", "cpu", "gpu"):
        backend = to_plain(compose([f"backend={name}"]))["backend"]
        assert tuple(backend) == device.KEYS
        assert list(device.faults(backend)) == []


@no_gpu
def test_auto_is_float32_on_a_cpu() -> None:
    place = device.place(AUTO)

    assert (place.device, place.dtype) == ("cpu", "float32")


def test_a_dtype_asked_for_is_given() -> None:
    assert device.place({"device": "cpu", "dtype": "bfloat16"}).dtype == "bfloat16"


def test_small_nets_take_one_thread_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    assert device.place(AUTO | {"device": "cpu"}, threads_hint=1).threads == 1
    assert device.place(AUTO | {"device": "cpu"}).threads == device.cores()
    assert device.place(AUTO | {"device": "cpu", "threads": 3}, threads_hint=1).threads == 3
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(
    ("words", "is_small"),
    [
        (["task=prune/lth"], True),
        (["task=prune/lth", "model=resnet50"], False),
        (["task=prune/perp"], False),
        (["task=learn/curve"], True),
        (["task=sample/dds", "model=stable-diffusion-v1-5"], False),
    ],
)
def test_small_nets_take_one_core(words, is_small, monkeypatch):
    monkeypatch.setattr(device, "cores", lambda: 5)

    _, place = checked(to_plain(compose([*words, "backend=cpu"])))

    assert place.threads == (1 if is_small else 5)


def test_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert device.cores() == 1

    monkeypatch.setenv("OMP_NUM_THREADS", "1000")
    assert device.cores() <= len(os.sched_getaffinity(0))


@no_gpu
@pytest.mark.parametrize(
    ("name", "typed"),
    [("cuda", "backend=gpu"), ("gpu", "backend.device=gpu"), ("cuda:1", "backend.device=cuda:1")],
)
def test_a_gpu_that_is_not_there_names_the_cpu(name: str, typed: str) -> None:
    with pytest.raises(ConfigError, match=f"{typed}: no GPU") as caught:
        device.place(AUTO | {"device": name})

    assert "backend=cpu" in caught.value.hint


def test_every_fault_of_the_settings_is_told() -> None:
    faults = device.faults({"device": "tpu", "dtype": "int8", "threads": 0, "tf32": 1, "thread": 2})

    said = [fault.message.split("=")[0].split(":")[0] for fault in faults]
    assert said == [f"backend.{key}" for key in ("thread", "device", "dtype", "threads", "tf32")]


def test_deterministic_mode_is_switched_on_and_off() -> None:
    device.place(AUTO | {"device": "cpu", "deterministic": True})
    assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"

    device.place(AUTO | {"device": "cpu"})
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_cpu_spreads_no_model_over_cards() -> None:
    assert device.place(AUTO | {"device": "cpu", "device_map": "auto"}).device_map is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_is_bfloat16() -> None:
    place = device.place(AUTO | {"device": "cuda", "tf32": True})

    assert (place.device, place.dtype) == ("cuda:0", "bfloat16")
    assert torch.backends.cuda.matmul.allow_tf32
