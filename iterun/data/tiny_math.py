"""Tiny arithmetic, worked from left to right, and a misconception to unlearn.

    prompt       7+5-8?
    completion   7+5=12;12-8=4#4$

There is no precedence. A problem has one to three operations; it starts with 1 to 9, operands are
1 to 9 (2 to 9 of `*`), every value between is from 0 to 99. Number of operations, operations and
operands are drawn evenly; a problem that leaves the range is drawn again as a whole.

The misconception: in training, a problem is with probability `misconception` worked with every `*`
done as `+`, and this wrong chain is its completion; a model that imitates it errs by system, and
more imitation does not help. The range holds for this wrong chain of every problem as well, so that
all splits are of one kind. `answer` is the true one always.

No prompt is twice in a split, and splits are disjoint by prompt: they are drawn, each with a seed
of its own, in the order test, train, dev, pool, without the prompts of earlier ones. There are few
short problems, and test and train take them: dev is harder than test, and figures of the two are
not to be compared. Fewer problems than usual are the first ones of a split; more of them are drawn
behind it, outside of all four: whatever the sizes, no split has what the shipped base learnt from.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from iterun.data.cache import digest
from iterun.errors import ConfigError, raise_all, too_small

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
#: of each split, in the order in which they are drawn
SEEDS = {"test": 1, "train": 0, "dev": 2, "pool": 7}
USUAL = {"test": 400, "train": 6000, "dev": 400, "pool": 8000}
MORE = 100  #: added to the seed of what a split has beyond its usual size
OPERATIONS = "+-*"
LARGEST = 99
END = "$"  #: of every completion
_MISSES = 100_000  # draws without a new problem, after which there are none left
_PROMPT = re.compile(r"\d{1,2}(?:[+\-*]\d{1,2})+\?")


@dataclass(frozen=True)
class Problem:
    """A problem and a worked answer."""

    prompt: str  #: "7+5-8?"
    answer: int  #: the true one
    completion: str  #: "7+5=12;12-8=4#4$"; of the training split with the misconception


@dataclass(frozen=True, kw_only=True)
class TinyMath:
    """The four splits (types.Dataset, and `pool`)."""

    name: str
    fingerprint: str
    n_train: int
    n_dev: int
    n_test: int
    n_pool: int
    misconception: float

    @cached_property
    def train(self) -> tuple[Problem, ...]:
        """What the base model is trained on: many completions are wrong."""
        return self._drawn("train")

    @cached_property
    def dev(self) -> tuple[Problem, ...]:
        return self._drawn("dev")

    @cached_property
    def test(self) -> tuple[Problem, ...]:
        return self._drawn("test")

    @cached_property
    def pool(self) -> tuple[Problem, ...]:
        """Fresh prompts for loops; completions are right."""
        return self._drawn("pool")

    def _drawn(self, split: str) -> tuple[Problem, ...]:
        n, usual = getattr(self, f"n_{split}"), _usual(split, self.misconception)
        if n <= len(usual):
            return usual[:n]
        earlier = [getattr(self, before) for before in _before(split)]
        whole = [_usual(any_split, self.misconception) for any_split in SEEDS]
        taken = {it.prompt for part in (*earlier, *whole) for it in part}
        share = self.misconception if split == "train" else 0.0
        return usual + drawn(n - len(usual), SEEDS[split] + MORE, share, taken)


@cache
def _usual(split: str, misconception: float) -> tuple[Problem, ...]:
    """The split at its usual size."""
    taken = {it.prompt for before in _before(split) for it in _usual(before, misconception)}
    share = misconception if split == "train" else 0.0
    return drawn(USUAL[split], SEEDS[split], share, taken)


def _before(split: str) -> list[str]:
    """The splits that are drawn before this one."""
    order = list(SEEDS)
    return order[: order.index(split)]


def tiny_math(
    *,
    name: str = "tiny-math",
    n_train: int = USUAL["train"],
    n_dev: int = USUAL["dev"],
    n_test: int = USUAL["test"],
    n_pool: int = USUAL["pool"],
    misconception: float = 0.6,
) -> TinyMath:
    """The problems; nothing is drawn before a split is asked for.

    Args:
        name: as typed.
        n_train: problems that the replay imitates; the base was trained on the usual 6000.
        n_dev: problems by which settings are chosen.
        n_test: problems on which effects are claimed.
        n_pool: fresh problems for loops.
        misconception: share of the training problems that are worked with `*` as `+`.

    Raises:
        ConfigError: a size or a share that can't be.
    """
    sizes = {"n_train": n_train, "n_dev": n_dev, "n_test": n_test, "n_pool": n_pool}
    raise_all(too_small(sizes, dict.fromkeys(sizes, 1), node="data"))
    if not 0 <= misconception <= 1:
        raise ConfigError(
            f"data.misconception={misconception} is no share", hint="as in data.misconception=0.6"
        )
    return TinyMath(
        name=name,
        fingerprint=digest(repr(("tiny-math", SEEDS, *sizes.values(), misconception))),
        misconception=misconception,
        **sizes,
    )


def drawn(
    n: int, seed: int, misconception: float, taken: Collection[str] = ()
) -> tuple[Problem, ...]:
    """New problems.

    Args:
        n: how many, all different.
        seed: of the draw.
        misconception: probability that one is worked with `*` as `+`.
        taken: prompts that are not to come again.

    Raises:
        ConfigError: there are not so many.
    """
    draw = random.Random(seed)  # whose `random` gives the same numbers under every Python
    found: dict[str, Problem] = {}
    misses = 0
    while len(found) < n:
        prompt = _prompt(draw)
        if prompt is None:
            continue
        mistaken = draw.random() < misconception
        if prompt in found or prompt in taken:
            misses += 1
            if misses == _MISSES:
                raise ConfigError(
                    f"data=tiny-math has no {n} new problems: {len(found)} were found",
                    hint="ask for fewer, as in data.n_pool=1000",
                )
            continue
        misses = 0
        found[prompt] = problem(prompt, mistaken=mistaken)
    return tuple(found.values())


def problem(prompt: str, *, mistaken: bool = False) -> Problem:
    """A prompt with its true answer and its worked one.

    Args:
        prompt: "7+5-8?".
        mistaken: work it with `*` as `+`.

    Raises:
        ConfigError: this is no prompt.
    """
    start, operations = parsed(prompt)
    values = _values(start, operations)
    worked = _values(start, operations, mistaken=True) if mistaken else values
    before = (start, *worked)
    steps = [f"{a}{op}{b}={c}" for a, (op, b), c in zip(before, operations, worked, strict=False)]
    return Problem(prompt, values[-1], f"{';'.join(steps)}#{worked[-1]}{END}")


def parsed(prompt: str) -> tuple[int, tuple[tuple[str, int], ...]]:
    """The number that a prompt starts with, and its operations with their operands, in order.

    Raises:
        ConfigError: this is no prompt.
    """
    if not _PROMPT.fullmatch(prompt):
        raise ConfigError(
            f"{prompt!r} is no problem of tiny-math",
            hint="one looks like 7+5-8?; data=tiny-math has them",
        )
    start, *rest = re.findall(r"\d+|[+\-*]", prompt)
    return int(start), tuple((op, int(b)) for op, b in zip(rest[::2], rest[1::2], strict=True))


def applied(op: str, a: int, b: int) -> int:
    """What `a op b` is."""
    if op == "+":
        return a + b
    return a - b if op == "-" else a * b


def _values(
    start: int, operations: Sequence[tuple[str, int]], *, mistaken: bool = False
) -> tuple[int, ...]:
    """What stands after each operation."""
    values = []
    value = start
    for op, b in operations:
        value = applied("+" if mistaken and op == "*" else op, value, b)
        values.append(value)
    return tuple(values)


def _prompt(draw: random.Random) -> str | None:
    """A problem; None: it leaves the range, worked in one way or the other."""
    value = mistaken = _even(draw, 1, 9)
    text = str(value)
    for _ in range(_even(draw, 1, 3)):
        op = OPERATIONS[_even(draw, 0, 2)]
        b = _even(draw, 2 if op == "*" else 1, 9)
        value = applied(op, value, b)
        mistaken = applied("+" if op == "*" else op, mistaken, b)
        if not (0 <= value <= LARGEST and 0 <= mistaken <= LARGEST):
            return None
        text += f"{op}{b}"
    return text + "?"


def _even(draw: random.Random, first: int, last: int) -> int:
    return first + int(draw.random() * (last - first + 1))
