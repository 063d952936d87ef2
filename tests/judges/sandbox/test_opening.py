"""The level is the strongest that works, or the one asked for, or an error that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from iterun.errors import ConfigError, ConfigErrors, UnavailableError
from iterun.judges.sandbox import opening
from iterun.judges.sandbox.levels import LEVELS
from iterun.judges.sandbox.opening import open_sandbox, why_not

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say which levels work, whatever this machine has."""

    def only(*levels: str) -> None:
        monkeypatch.setattr(
            opening, "why_not", lambda level: "" if level in levels else f"no {level} here"
        )

    return only


def test_auto_takes_the_strongest_that_works(offer: Callable[..., None]) -> None:
    for n in range(3):
        offer(*LEVELS[n:])

        assert open_sandbox().level == LEVELS[n]


def test_only_rlimits_has_a_remark(offer: Callable[..., None]) -> None:
    offer(*LEVELS)

    remarks = [open_sandbox(level=level).remark for level in LEVELS]

    assert remarks[:2] == ["", ""]
    assert "\n" not in remarks[2]
    assert "sandbox.require=namespace" in remarks[2]
    assert "network" in remarks[2]


@pytest.mark.parametrize("level", ["auto", "rlimits"])
def test_requiring_a_namespace_refuses_rlimits(level: str, offer: Callable[..., None]) -> None:
    offer("rlimits")

    with pytest.raises(ConfigError, match=r"sandbox\.require=namespace") as caught:
        open_sandbox(level=level, require="namespace")

    assert "bubblewrap" in caught.value.hint


def test_requiring_a_namespace_takes_either_kind(offer: Callable[..., None]) -> None:
    offer("unshare", "rlimits")

    assert open_sandbox(require="namespace").level == "unshare"


def test_a_level_that_does_not_work_says_why(offer: Callable[..., None]) -> None:
    offer("rlimits")

    with pytest.raises(UnavailableError, match=r"sandbox\.level=bwrap .*no bwrap here") as caught:
        open_sandbox(level="bwrap")

    assert "sandbox.level=auto" in caught.value.hint


def test_a_missing_program_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    monkeypatch.setattr(opening, "why_not", opening.why_not.__wrapped__)

    assert opening.why_not("bwrap") == "there is no bwrap here"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": "bubblewrap"}, "sandbox.level=bubblewrap is none of"),
        ({"require": "docker"}, "sandbox.require=docker"),
        ({"timeout": 0}, "sandbox.timeout=0"),
        ({"timeout": float("nan")}, "sandbox.timeout=nan"),
        ({"memory_mb": 8}, "sandbox.memory_mb=8 is too little"),
        ({"output_kb": -1}, "sandbox.output_kb=-1"),
        ({"memory_mb": 512.5}, "sandbox.memory_mb=512.5 is no whole number"),
        ({"timeout": "5s"}, "sandbox.timeout=5s"),
        ({"processes": 0}, "sandbox.processes=0"),
        ({"file_mb": -1}, "sandbox.file_mb=-1"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_as_typed(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_sandbox(**settings)

    assert caught.value.message.startswith(message)
    assert "sandbox." in caught.value.hint


def test_all_faults_are_told_together() -> None:
    with pytest.raises(ConfigErrors) as caught:
        open_sandbox(level="none", timeout=-1, memory_mb=0)

    assert len(caught.value.errors) == 3


def test_some_level_works_here() -> None:
    assert [level for level in LEVELS if not why_not(level)]
