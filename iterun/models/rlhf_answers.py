"""A policy's answers to prompts, several to each, what a judge says of them, and who is paired."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean, pstdev
from typing import TYPE_CHECKING, Any, Protocol

from iterun.ops.preference import select_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from iterun.models.policy_sampling import Drawn


RIGHT = "right"


class Problem(Protocol):
    """What a prompt data set holds; those with `answer` can be checked."""

    @property
    def prompt(self) -> str: ...


@dataclass(kw_only=True)
class Answer:
    """One answer to one prompt."""

    problem: Problem
    prompt: tuple[int, ...]  #: tokens
    drawn: Drawn
    text: str
    reward: float = 0.0
    kind: str = ""  #: right, wrong, malformed or truncated; "": nobody could tell

    def row(self) -> dict[str, Any]:
        """As samples-<i>.jsonl has it."""
        said = {"prompt": self.problem.prompt, "text": self.text, "reward": self.reward}
        return said | ({"judged": self.kind} if self.kind else {})


class Judge(Protocol):
    """Gives answers their rewards; what is higher is better."""

    name: str  #: in messages
    floor: float  #: an answer whose reward is no higher is never imitated

    def rewards(self, answers: Sequence[Answer]) -> list[float]: ...


class Exact:
    """Knows the right answers: a judge, and a checker beside any other.

    Args:
        verdict: of a problem and a text; its `kind` is right, wrong, malformed or truncated.
    """

    name, floor = "the exact judge", 0.0

    def __init__(self, verdict: Callable[[Any, str], Any]) -> None:
        self._verdict = verdict

    def kind(self, answer: Answer) -> str:
        found: str = self._verdict(answer.problem, answer.text).kind
        return found

    def rewards(self, answers: Sequence[Answer]) -> list[float]:
        return [float(self.kind(it) == RIGHT) for it in answers]


def is_tied(group: Sequence[Answer]) -> bool:
    """Whether no answer to the prompt is better than another."""
    return len({it.reward for it in group}) == 1


def described(groups: Sequence[Sequence[Answer]]) -> dict[str, float]:
    """Metrics of a round's answers."""
    answers = [it for group in groups for it in group]
    rewards, n = [it.reward for it in answers], len(answers)
    found = {
        "reward_mean": mean(rewards),
        "reward_std": pstdev(rewards),
        "response_length": sum(len(it.drawn.tokens) for it in answers) / n,
        "pairs": sum(not is_tied(group) for group in groups),
        "truncated_rate": sum(not it.drawn.has_ended for it in answers) / n,
    }
    if answers[0].kind:
        found["malformed_rate"] = sum(it.kind == "malformed" for it in answers) / n
    return found


def pairs(
    groups: Sequence[Sequence[Answer]],
    pairing: str,
    length_penalty: float,
    draw: np.random.Generator,
) -> list[tuple[Answer, Answer]]:
    """At most one pair a prompt, (better, worse); prompts whose answers tie have none.

    Args:
        groups: the answers to each prompt.
        pairing: `random`: any two of unlike rewards; else as `select_pair`.
        length_penalty: of `max_min_p`, per token.
        draw: for `random`.
    """
    found = []
    for group in groups:
        rewards = [it.reward for it in group]
        if pairing == "random":
            pair = _any_pair(rewards, draw)
        else:
            lengths = [len(it.drawn.tokens) for it in group]
            pair = select_pair(rewards, lengths, pairing, length_penalty)  # type: ignore[arg-type]  # checked before
        if pair is not None:
            found.append((group[pair[0]], group[pair[1]]))
    return found


def best(groups: Sequence[Sequence[Answer]], floor: float) -> list[Answer]:
    """The answers that share their prompt's highest reward, where that is above `floor`."""
    found = []
    for group in groups:
        highest = max(it.reward for it in group)
        found += [it for it in group if it.reward == highest > floor]
    return found


def _any_pair(rewards: Sequence[float], draw: np.random.Generator) -> tuple[int, int] | None:
    """Uniformly one of all (better, worse); the number drawn does not depend on there being any."""
    at = float(draw.random())
    n = range(len(rewards))
    unlike = [(a, b) for a in n for b in n if rewards[a] > rewards[b]]
    return unlike[int(at * len(unlike))] if unlike else None
