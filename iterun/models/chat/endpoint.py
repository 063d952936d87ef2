"""The server at the other end: its address, the key for it, and the client that talks to it."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from iterun.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openai import OpenAI

    from iterun.models.chat.settings import ServerSettings

NO_KEY = "none"  # the client wants one; servers that ask for none don't read it
HIDDEN = "[key]"
SHORTEST = 8  # characters of a key that is looked for in texts: shorter ones are words


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where requests go."""

    url: str
    key_env: str | None
    key: str = field(repr=False)  #: NO_KEY: none

    @property
    def place(self) -> str:
        """The address and the variable of the key, for messages."""
        return self.url if self.key == NO_KEY else f"{self.url} (key from ${self.key_env})"

    def scrub(self, text: str) -> str:
        """The text without the key, should the server have repeated it."""
        if self.key == NO_KEY or len(self.key) < SHORTEST:
            return text
        return text.replace(self.key, HIDDEN)


def endpoint(settings: ServerSettings, environment: Mapping[str, str] = os.environ) -> Endpoint:
    """The server that the settings name, with the key that the environment holds.

    Raises:
        ConfigError: the variable is not set, though the server is another machine; or holds what
            can't be sent.
    """
    variable = settings.api_key_env
    key = environment.get(variable, "").strip() if variable else ""
    if variable and not key and not is_loopback(settings.base_url):
        raise ConfigError(
            f"the environment variable {variable}, which model.api_key_env names, is not set",
            hint=f"export {variable}=...; a server without keys: model.api_key_env=null",
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            f"the environment variable {variable} holds characters that no key has",
            hint=f"export {variable}=... again, without what stands around the key",
        )
    return Endpoint(url=settings.base_url, key_env=variable, key=key or NO_KEY)


def is_loopback(url: str) -> bool:
    """Whether the address is this machine's own."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def client(settings: ServerSettings, place: Endpoint) -> OpenAI:
    """A client that tries once; proxies from the environment hold for other machines only.

    Raises:
        UnavailableError: the package is not installed.
    """
    try:
        import openai
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "chat models on a server need the package openai, which is not installed",
            hint='pip install "iterun[chat]"',
        ) from error
    timeout = openai.Timeout(
        connect=settings.connect_timeout,
        read=settings.read_timeout,
        write=settings.read_timeout,
        pool=None,
    )
    http = openai.DefaultHttpxClient(timeout=timeout, trust_env=not is_loopback(place.url))
    return openai.OpenAI(
        api_key=place.key, base_url=place.url, max_retries=0, timeout=timeout, http_client=http
    )
