"""A chat model that grades answers from 0 to 10."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from iterun.models.chat import desk
from iterun.types import Message, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.models.chat.desk import Desk, Exchange
    from iterun.models.rlhf_answers import Answer

BEST = 10
GRADES = tuple(str(grade) for grade in range(BEST + 1))
ASKED = (
    "Here is a question and an answer to it.\n\nQuestion: {question}\n\nAnswer: {answer}\n\n"
    f"Grade the answer with a whole number from 0 (wrong or useless) to {BEST} (right and "
    "complete). Reply with the number alone."
)


class Keeper(desk.Keeper, Protocol):
    """What the judge needs of a run."""

    def seed_of(self, name: str, *key: object) -> int: ...


class ChatJudge:
    """Rewards are grades divided by 10 (`rlhf_answers.Judge`).

    A reply without a grade, or none at all, earns 0 and is counted in `parse_fail`. Every question
    stands in the transcript.
    """

    floor = 0.0

    def __init__(self, desk: Desk, run: Keeper) -> None:
        self._desk, self._run = desk, run
        self._spent: Counter[str] = Counter()
        self._asked = False
        self.name = f"model@judge={desk.model.name}"

    def rewards(self, answers: Sequence[Answer]) -> list[float]:
        """Of each answer, in order; equal answers to one prompt are asked about once.

        Raises:
            ConfigError: the model can't be used as it is set.
            ServerError: its server failed too often.
        """
        known = {(it.problem.prompt, it.text): None for it in answers}
        exchanges = self._desk.ask([self._request(*both, k) for k, both in enumerate(known)])
        grades = dict(zip(known, map(self._graded, exchanges), strict=True))
        self._desk.file()
        self._spent.update(self._desk.metrics())
        self._asked = True
        return [grades[it.problem.prompt, it.text] for it in answers]

    def spent(self) -> dict[str, int]:
        """Counts since the last time it was asked for; empty if nothing was asked."""
        found, self._spent = dict(self._spent), Counter()
        asked, self._asked = self._asked, False
        return found if asked else {}

    def _request(self, question: str, answer: str, number: int) -> Request:
        text = ASKED.format(question=question, answer=answer)
        return Request(
            messages=(Message(role="user", content=text),),
            max_tokens=8,
            seed=self._run.seed_of("judge", number),
            choices=(GRADES,),
            tag={"agent": "judge", "instance": question},
        )

    def _graded(self, exchange: Exchange) -> float:
        said = "" if exchange.failed else exchange.reply.text
        found = re.search(r"\d+", said)
        grade = int(found[0]) if found else None
        if grade is None or grade > BEST:
            self._spent["parse_fail"] += 1
            exchange.judged(0, None, None)
            return 0.0
        exchange.judged(0, grade, {"reward": grade / BEST})
        return grade / BEST
