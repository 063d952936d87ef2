"""A chat model on a server that speaks OpenAI's protocol: hosted, vLLM, Ollama, llama-server.

`load` is what `conf/model/openai.yaml` names. Requests of one call go out concurrently, replies
come back in order. Faults are tried again (`faults`, `retry`), replies kept (`replies_cache`); the
key is read from the environment and shown nowhere.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Literal

from iterun.data.cache import cache_root
from iterun.errors import ConfigError, ServerError
from iterun.models.chat import settings as server_settings
from iterun.models.chat.asking import Asker
from iterun.models.chat.checks import check_requests
from iterun.models.chat.counting import Counted, count
from iterun.models.chat.dialect import Dialect
from iterun.models.chat.endpoint import client, endpoint
from iterun.models.chat.pool import as_completed
from iterun.models.chat.replies_cache import Askings, RepliesCache, described
from iterun.models.chat.retry import Pause, Retry
from iterun.models.forms import wrong_form
from iterun.types import ChatModel, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openai import OpenAI

    from iterun.models.chat.settings import ServerSettings
    from iterun.types import Placement, Request

#: settings that decide no reply
NO_NUMBERS = frozenset(
    {
        "api_key_env", "concurrency", "attempts", "first_wait", "max_wait", "connect_timeout",
        "read_timeout", "on_error", "max_error_rate", "cache", "price_in", "price_out",
    }
)  # fmt: skip


def load(form: type, place: Placement, *, name: str, **settings: Any) -> ServerChat:
    """The chat model of `conf/model/openai.yaml`.

    Args:
        form: `types.ChatModel`.
        place: not used: the server has its own.
        name: as shown.
        **settings: see `ServerSettings`.

    Raises:
        ConfigError: a setting can't be used, or the key is not in the environment.
        UnavailableError: the package openai is not installed.
    """
    if form is not ChatModel:
        raise wrong_form(name, "a chat model on a server", form, settings.get("kinds") or ["chat"])
    return ServerChat(server_settings.read({"name": name, **settings}))


def fingerprint(settings: Mapping[str, Any]) -> str:
    """What tells this model from another: the server's address and its name of the model.

    Raises:
        ConfigError: a setting can't be used; asked for before anything is written, so that a key
            among the settings stays out of the run directory.
    """
    read = server_settings.read(settings)
    return f"server:{read.base_url}#{read.id}"


class ServerChat(Counted):
    """The model (types.ChatModel).

    Args:
        settings: read.
        pause: waits between tries.
        clock: seconds.
        now: seconds since 1970.
    """

    kind: Literal["llm", "scripted", "program"] = "llm"

    def __init__(
        self,
        settings: ServerSettings,
        *,
        pause: Pause = threading.Event.wait,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.name = settings.name
        self.while_waiting: Callable[[], None] = lambda: None  #: ten times a second; may raise
        self._settings = settings
        self._clock = clock
        self._dialect = Dialect(model=settings.id, continues=settings.continue_prefix)
        place = endpoint(settings)
        self._asker = Asker(
            client=client(settings, place),
            place=place,
            dialect=self._dialect,
            retry=Retry(
                attempts=settings.attempts,
                first_wait=settings.first_wait,
                max_wait=settings.max_wait,
                pause=pause,
            ),
            clock=clock,
            now=now,
        )
        self._askings = Askings()
        self._cache = RepliesCache(cache_root() / "llm", settings.cache)
        # Connections stay open between rounds; who forgets `close` leaves none behind.
        self._closing = weakref.finalize(self, _close, self._asker.client, self._cache)
        self._closing.atexit = False  # calls given up may still hang in them

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """A reply to each, in order.

        Raises:
            ConfigError: the server refuses the key, or does not know the model; a request that none
                could answer.
            ServerError: more than model.max_error_rate of the requests got no reply, or one with
                model.on_error=fail.
        """
        check_requests(requests, seeded=False)
        began = self._clock()
        keys = [self._key(request) for request in requests]
        replies = [self._cache.get(key) for key in keys]
        for reply in replies:
            if reply is not None:
                count(self._usage, reply)
        try:
            self._ask_missing(requests, keys, replies)
        finally:
            self._usage.seconds += self._clock() - began
        return [reply for reply in replies if reply is not None]

    def score(self, request: Request, continuations: Sequence[str]) -> list[float]:
        """Not to be had.

        Raises:
            ConfigError: always: the chat protocol gives probabilities of what the model wrote, not
                of what it is shown.
        """
        raise ConfigError(
            f"model.id={self._settings.id} is on a server, which scores no given texts",
            hint="use a model on this machine: model=smollm2-135m, or model=hf model.id=OWNER/NAME",
        )

    def paid(self) -> float | None:
        """The price of all tokens that were paid for; None without model.price_in and price_out."""
        price_in, price_out = self._settings.price_in, self._settings.price_out
        if price_in is None and price_out is None:
            return None
        used = self._usage
        cost = used.tokens_prompt * (price_in or 0) + used.tokens_completion * (price_out or 0)
        return cost / 1e6

    def state(self) -> dict[str, Any]:
        return {
            "usage": super().state(),
            "asked": self._askings.state(),
            "refused": sorted(self._dialect.refused),
            "server": self._server(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state["usage"])
        self._askings.restore(state["asked"])
        if state["server"] == self._server():  # a fork may ask another one, which may take more
            self._dialect.refused = set(state["refused"])

    def close(self) -> None:
        self._closing()

    def _server(self) -> dict[str, str]:
        return {"id": self._settings.id, "base_url": self._settings.base_url}

    def _key(self, request: Request) -> str:
        return self._askings.key(described(request, kind=self.kind, **self._server()))

    def _ask_missing(
        self, requests: Sequence[Request], keys: Sequence[str], replies: list[Reply | None]
    ) -> None:
        """Put a reply in the place of each None; what has come is kept, whatever happens then."""
        missing = [k for k, reply in enumerate(replies) if reply is None]
        n_failed = 0
        for at, reply in as_completed(
            lambda k, stop: self._asker.reply(requests[k], keys[k], stop),
            missing,
            limit=self._settings.concurrency,
            while_waiting=self.while_waiting,
        ):
            replies[missing[at]] = reply
            count(self._usage, reply)
            self._cache.put(keys[missing[at]], reply)
            n_failed += bool(reply.error)
            if reply.error:
                self._refuse_failures(n_failed, len(requests), reply.error)

    def _refuse_failures(self, n_failed: int, n: int, error: str) -> None:
        rate, fails = self._settings.max_error_rate, self._settings.on_error == "fail"
        if not fails and n_failed <= rate * n:
            return
        limit = "model.on_error=fail" if fails else f"model.max_error_rate={rate:g}"
        raise ServerError(
            f"{n_failed} of {n} requests got no reply, which {limit} does not allow; "
            f"the last one: {error}",
            hint="see to the server and go on: iterun resume; what came is kept by model.cache",
        )


def _close(client: OpenAI, cache: RepliesCache) -> None:
    client.close()
    cache.close()
