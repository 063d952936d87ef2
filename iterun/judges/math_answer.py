"""Judges of tiny arithmetic: the answer alone, or every step on the way to it.

A text is what a model writes after the prompt, `7+5=12;12-8=4#4$`; what follows its first `$` is
left out, and after a `!`, a second attempt, only the last attempt counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from iterun.data.tiny_math import END, applied, parsed, problem

if TYPE_CHECKING:
    from iterun.data.tiny_math import Problem

Kind = Literal["right", "wrong", "malformed", "truncated"]
AGAIN = "!"  # begins another attempt


@dataclass(frozen=True)
class Verdict:
    """What is true of a text."""

    score: float  #: in [0, 1]
    kind: Kind  #: of its answer: `malformed` has none that can be read, `truncated` no end


class AnswerJudge:
    """Right is a text that ends and whose answer, between `#` and `$`, is the true one, exactly."""

    def score(self, problem: Problem | str, text: str) -> float:
        """1 for right, else 0.

        Args:
            problem: or its prompt alone.
            text: the model's, with its `$`.

        Raises:
            ConfigError: no prompt of tiny arithmetic.
        """
        return self.verdict(problem, text).score

    def verdict(self, problem: Problem | str, text: str) -> Verdict:
        """As `score`, and what kind of answer it is."""
        kind = _kind(true_answer(problem), text)
        return Verdict(float(kind == "right"), kind)


class StepJudge:
    """Judges each step `a op b=c`: operands as the prompt and the value before have it, c right."""

    def score(self, problem: Problem | str, text: str) -> float:
        """Share of steps and answer that are right up to the first fault; 1: all of it.

        Args:
            problem: or its prompt alone.
            text: the model's; a text that is cut gets what it has earned so far.

        Raises:
            ConfigError: no prompt of tiny arithmetic.
        """
        right = self.right(problem, text)
        n_parts = len(parsed(_prompt(problem))[1]) + 1
        complete = _kind(true_answer(problem), text) == "right"
        done = sum(right) + (len(right) == n_parts - 1 and all(right) and complete)
        return done / n_parts

    def right(self, problem: Problem | str, text: str) -> list[bool]:
        """Of each step that the text has: whether it and all before it are right.

        A step that is not finished, a cut text's last one, counts as wrong.
        """
        value, operations = parsed(_prompt(problem))
        steps = _attempt(text).partition(END)[0].partition("#")[0].split(";")
        found: list[bool] = []
        for k, step in enumerate(steps):
            fine = all(found) and k < len(operations)
            if fine:
                op, b = operations[k]
                a, value = value, applied(op, value, b)
                fine = step == f"{a}{op}{b}={value}"
            found.append(fine)
        return found


def true_answer(it: Problem | str) -> int:
    """The true answer of a problem or a prompt."""
    return problem(it).answer if isinstance(it, str) else it.answer


def _kind(answer: int, text: str) -> Kind:
    attempt, end, _ = _attempt(text).partition(END)
    if not end:
        return "truncated"
    _, mark, said = attempt.partition("#")
    if not mark or not (said.isascii() and said.isdigit()):
        return "malformed"
    return "right" if said == str(answer) else "wrong"


def _attempt(text: str) -> str:
    """The last attempt, up to the end."""
    whole, end, _ = text.partition(END)
    return whole.rpartition(AGAIN)[2] + end


def _prompt(it: Problem | str) -> str:
    return it if isinstance(it, str) else it.prompt
