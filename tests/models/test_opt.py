"""The shapes of OPT, by the number of parameters that are published."""

from __future__ import annotations

import pytest
import torch

from iterun.errors import ConfigError
from iterun.models import opt


@pytest.mark.parametrize(
    ("name", "millions"),
    [("opt-mini", 2.6), ("opt-125m", 125), ("opt-1.3b", 1316), ("opt-2.7b", 2652),
     ("opt-6.7b", 6658), ("opt-13b", 12853), ("opt-30b", 29975)],
)  # fmt: skip
def test_shapes_have_the_published_number_of_parameters(name: str, millions: float) -> None:
    from transformers import OPTForCausalLM

    with torch.device("meta"):
        model = OPTForCausalLM(opt.config(name))

    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, rel=0.01)


def test_a_random_model_is_a_function_of_the_seed_alone() -> None:
    shape = opt.config("opt-mini", num_hidden_layers=1)
    torch.manual_seed(1)
    first = opt.random_model(shape, 7).lm_head.weight
    state = torch.get_rng_state()

    second = opt.random_model(shape, 7).lm_head.weight

    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


def test_an_unknown_size_names_the_nearest() -> None:
    with pytest.raises(ConfigError) as refusal:
        opt.config("opt-2.8b")

    assert "opt-2.7b" in refusal.value.hint
