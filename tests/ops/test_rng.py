import random

import numpy as np
import pytest
import torch

from iterun.ops.rng import Generators, globals_state, restore_globals, seed_globals
from iterun.store import checkpoint


def draw(generator):
    return torch.rand(4, generator=generator)


def test_a_generator_is_a_function_of_seed_and_name():
    first, second = Generators(3), Generators(3)

    assert torch.equal(draw(first.torch("noise")), draw(second.torch("noise")))
    assert not torch.equal(draw(Generators(4).torch("noise")), draw(Generators(3).torch("noise")))
    assert not torch.equal(draw(Generators(3).torch("init")), draw(Generators(3).torch("noise")))


def test_seeds_are_stable_across_versions():
    """The first numbers of seed 3, worked out once: a change here changes every run."""
    generators = Generators(3)

    assert draw(generators.torch("noise"))[0].item() == pytest.approx(0.08773940801620483, abs=1e-7)
    assert generators.numpy("noise").random() == 0.5012045181858238


def test_without_a_key_a_generator_goes_on():
    generators = Generators(3)

    assert generators.torch("noise") is generators.torch("noise")
    assert not torch.equal(draw(generators.torch("noise")), draw(generators.torch("noise")))
    assert generators.numpy("noise") is generators.numpy("noise")


def test_with_a_key_a_generator_is_a_pure_function():
    generators = Generators(3)

    assert torch.equal(draw(generators.torch("order", 2)), draw(generators.torch("order", 2)))
    assert not torch.equal(draw(generators.torch("order", 2)), draw(generators.torch("order", 3)))
    assert generators.numpy("order", 2).random() == generators.numpy("order", 2).random()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1,), ("1",)),
        ((1, 2), ((1, 2),)),
        (("a", "b"), ("a,b",)),
        ((None,), ("None",)),
        ((1,), (1, 1)),
    ],
)
def test_keys_of_another_kind_are_other_keys(one, other):
    generators = Generators(3)

    assert generators.numpy("order", *one).random() != generators.numpy("order", *other).random()


def test_a_numpy_integer_is_the_same_key_as_a_plain_one():
    generators = Generators(3)

    first, second = generators.numpy("order", np.int64(5)), generators.numpy("order", 5)

    assert first.random() == second.random()


def test_a_key_without_a_stable_text_is_refused():
    with pytest.raises(TypeError, match="made of strings and numbers"):
        Generators(3).torch("order", object())


def test_restored_generators_go_on_where_they_were(tmp_path):
    generators = Generators(3)
    draw(generators.torch("noise")), generators.numpy("draw").random(3)
    checkpoint.save(tmp_path, 1, generators.state())
    expected = draw(generators.torch("noise")), generators.numpy("draw").random(3)

    again = Generators(3)
    again.restore(checkpoint.load(tmp_path, 1))

    assert torch.equal(draw(again.torch("noise")), expected[0])
    assert np.array_equal(again.numpy("draw").random(3), expected[1])


def test_restore_reaches_the_generators_already_handed_out():
    generators = Generators(3)
    handed, in_numpy = generators.torch("noise"), generators.numpy("draw")
    state = generators.state()
    expected = draw(handed), in_numpy.random()

    generators.restore(state)

    assert torch.equal(draw(handed), expected[0])
    assert in_numpy.random() == expected[1]


def test_states_nobody_asked_for_yet_are_kept_for_the_next_checkpoint():
    generators = Generators(3)
    draw(generators.torch("noise")), generators.numpy("draw").random()
    again = Generators(3)
    again.restore(generators.state())

    third = Generators(3)
    third.restore(again.state())

    assert torch.equal(draw(third.torch("noise")), draw(generators.torch("noise")))
    assert third.numpy("draw").random() == generators.numpy("draw").random()


def everywhere():
    legacy = np.random.rand()  # noqa: NPY002  what libraries draw from
    return random.random(), legacy, random.gauss(0, 1), torch.rand(1).item()


def test_global_generators_are_seeded_and_restored(tmp_path):
    seed_globals(3)
    first = everywhere()
    checkpoint.save(tmp_path, 1, globals_state())
    second = everywhere()

    restore_globals(checkpoint.load(tmp_path, 1))
    assert everywhere() == second
    seed_globals(3)
    assert everywhere() == first


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_generators_on_a_gpu_are_restored():
    generators = Generators(3)
    noise = generators.torch("noise", device="cuda")
    state = generators.state()
    expected = torch.rand(4, generator=noise, device="cuda")

    generators.restore(state)

    assert torch.equal(torch.rand(4, generator=noise, device="cuda"), expected)
