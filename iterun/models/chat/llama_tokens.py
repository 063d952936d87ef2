"""A GGUF file's tokenizer with the few words of transformers' that a conversation needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class LlamaTokens:
    """The tokenizer inside a `llama_cpp.Llama`."""

    def __init__(self, llama: Any) -> None:
        self._llama = llama
        self.chat_template: str | None = llama.metadata.get("tokenizer.chat_template")
        self.eos_token_id = int(llama.token_eos())

    def __call__(self, texts: Sequence[str], *, add_special_tokens: bool) -> dict[str, Any]:
        ids = [
            self._llama.tokenize(text.encode(), add_bos=add_special_tokens, special=True)
            for text in texts
        ]
        return {"input_ids": ids}

    def decode(self, ids: Sequence[int], **_: bool) -> str:
        """Text without control tokens."""
        decoded: bytes = self._llama.detokenize(list(ids))
        return decoded.decode("utf-8", "replace")

    def apply_chat_template(self, turns: Sequence[Mapping[str, str]], **_: bool) -> str:
        """The turns and the beginning of the next, the assistant's, as text."""
        from jinja2.exceptions import TemplateError
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        end, begin = self._special(self.eos_token_id), self._special(self._llama.token_bos())
        formatter = Jinja2ChatFormatter(self.chat_template or "", end, begin)
        try:
            return str(formatter(messages=list(turns)).prompt)
        except ValueError as refusal:  # what a template raises is one there
            raise TemplateError(str(refusal)) from refusal

    def get_vocab(self) -> dict[str, int]:
        """None by name: llama.cpp knows which tokens end a turn."""
        return {}

    def ends(self) -> list[int]:
        """Tokens that end a text or a turn."""
        import llama_cpp

        vocabulary = llama_cpp.llama_model_get_vocab(self._llama.model)
        n = self._llama.n_vocab()
        return [k for k in range(n) if llama_cpp.llama_vocab_is_eog(vocabulary, k)]

    def _special(self, token: int) -> str:
        written: bytes = self._llama.detokenize([token], special=True) if token >= 0 else b""
        return written.decode("utf-8", "replace")
