"""A script answers by its rows, and a resume goes on at the right one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from server_chats import ask

from iterun.errors import ConfigError
from iterun.models.chat import scripted
from iterun.types import ChatModel, LanguageModel

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.types import Placement

ROWS = [
    {"reply": "blue", "match": "colou?r"},
    {"reply": "checked", "agent": "checker", "times": 2},
    {"reply": "first"},
    {"reply": "second"},
    {"reply": "any", "match": "again", "times": None},
]


def script(folder: Path, rows: list[Any] = ROWS) -> Path:
    path = folder / "replies.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def chat_of(path: Path) -> scripted.ScriptedChat:
    return scripted.ScriptedChat("scripted", scripted.rows(path))


def test_rows_answer_what_they_match_and_else_in_order(tmp_path: Path) -> None:
    chat = chat_of(script(tmp_path))
    requests = [
        ask("hello"), ask("which color?"), ask("x", tag={"agent": "checker"}), ask("and then?"),
        ask("again", n=2),
    ]  # fmt: skip

    replies = chat.generate(requests)

    said = [("first",), ("blue",), ("checked",), ("second",), ("any", "any")]
    assert [reply.texts for reply in replies] == said
    assert chat.usage().calls == 5
    assert chat.usage().tokens_logical == 0


def test_a_script_that_runs_out_names_the_prompt(tmp_path: Path) -> None:
    chat = chat_of(script(tmp_path, [{"reply": "one"}]))
    chat.generate([ask("a")])

    with pytest.raises(ConfigError, match=r"no reply left .* of agent solver: what now\?"):
        chat.generate([ask("what now?", tag={"agent": "solver"})])


def test_a_resume_goes_on_at_the_right_row(tmp_path: Path) -> None:
    path = script(tmp_path)
    chat = chat_of(path)
    chat.generate([ask("x")])
    resumed = chat_of(path)

    resumed.restore(json.loads(json.dumps(chat.state())))

    assert resumed.generate([ask("x")]) == chat.generate([ask("x")])
    assert resumed.usage() == chat.usage()


def test_a_state_of_another_file_is_refused(tmp_path: Path) -> None:
    state = chat_of(script(tmp_path)).state()

    with pytest.raises(ConfigError, match="file of 5 replies, not of 1"):
        chat_of(script(tmp_path, [{"reply": "one"}])).restore(state)


def test_a_reply_begins_as_asked(tmp_path: Path) -> None:
    chat = chat_of(script(tmp_path, [{"reply": "4"}, {"reply": "So 4"}]))

    assert [chat.generate([ask("2+2?", prefix="So ")])[0].text for _ in "ab"] == ["So 4", "So 4"]


def test_the_content_tells_one_script_from_another(tmp_path: Path, place: Placement) -> None:
    path = script(tmp_path)
    before = scripted.fingerprint({"path": str(path)})
    (tmp_path / "copy").mkdir()
    same = scripted.fingerprint({"path": str(script(tmp_path / "copy"))})
    script(tmp_path, ROWS[:2])

    assert before == same != scripted.fingerprint({"path": str(path)})
    assert isinstance(scripted.load(ChatModel, place, name="scripted", path=str(path)), ChatModel)
    with pytest.raises(ConfigError, match="cannot serve as LanguageModel"):
        scripted.load(LanguageModel, place, name="scripted", path=str(path))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2 is no JSON"),
        ('"text"', "line 2 has no text as its reply"),
        ('{"reply": 1}', "line 2 has no text as its reply"),
        ('{"reply": "a", "mach": "b"}', "unknown key 'mach'"),
        ('{"reply": "a", "match": "("}', "is no regular expression"),
        ('{"reply": "a", "times": 0}', "times=0 is no count"),
        ('{"reply": "a", "agent": 1}', "match and agent are texts"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text('{"reply": "fine"}\n' + line + "\n")

    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        scripted.rows(path)


def test_a_file_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    for path, said in ((None, "model.path is empty"), (tmp_path / "no", "there is no such file")):
        with pytest.raises(ConfigError, match=said):
            scripted.fingerprint({"path": path})
    with pytest.raises(ConfigError, match="holds no replies"):
        scripted.rows(tmp_path / "empty")
