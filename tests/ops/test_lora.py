import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from iterun.errors import ConfigError
from iterun.ops.lora import FORMS, Form, LoraLinear, attach, detach

MASKED_FORMS = pytest.mark.parametrize("form", ["lora_prune", "scale_lora", "mask_lora"])
EVERY_FORM = pytest.mark.parametrize("form", FORMS)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pruned_layer(
    n_in: int = 12, n_out: int = 9, *, dtype: torch.dtype = torch.float32, bias: bool = True
) -> tuple[nn.Linear, Tensor]:
    base = nn.Linear(n_in, n_out, bias=bias, dtype=dtype)
    mask = torch.rand(n_out, n_in, generator=seeded()) > 0.5
    with torch.no_grad():
        base.weight.copy_(torch.randn(n_out, n_in, generator=seeded(1)) * mask)
        if bias:
            base.bias.copy_(torch.randn(n_out, generator=seeded(2)))
    return base, mask


def adapter(form: Form, *, trained: bool = True, r: int = 4, **layer: Any) -> LoraLinear:
    """An adapter over a pruned layer; `trained` moves its factors off their start."""
    lora = LoraLinear(*pruned_layer(**layer), form, r, 8, generator=seeded(3))
    if trained:
        with torch.no_grad():
            for factor, seed in ((lora.A, 4), (lora.B, 5)):
                factor += 0.3 * torch.randn(factor.shape, generator=seeded(seed))
    return lora


def written_out(lora: LoraLinear, x: Tensor) -> Tensor:
    """The four formulas as the paper has them, in plain autograd."""
    assert lora.mask is not None
    W, M, BA, scale = lora.base.weight, lora.mask, lora.B @ lora.A, 8 / len(lora.A)
    weight = {
        "lora": W + scale * BA,
        "lora_prune": W + scale * BA,
        "scale_lora": W * BA,
        "mask_lora": W + scale * BA * M,
    }[lora.form]
    return F.linear(x, weight, lora.base.bias)


def test_forms_by_hand() -> None:
    """W = (2, 0), M = (1, 0), B = 3, A = (1, 2), r = 1, α = 2: BA = (3, 6), scale 2, x = (1, 1)."""
    expected = {"lora": 20.0, "lora_prune": 20.0, "scale_lora": 6.0, "mask_lora": 8.0}
    merged = {"lora": [8, 12], "lora_prune": [8, 0], "scale_lora": [6, 0], "mask_lora": [8, 0]}
    for form in FORMS:
        base = nn.Linear(2, 1, bias=False)
        base.weight.data = torch.tensor([[2.0, 0.0]])
        lora = LoraLinear(base, base.weight != 0, form, 1, 2, generator=seeded())
        lora.A.data, lora.B.data = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]])

        assert lora(torch.ones(1, 2)).item() == expected[form]
        assert lora.merged_weight().tolist() == [merged[form]]


@EVERY_FORM
def test_training_starts_at_the_pruned_layer(form: Form) -> None:
    lora = adapter(form, trained=False, r=16)
    x = torch.randn(5, 12, generator=seeded(6))

    torch.testing.assert_close(lora(x), lora.base(x))
    assert torch.equal(lora.merged_weight(), lora.base.weight)


def test_initial_factors_are_the_specified_ones() -> None:
    scale, mask = adapter("scale_lora", trained=False), adapter("mask_lora", trained=False)

    assert (scale.A == 0.5).all()
    assert (scale.B == 0.5).all()
    assert not mask.B.any()
    assert 0.5 / 12**0.5 < mask.A.abs().max() <= 1 / 12**0.5
    assert mask.A.min() < 0 < mask.A.max()


def test_initial_factors_come_from_the_generator_alone() -> None:
    torch.manual_seed(0)
    one = LoraLinear(*pruned_layer(), generator=seeded(3))
    torch.manual_seed(1)
    same = LoraLinear(*pruned_layer(), generator=seeded(3))
    other = LoraLinear(*pruned_layer(), generator=seeded(4))

    assert torch.equal(one.A, same.A)
    assert not torch.equal(one.A, other.A)


@EVERY_FORM
@pytest.mark.parametrize("shape", [(12,), (5, 12), (2, 3, 12)])
def test_output_and_gradients_equal_the_formula(form: Form, shape: tuple[int, ...]) -> None:
    lora = adapter(form)
    x = torch.randn(shape, generator=seeded(6), requires_grad=True)
    wanted = (x, lora.A, lora.B, lora.base.bias)

    y, expected = lora(x), written_out(lora, x)
    weights = torch.randn(y.shape, generator=seeded(7))
    ours = torch.autograd.grad((y * weights).sum(), wanted)
    theirs = torch.autograd.grad((expected * weights).sum(), wanted)

    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(ours, theirs)


@EVERY_FORM
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_pass_gradcheck_in_float64(form: Form, bias: bool) -> None:
    lora = adapter(form, n_in=5, n_out=3, r=2, dtype=torch.float64, bias=bias)
    x = torch.randn(4, 5, dtype=torch.float64, generator=seeded(6), requires_grad=True)
    factors = [parameter for parameter in lora.parameters() if parameter.requires_grad]

    assert lora.A.dtype == torch.float64
    assert torch.autograd.gradcheck(lambda x, *_: lora(x), (x, *factors))


@MASKED_FORMS
def test_merging_keeps_every_zero(form: Form) -> None:
    lora = adapter(form)
    assert lora.mask is not None

    base = lora.merge()

    assert not base.weight[~lora.mask].any()
    assert not base.weight[~lora.mask].signbit().any()


def test_plain_lora_fills_the_zeros() -> None:
    lora = adapter("lora")

    assert (lora.merged_weight() == 0).sum() == 0


@pytest.mark.parametrize("form", ["scale_lora", "mask_lora"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_merging_does_not_change_the_function_by_a_bit(form: Form, dtype: torch.dtype) -> None:
    lora = adapter(form, dtype=dtype)
    x = torch.randn(5, 12, generator=seeded(6)).to(dtype)
    y = lora(x)

    base = lora.merge()

    assert torch.equal(base(x), y)


def test_lora_prune_changes_the_function_when_merged() -> None:
    lora = adapter("lora_prune")
    x = torch.randn(5, 12, generator=seeded(6))
    y = lora(x)

    assert (lora.merge()(x) - y).abs().max() > 0.1


def test_a_kept_weight_of_zero_stays_trainable() -> None:
    base = nn.Linear(3, 2)
    base.weight.data.zero_()
    lora = LoraLinear(base, torch.ones(2, 3), "mask_lora", 1, 1, generator=seeded())
    lora.B.data.fill_(1.0)

    assert lora.merge().weight.all()


@pytest.mark.parametrize("form", ["scale_lora", "mask_lora"])
def test_no_tensor_of_the_weights_size_is_saved(form: Form) -> None:
    lora = adapter(form, n_in=32, n_out=32)
    standing = {
        t.data_ptr() for t in (lora.base.weight, lora.mask, lora.A, lora.B) if t is not None
    }
    saved: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        lora(torch.randn(2, 32, requires_grad=True)).sum().backward()

    new = [tensor for tensor in saved if tensor.data_ptr() not in standing]
    assert max(tensor.numel() for tensor in new) == 2 * 32


@EVERY_FORM
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_bases_train_float32_factors(form: Form, dtype: torch.dtype) -> None:
    lora = adapter(form, dtype=dtype)
    lora.base.bias.data = lora.base.bias.data.float()
    x = torch.randn(4, 12, generator=seeded(6)).to(dtype).requires_grad_()

    y = lora(x)
    y.float().square().sum().backward()

    assert y.dtype == x.dtype == dtype
    for leaf in (lora.A, lora.B, lora.base.bias):
        assert leaf.dtype == torch.float32
        assert leaf.grad is not None
        assert leaf.grad.any()
    assert lora.base.weight.grad is None


def test_frozen_factors_get_no_gradient() -> None:
    lora = adapter("mask_lora").requires_grad_(False)
    x = torch.randn(4, 12, requires_grad=True)

    lora(x).sum().backward()

    assert lora.A.grad is None
    torch.testing.assert_close(x.grad, lora.merged_weight().sum(dim=0).expand(4, 12))


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(FORMS), st.integers(1, 8), st.integers(1, 8), st.integers(1, 10))
def test_any_shape_and_rank_equals_the_formula(form: Form, n_in: int, n_out: int, r: int) -> None:
    lora = adapter(form, n_in=n_in, n_out=n_out, r=r)
    x = torch.randn(3, n_in, generator=seeded(6))

    torch.testing.assert_close(lora(x), written_out(lora, x))


def test_an_adapter_without_a_mask_is_an_ordinary_merge() -> None:
    base, _ = pruned_layer()
    lora = LoraLinear(base, None, "lora", 2, 4, generator=seeded())
    lora.B.data.fill_(1.0)
    expected = base.weight + 2 * lora.B @ lora.A

    torch.testing.assert_close(lora.merge().weight, expected)


def block() -> tuple[nn.Module, dict[str, Tensor]]:
    layers = nn.ModuleDict(
        {"attention": nn.ModuleDict({"q": nn.Linear(4, 4)}), "fc": nn.Linear(4, 4)}
    )
    return layers, {"attention.q": torch.ones(4, 4), "fc": torch.eye(4)}


def test_attached_adapters_stand_where_the_layers_stood() -> None:
    module, masks = block()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}

    adapters = attach(module, masks, "mask_lora", 2, generator=seeded())
    inside = module.get_submodule("attention.q")
    detach(module, merge=False)

    assert inside is adapters["attention.q"]
    assert list(module.state_dict()) == list(before)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_detaching_with_merge_leaves_merged_weights() -> None:
    module, masks = block()
    adapters = attach(module, masks, "mask_lora", 2, generator=seeded())
    for lora in adapters.values():
        lora.B.data.fill_(1.0)
    expected = {name: copy.deepcopy(lora).merged_weight() for name, lora in adapters.items()}

    detach(module, merge=True)

    assert all(
        torch.equal(module.get_submodule(name).weight, weight)  # type: ignore[arg-type]
        for name, weight in expected.items()
    )


def test_only_the_factors_are_trainable_and_named() -> None:
    lora = adapter("mask_lora")
    lora.base.bias.requires_grad_(False)

    trainable = [name for name, p in lora.named_parameters() if p.requires_grad]

    assert trainable == ["A", "B"]
    assert set(lora.state_dict()) == {"A", "B", "base.weight", "base.bias"}


@pytest.mark.parametrize(
    ("form", "r", "message"),
    [
        ("mask_lora", 0, r"task\.lora_r=0"),
        ("masklora", 4, r"task\.lora_type=masklora"),
    ],
)
def test_bad_settings_are_refused(form: Form, r: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LoraLinear(*pruned_layer(), form, r, generator=seeded())


def dropping(seed: int | None, p: float = 0.4) -> LoraLinear:
    base, _ = pruned_layer()
    lora = LoraLinear(base, None, "lora", 4, 8, generator=seeded(3), dropout=p)
    with torch.no_grad():
        lora.B += torch.randn(lora.B.shape, generator=seeded(5))
    lora.seed = seed
    return lora


def test_dropout_is_a_function_of_the_seed_and_off_without_one() -> None:
    x = torch.randn(6, 12, generator=seeded(6))
    plain = written_without_mask(dropping(None), x)

    torch.testing.assert_close(dropping(None)(x), plain)
    torch.testing.assert_close(dropping(7, p=0.0)(x), plain)
    assert torch.equal(dropping(7)(x), dropping(7)(x))
    assert not torch.equal(dropping(7)(x), dropping(8)(x))
    assert not torch.equal(dropping(7)(x), plain)


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    """Of inputs that are all 1, 60 % are 1 / 0.6 and the others 0."""
    dropped = dropping(7)._dropped(torch.ones(200, 12))

    assert sorted(set(dropped.flatten().tolist())) == pytest.approx([0, 1 / 0.6])
    assert float((dropped == 0).float().mean()) == pytest.approx(0.4, abs=0.04)


def written_without_mask(lora: LoraLinear, x: Tensor) -> Tensor:
    return F.linear(x, lora.base.weight + 2 * lora.B @ lora.A, lora.base.bias)
