"""The settings of a chat model on a server: read, judged, and free of keys."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from iterun.errors import ConfigError, raise_all, unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: whole numbers and numbers: (type, least, most, what it is)
_NUMBERS: dict[str, tuple[type, float, float, str]] = {
    "concurrency": (int, 1, 1024, "a whole number from 1"),
    "attempts": (int, 1, 100, "a whole number from 1 to 100"),
    "first_wait": (float, 0, 3600, "seconds from 0 to 3600"),
    "max_wait": (float, 0, 86400, "seconds from 0 to 86400"),
    "connect_timeout": (float, 0.01, 86400, "seconds from 0.01"),
    "read_timeout": (float, 0.01, 86400, "seconds from 0.01"),
    "max_error_rate": (float, 0, 1, "a share from 0 to 1"),
}
_EXAMPLES = {
    "concurrency": "8", "attempts": "6", "first_wait": "0.5", "max_wait": "60",
    "connect_timeout": "10", "read_timeout": "120", "max_error_rate": "0.5",
}  # fmt: skip
_WORDS = {"on_error": ("record", "fail"), "cache": ("readwrite", "read", "off")}
_PRICES = ("price_in", "price_out")
#: how keys of well-known services begin
_KEY = re.compile(
    r"(?:\b(?:sk|pk|rk|gsk|xai|nvapi|pplx|csk|fw|r8|hf|ghp|tgp)[-_]|\bAIza|\bBearer\s+)[\w-]{16,}"
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRETS = ("key", "token", "secret", "password", "sig")


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """What `conf/model/openai.yaml` sets; the values stand there."""

    name: str  #: as `iterun ls` shows the model
    id: str  #: the server's name of the model
    base_url: str  #: up to and with /v1
    api_key_env: str | None  #: the environment variable that holds the key; None: no key
    concurrency: int  #: requests at a time
    attempts: int  #: tries of a request, the first included
    first_wait: float  #: seconds; the longest wait before the second try, doubled for each next one
    max_wait: float  #: seconds; also caps what the server asks for
    connect_timeout: float  #: seconds
    read_timeout: float  #: seconds without a byte from the server
    on_error: Literal["record", "fail"]  #: what a request without a reply does
    max_error_rate: float  #: share of one round's requests that may fail, 0 to 1
    cache: Literal["readwrite", "read", "off"]
    continue_prefix: bool  #: the server goes on from a last message of the assistant's
    price_in: float | None  #: per million prompt tokens
    price_out: float | None  #: per million tokens of replies


def read(settings: Mapping[str, Any]) -> ServerSettings:
    """The settings in their types.

    Raises:
        ConfigError: every fault, together; what looks like a key is not repeated in the message.
    """
    given = {key: value for key, value in settings.items() if key != "kinds"}
    if given.get("cache") is False:  # YAML 1.1 reads off as false
        given["cache"] = "off"
    raise_all(_faults(given))
    for name, (kind, *_) in _NUMBERS.items():
        given[name] = kind(given[name])
    for name in _PRICES:
        given[name] = None if given[name] is None else float(given[name])
    return ServerSettings(**given | {"base_url": given["base_url"].rstrip("/")})


def looks_like_key(text: str) -> bool:
    """Whether it begins as keys of well-known services do."""
    return _KEY.search(text) is not None


def _faults(given: Mapping[str, Any]) -> Iterator[ConfigError]:
    known = [field.name for field in fields(ServerSettings)]
    if "api_key" in given:
        yield ConfigError(
            "model.api_key: a key is not a setting, since settings are written into the run",
            hint="export OPENAI_API_KEY=..., and name it: model.api_key_env=OPENAI_API_KEY",
        )
    for key in given:
        if key not in known and key != "api_key":
            yield unknown_key("model", key, known, "setting of a chat model on a server")
    missing = [key for key in known if key not in given]
    if missing:
        yield ConfigError(
            f"model.{missing[0]} is missing", hint="begin with model=openai, which sets all of them"
        )
        return
    yield from _faults_of_place(given)
    yield from _faults_of_key(given)
    yield from _faults_of_values(given)


def _faults_of_place(given: Mapping[str, Any]) -> Iterator[ConfigError]:
    id, url = given["id"], given["base_url"]
    if not isinstance(id, str) or not id:
        yield ConfigError(
            "model.id is empty: it does not say which of the server's models is meant",
            hint="name it as the server does (GET /v1/models lists them): model.id=NAME",
        )
    elif looks_like_key(id):
        yield ConfigError("model.id looks like a key", hint=_PUT_INTO_ENVIRONMENT)
    if not isinstance(url, str) or not _is_url(url):
        yield ConfigError(
            "model.base_url is no address of a server",
            hint="as in model.base_url=http://localhost:8000/v1",
        )
        return
    parts = urlsplit(url)
    secret = any(word in name.lower() for name, _ in parse_qsl(parts.query) for word in _SECRETS)
    if parts.username is not None or parts.password is not None:
        yield ConfigError(
            "model.base_url holds a user's name or password, which would be written into the run",
            hint=_PUT_INTO_ENVIRONMENT,
        )
    elif secret or looks_like_key(url):
        yield ConfigError("model.base_url holds what looks like a key", hint=_PUT_INTO_ENVIRONMENT)


def _faults_of_key(given: Mapping[str, Any]) -> Iterator[ConfigError]:
    variable = given["api_key_env"]
    if variable is None:
        return
    if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable) or _is_no_name(variable):
        yield ConfigError(
            "model.api_key_env is no name of an environment variable; it may be the key itself",
            hint=_PUT_INTO_ENVIRONMENT,
        )


def _faults_of_values(given: Mapping[str, Any]) -> Iterator[ConfigError]:
    for name, (kind, least, most, meaning) in _NUMBERS.items():
        if not _is_number(value := given[name], kind) or not least <= value <= most:
            yield ConfigError(
                f"model.{name}={value} is not {meaning}",
                hint=f"as in model.{name}={_EXAMPLES[name]}",
            )
    for name, words in _WORDS.items():
        if given[name] not in words:
            yield ConfigError(
                f"model.{name}={given[name]} is none of {', '.join(words)}",
                hint=f"as in model.{name}={words[0]}",
            )
    for name in _PRICES:
        value = given[name]
        if value is not None and not (_is_number(value, float) and value >= 0):
            yield ConfigError(
                f"model.{name}={value} is no price per million tokens",
                hint=f"as in model.{name}=0.15, or model.{name}=null",
            )
    if not isinstance(given["continue_prefix"], bool):
        yield ConfigError(
            f"model.continue_prefix={given['continue_prefix']} is neither true nor false",
            hint="model.continue_prefix=true for vLLM, SGLang and llama-server",
        )


_PUT_INTO_ENVIRONMENT = "export NAME=... in the shell, and say model.api_key_env=NAME"


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that don't close
        return False


def _is_no_name(variable: str) -> bool:
    """Names of variables are words in one case; keys mix letters of both with digits."""
    mixed = any(c.islower() for c in variable) and any(c.isdigit() for c in variable)
    return looks_like_key(variable) or (mixed and len(variable) >= 24)


def _is_number(value: object, kind: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return kind is float or float(value).is_integer()
