"""Conversations on the terminal: `iterun show --transcript`, `--open-failures`."""

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PROMPT = "Color the graph.\nVertex 0 is connected to vertex 1."


def line(arm: str, i: int, text: str, ok: bool, *, more: Any = (), **fields: Any) -> dict[str, Any]:
    verdict = {"ok": ok, "score": float(ok), "violations": [] if ok else ["0 and 1 are both red"]}
    said = [{"role": "user", "content": PROMPT}, *more]
    return {
        "agent": arm, "instance": "g1", "round": i, "i": i, "model": "smollm2-135m", "kind": "llm",
        "messages": said, "tokens_prompt": 7, "tokens_completion": 3,
        "replies": [{"text": text, "finish": "stop", "parsed": None, "verdict": verdict}], **fields,
    }  # fmt: skip


@pytest.fixture
def told(runs: Any) -> "Path":
    """A run whose verified arm solves g1 in round 1, and whose other arm never does."""
    directory: Path = runs()
    rows = [
        line("external", 0, "0: red", False),
        line("external", 1, "0: red\n1: blue", True, more=[{"role": "user", "content": "No."}]),
        line("self", 0, "0: red", False),
        {**line("self", 1, "\x1b[31mred", False), "error": "\x1b[2J"},
    ]
    (directory / "artifacts").mkdir(exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (directory / "artifacts/transcript.jsonl").write_text(text + '{"torn": ')
    return directory


def test_a_conversation_is_told_arm_by_arm_and_nothing_twice(iterun: Any, told: "Path") -> None:
    found = iterun("show", "@-1", "--transcript", "g1").lines

    heads = [text for text in found if "· round" in text]
    assert heads == [f"{arm} · round {i}" for arm in ("external", "self") for i in (0, 1)]
    assert "\n".join(found).count("Vertex 0 is connected to vertex 1.") == 4
    assert sum(text.startswith("user       as in round 0: Color the graph.") for text in found) == 3
    assert "verdict    wrong: 0 and 1 are both red" in found
    assert "           7 + 3 tokens" in found


def test_nothing_in_a_transcript_reaches_the_terminal_as_a_command(
    iterun: Any, told: "Path"
) -> None:
    assert "\x1b" not in iterun("show", "@-1", "--transcript", "g1").out


def test_one_round_alone(iterun: Any, told: "Path") -> None:
    found = iterun("show", "@-1@1", "--transcript", "g1").lines

    assert [text for text in found if "· round" in text] == [
        "external · round 1", "self · round 1",
    ]  # fmt: skip


def test_open_failures_are_what_no_answer_of_an_arm_solved(iterun: Any, told: "Path") -> None:
    found = iterun("show", "@-1", "--open-failures").lines

    assert "1 instance, 1 unsolved over all arms" in found[0]
    assert [text.split()[:3] for text in found[2:3]] == [["g1", "self", "2"]]
    assert json.loads(iterun("show", "@-1", "--open-failures", "--json").out) == [
        {"instance": "g1", "arm": "self", "answers": 2, "last": "0 and 1 are both red"}
    ]


def test_a_program_is_called_one(iterun: Any, told: "Path") -> None:
    path = told / "artifacts/transcript.jsonl"
    path.write_text(path.read_text().replace('"llm"', '"program"'))

    assert "a program, no language model" in iterun("show", "@-1", "--transcript", "g1").lines[0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--transcript", "g2"], "asked nothing about it"),
        (["--transcript", "g1", "--open-failures"], "exclude one another"),
    ],
)
def test_what_cannot_be_shown_is_said(
    iterun: Any, told: "Path", words: list[str], sentence: str
) -> None:
    answer = iterun("show", "@-1", *words)

    assert (answer.status, sentence in answer.err) == (2, True)


def test_a_run_without_a_transcript_says_so(iterun: Any, runs: Any) -> None:
    runs()

    answer = iterun("show", "@-1", "--transcript", "g1")

    assert (answer.status, "has no transcript" in answer.err) == (2, True)


def test_the_indentation_of_code_stays(iterun: Any, told: "Path") -> None:
    program = "def f(x):\n    if x:\n\t\treturn x   # as it is\n    return " + "x + " * 30 + "1"
    path = told / "artifacts/transcript.jsonl"
    path.write_text(json.dumps(line("self", 0, program, True)) + "\n")

    found = iterun("show", "@-1", "--transcript", "g1").lines

    first = found.index("reply      def f(x):")
    margin = " " * 11
    assert found[first + 1 : first + 3] == [
        f"{margin}    if x:",
        f"{margin}        return x   # as it is",
    ]
    assert found[first + 3].startswith(f"{margin}    return x + ")
    assert found[first + 4].startswith(f"{margin}      + x")


def test_a_verdict_that_is_neither_right_nor_wrong_says_what_it_says(
    iterun: Any, told: "Path", monkeypatch: pytest.MonkeyPatch
) -> None:
    row = line("designer", 0, "assert f() == 1", True)
    row["replies"][0]["verdict"] = {"asserts": 3}
    (told / "artifacts/transcript.jsonl").write_text(json.dumps(row) + "\n")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")

    found = iterun("show", "@-1", "--transcript", "g1").out

    said = [text for text in found.splitlines() if "asserts=3" in text]
    assert [text[-9:] for text in said] == ["asserts=3"]
    assert "wrong" not in found


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ({"by": "its tests"}, "passes its tests, and fails the hidden ones"),
        ({}, "right, but another answer counts"),
    ],
)
def test_an_open_failure_that_was_accepted_is_told_from_a_rejected_sibling(
    iterun: Any, told: "Path", by: dict[str, str], said: str
) -> None:
    solved = {"solved": {"own": False}}
    verdicts = [{"ok": True, "score": 1.0}, {"ok": False, "score": 0.0, "violations": ["no"]}]
    rows = [line("own", 0, "", True) for _ in verdicts]
    for row, verdict in zip(rows, verdicts, strict=True):
        row["replies"] = [{"text": "", "verdict": verdict | by | solved}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (told / "artifacts/transcript.jsonl").write_text(text)

    found = json.loads(iterun("show", "@-1", "--open-failures", "--json").out)

    assert [one["last"] for one in found] == [said]
