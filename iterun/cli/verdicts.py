"""What the verdicts of a transcript say of its answers, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.cli.formats import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Verdict = Mapping[str, Any]

_SAID = ("ok", "by", "violations", "solved")  # in words


def is_right(verdict: Verdict) -> bool:
    """Whether the answer was accepted."""
    return verdict.get("ok") is True


def judged(verdict: Verdict) -> str:
    """Right or wrong, or whether it passes tests that may err; of neither, what it says."""
    by = worded(verdict.get("by") or "")
    match verdict.get("ok"):
        case True:
            return f"passes {by}" if by else "right"
        case False:
            return f"{f'fails {by}' if by else 'wrong'}: {_fault(verdict)}"
    return _fault(verdict)


def unsolved(verdicts: Sequence[Verdict]) -> str:
    """Why answers leave an instance unsolved: the accepted one's verdict, else the last one's."""
    accepted = next((verdict for verdict in verdicts if is_right(verdict)), None)
    if accepted is None:
        return _fault(verdicts[-1])
    if by := accepted.get("by"):
        return f"passes {worded(by)}, and fails the hidden ones"
    return "right, but another answer counts"


def _fault(verdict: Verdict) -> str:
    """What was wrong, in the verifier's own words; else the numbers."""
    found = verdict.get("violations") or verdict.get("error")
    if isinstance(found, list):
        return "; ".join(map(worded, found[:3])) + (
            f" and {len(found) - 3} more" if len(found) > 3 else ""
        )
    if found:
        return worded(found)
    rest = {name: x for name, x in verdict.items() if name not in _SAID}
    return " ".join(f"{name}={worded(x)}" for name, x in rest.items())


def worded(value: Any) -> str:
    """A recorded value as text."""
    return value if isinstance(value, str) else json_text(value)
