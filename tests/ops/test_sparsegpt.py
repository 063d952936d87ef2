import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from iterun.errors import ConfigError, IterunError
from iterun.ops.masks import Pattern
from iterun.ops.sparsegpt import HessianSum, full_float32, inverse_factor, sparsegpt


def problem(rows: int, columns: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A weight and the Hessian of correlated inputs."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(columns, columns, generator=generator)
    x = torch.randn(2, 4 * columns, columns, generator=generator) @ mixing
    sums = HessianSum(columns)
    sums.add(x)
    return torch.randn(rows, columns, generator=generator), sums.hessian()


def column_by_column(
    weight: Tensor, H: Tensor, budget: float | Pattern, *, blocksize: int = 128, damp: float = 0.01
) -> tuple[Tensor, Tensor]:
    """The specification word by word in float64: no strips, no block updates, explicit inverse."""
    W, H = weight.double().clone(), H.double().clone()
    dead = H.diagonal() == 0
    H[dead, dead] = 1
    W[:, dead] = 0
    H += damp * H.diagonal().mean() * torch.eye(len(H), dtype=torch.float64)
    U = torch.linalg.cholesky(torch.linalg.inv(H), upper=True)
    rows, columns = W.shape
    kept = torch.ones_like(W, dtype=torch.bool)
    for j in range(columns):
        if isinstance(budget, Pattern):
            if j % budget.m == 0:
                group = slice(j, j + budget.m)
                scores = W[:, group] ** 2 / U.diagonal()[group] ** 2
                order = scores.sort(dim=1, stable=True).indices[:, : budget.n]
                kept[:, group].scatter_(1, order, value=False)
        elif j % blocksize == 0:
            block = slice(j, min(j + blocksize, columns))
            scores = W[:, block] ** 2 / U.diagonal()[block] ** 2
            position = int(rows * (block.stop - block.start) * budget)
            kept[:, block] = scores > scores.flatten().sort().values[position]
        q = torch.where(kept[:, j], W[:, j], 0.0)
        error = (W[:, j] - q) / U[j, j]
        W[:, j + 1 :] -= error[:, None] * U[j, j + 1 :]
        W[:, j] = q
    return W, kept


@pytest.mark.parametrize("budget", [0.5, 0.7, Pattern(2, 4), Pattern(4, 8), Pattern(12, 24)])
@pytest.mark.parametrize(("columns", "blocksize"), [(96, 48), (216, 72), (48, 120)])
def test_equals_the_literal_algorithm(
    budget: float | Pattern, columns: int, blocksize: int
) -> None:
    weight, H = problem(40, columns)
    expected, kept = column_by_column(weight, H, budget, blocksize=blocksize)

    pattern = budget if isinstance(budget, Pattern) else None
    share = None if pattern else budget
    new, mask = sparsegpt(weight, H, sparsity=share, pattern=pattern, blocksize=blocksize)

    assert torch.equal(mask, kept)
    rms = expected.square().mean().sqrt()
    assert (new - expected).abs().max() < 2e-3 * rms


def test_one_row_of_two_by_hand() -> None:
    """W = (1, 2), H = diag(2, 2)·1.01 after damping has no coupling: only the smaller entry goes.

    With H = [[2, 1], [1, 2]] undamped, H⁻¹ = [[2, -1], [-1, 2]]/3, so U = [[√(2/3), -1/√6], [0,
    1/√2]] and e = 1/√(2/3); W_2 becomes 2 - e·U_12 = 2 + 1/2.
    """
    weight, H = torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 1.0], [1.0, 2.0]])

    alone, _ = sparsegpt(weight, 2 * torch.eye(2), sparsity=0.1)
    coupled, mask = sparsegpt(weight, H, sparsity=0.1, percdamp=0.0)

    assert alone.tolist() == [[0.0, 2.0]]
    assert mask.tolist() == [[False, True]]
    torch.testing.assert_close(coupled, torch.tensor([[0.0, 2.5]]))


def test_one_more_than_the_count_goes_in_each_block() -> None:
    weight, H = problem(10, 32)

    _, mask = sparsegpt(weight, H, sparsity=0.5, blocksize=16)

    assert (~mask[:, :16]).sum() == (~mask[:, 16:]).sum() == 81


def test_mending_beats_masking_on_the_layer_output() -> None:
    """tr(ΔW H ΔWᵀ) is the output error; being greedy, no law for one row alone."""
    weight, H = problem(64, 64)

    new, mask = sparsegpt(weight, H, sparsity=0.5)

    def cost(delta: Tensor) -> float:
        return float((delta @ H * delta).sum())

    assert cost(new - weight) < 0.75 * cost(weight * mask - weight)
    assert not new[~mask].any()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(1, 20), st.floats(0.01, 0.99), st.integers(0, 99))
def test_any_shape_gives_the_count_and_zeros(rows: int, columns: int, s: float, seed: int) -> None:
    weight, H = problem(rows, columns, seed=seed)

    new, mask = sparsegpt(weight, H, sparsity=s, blocksize=7)

    expected = sum(
        int(rows * min(7, columns - a) * s) + 1 for a in range(0, columns, 7)
    )  # continuous scores do not tie
    assert (~mask).sum() == expected
    assert not new[~mask].any()
    assert new.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_result_has_the_weights_dtype_and_the_weight_stays(dtype: torch.dtype) -> None:
    weight, H = problem(8, 16)
    weight = weight.to(dtype)
    before, H_before = weight.clone(), H.clone()

    new, mask = sparsegpt(weight, H, sparsity=0.5)

    assert new.dtype == dtype
    assert new.is_contiguous()
    assert mask.is_contiguous()
    assert torch.equal(weight, before)
    assert torch.equal(H, H_before)


def test_dead_inputs_lose_their_column() -> None:
    x = torch.randn(1, 50, 8, generator=torch.Generator().manual_seed(0))
    x[..., 3] = 0
    sums = HessianSum(8)
    sums.add(x)

    new, mask = sparsegpt(torch.ones(4, 8), sums.hessian(), sparsity=0.25)

    assert not new[:, 3].any()
    assert not mask[:, 3].any()
    assert new.isfinite().all()


def test_all_inputs_dead_gives_zeros() -> None:
    new, mask = sparsegpt(torch.ones(2, 4), torch.zeros(4, 4), pattern=Pattern(2, 4))

    assert not new.any()
    assert mask.sum() == 4


def test_zero_rows_and_zero_sparsity_are_fine() -> None:
    weight, H = problem(4, 8)
    weight[1] = 0

    same, everything = sparsegpt(weight, H, sparsity=0.0)
    new, _ = sparsegpt(weight, H, sparsity=0.5)

    assert torch.equal(same, weight)
    assert everything.all()
    assert not new[1].any()


def test_one_by_one_matrix_is_pruned_by_the_reference_count() -> None:
    new, mask = sparsegpt(torch.ones(1, 1), torch.ones(1, 1), sparsity=0.5)

    assert new.tolist() == [[0.0]]
    assert not mask.any()


def test_damping_grows_until_the_factorisation_works() -> None:
    H = torch.tensor([[1.0, 1.05], [1.05, 1.0]])  # smallest eigenvalue -0.05

    factor = inverse_factor(H, percdamp=0.01)

    damped = H + 0.1 * torch.eye(2)
    torch.testing.assert_close(factor.upper.T @ factor.upper, torch.linalg.inv(damped))


@pytest.mark.parametrize(
    "bad", [torch.tensor([[1.0, 99.0], [99.0, 1.0]]), torch.full((2, 2), torch.nan)]
)
def test_a_hopeless_hessian_names_the_matrix(bad: Tensor) -> None:
    with pytest.raises(IterunError, match=r"model\.layers\.3\.fc1") as caught:
        inverse_factor(bad, name="model.layers.3.fc1")

    assert "task.percdamp=" in caught.value.hint


def test_hessian_is_twice_the_mean_over_sequences() -> None:
    """Two sequences of two tokens: Σ x xᵀ = [[1+4+0+1, 0+2+0+1], [.., 1+1+0+1]]; 2/2 of that."""
    x = torch.tensor([[[1.0, 0.0], [2.0, 1.0]], [[0.0, 1.0], [1.0, 1.0]]])
    sums = HessianSum(2)
    sums.add(x[:1])
    sums.add(x[1:])

    assert sums.hessian().tolist() == [[6.0, 3.0], [3.0, 3.0]]


def test_flattened_batches_count_their_sequences() -> None:
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    whole, flat = HessianSum(4), HessianSum(4)

    whole.add(x)
    flat.add(x.flatten(0, 1), n_sequences=3)

    assert torch.equal(whole.hessian(), flat.hessian())


@pytest.mark.parametrize(
    ("columns", "blocksize", "message"),
    [
        (6, 128, "6 columns"),
        (8, 6, "blocksize=6"),
        (8, 0, "blocksize=0"),
    ],
)
def test_widths_that_do_not_divide_are_refused(columns: int, blocksize: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sparsegpt(
            torch.ones(2, columns), torch.eye(columns), pattern=Pattern(2, 4), blocksize=blocksize
        )


def test_matmul_precision_is_put_back() -> None:
    torch.set_float32_matmul_precision("high")
    try:
        with full_float32():
            inside = torch.get_float32_matmul_precision()
        after = torch.get_float32_matmul_precision()
    finally:
        torch.set_float32_matmul_precision("highest")

    assert (inside, after) == ("highest", "high")
