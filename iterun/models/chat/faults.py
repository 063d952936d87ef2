"""What may go wrong with a server, sorted by what helps: trying again, or not.

429, 5xx, 408, 409, 425; no connection, none within the time, cut short;
a body that is no JSON, a web page, no choices, no text      TransientError: try again
401, 402, 403, 404                                           ConfigError: nothing will work
400 and the like, a spent quota, a 500 about the request     RejectedError: this one won't
"""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import APIConnectionError, APIStatusError

    from iterun.models.chat.endpoint import Endpoint

RETRIED = frozenset({408, 409, 425, 429})
_SAID = 300  # characters of what a server says that are repeated
#: llama.cpp's server for Python answers 500 to a request that FastAPI finds wrong
_ABOUT_REQUEST = re.compile(r"validation error.*\('body'")
_HINTS = {
    401: "export the right key as {variable}, or name another variable: model.api_key_env=NAME",
    402: "see to the account that {variable} belongs to",
    403: "use a key that may do this, or another model.id",
    404: "check model.id and model.base_url, which mostly ends in /v1; {url}/models lists models",
}


class TransientError(Exception):
    """Another try may succeed.

    Args:
        reason: a sentence.
        wait: seconds that the server asked for; None: it did not.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class RejectedError(Exception):
    """The server will not answer this request.

    Args:
        reason: a sentence.
        parameter: that the server says it is about; "": it does not.
        said: all that the server said.
    """

    def __init__(self, reason: str, parameter: str = "", said: str = "") -> None:
        super().__init__(reason)
        self.parameter, self.said = parameter, said


def sorted_out(error: Exception, place: Endpoint, now: Callable[[], float]) -> Exception | None:
    """The error to raise for what the client raised; None: it is a bug.

    Args:
        error: as raised.
        place: for the message.
        now: seconds since 1970, for waits given as a date.
    """
    import openai

    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return TransientError(f"{place.place} sent what is no JSON")
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, place, now)
    if isinstance(error, openai.APIConnectionError):
        return TransientError(f"{place.place}: {place.scrub(_of_connection(error))}")
    if isinstance(error, openai.APIError):
        return TransientError(f"{place.place} sent what can't be read as a reply")
    return None


def retry_after(header: str | None, now: Callable[[], float]) -> float | None:
    """Seconds to wait by the header Retry-After, a number or an HTTP date; None: it doesn't say."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None  # a nan is no wait either


def _of_status(error: APIStatusError, place: Endpoint, now: Callable[[], float]) -> Exception:
    status, said = error.status_code, place.scrub(_said(error.body))
    reason = f"{place.place} answered {status}" + (f": {said}" if said else "")
    spent = error.code == "insufficient_quota"  # comes as a 429, but no wait helps
    helps = status in RETRIED or (status >= 500 and not _ABOUT_REQUEST.search(said))
    if helps and not spent:
        return TransientError(reason, retry_after(error.response.headers.get("retry-after"), now))
    if status in _HINTS:
        variable = place.key_env or "a variable"
        return ConfigError(reason, hint=_HINTS[status].format(variable=variable, url=place.url))
    return RejectedError(reason, str(error.param or ""), place.scrub(str(error.body)))


def _said(body: Any) -> str:
    """The sentence in an error's body, in one line."""
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or body.get("error") or body
    text = " ".join(str(body or "").split())
    return text if len(text) <= _SAID else text[:_SAID] + " ..."


def _of_connection(error: APIConnectionError) -> str:
    cause = error.__cause__
    kind = type(cause).__name__
    if "ConnectTimeout" in kind:
        return "no connection within model.connect_timeout"
    if "Timeout" in kind:
        return "nothing came within model.read_timeout"
    return f"the connection failed ({cause or kind})"
