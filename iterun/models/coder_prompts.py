"""What a programmer and a test designer are asked (AgentCoder, arXiv 2312.13010), in our words.

The paper's programmer explains the problem, names an algorithm and writes pseudocode before code;
its designer sees the task alone, and writes basic, edge and large-scale cases.
"""

from __future__ import annotations

from iterun.types import Message

_PROGRAMMER = (
    "You are a programmer. You write correct, self-contained Python functions with the standard "
    "library only."
)
_DESIGNER = "You are a tester. You write test cases for a Python function that you have not seen."


def programmer(prompt: str, entry: str) -> tuple[Message, ...]:
    """The first question: the task alone."""
    task = (
        f"Complete this function.\n\n```python\n{prompt}```\n\n"
        "Work in four steps: say in one or two sentences what is asked; choose an algorithm; give "
        f"pseudocode; then write the whole function `{entry}`, with the imports it needs, in one "
        "block that begins with ```python and ends with ```."
    )
    return (Message(role="system", content=_PROGRAMMER), Message(role="user", content=task))


def again(first: tuple[Message, ...], program: str, feedback: str) -> tuple[Message, ...]:
    """The question with what came of the answer.

    Args:
        first: as `programmer` asks it.
        program: the last answer; empty: none could be read.
        feedback: of the executor.
    """
    ask = f"{feedback}\nMend the function, and give all of it in one ```python block."
    if not program:
        head, last = first[:-1], first[-1]
        return (*head, Message(role="user", content=f"{last.content}\n\n{ask}"))
    answer = Message(role="assistant", content=f"```python\n{program}```")
    return (*first, answer, Message(role="user", content=ask))


def designer(prompt: str, entry: str, n: int) -> tuple[Message, ...]:
    """The designer's question; it never sees an answer of the programmer."""
    task = (
        f"This function is to be tested.\n\n```python\n{prompt}```\n\n"
        f"Write {n} test cases: basic ones, edge cases such as empty or extreme inputs, and "
        f"large-scale ones. Each is one line of the form `assert {entry}(...) == ...`. Give them "
        "in one block that begins with ```python and ends with ```, and nothing else in it."
    )
    return (Message(role="system", content=_DESIGNER), Message(role="user", content=task))
