"""What the Hugging Face hub refuses, in one sentence and with a next step."""

from __future__ import annotations

import os
from pathlib import Path

from iterun.errors import ConfigError, UnavailableError


def endpoint() -> str:
    """The hub's address; `HF_ENDPOINT` names another one. Read at each call, not at import."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def cache_folder() -> Path:
    """Where the hub's own library keeps what it fetched; no import of that library."""
    if chosen := os.environ.get("HF_HUB_CACHE"):
        return Path(chosen).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("HF_HOME") or Path(home) / "huggingface").expanduser() / "hub"


def fetch_errors() -> tuple[type[Exception], ...]:
    """What the hub's library raises when a fetch fails, over requests and over httpx alike."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    return (OSError, HFValidationError, *HfHubHTTPError.__bases__)


def explain(
    error: Exception, setting: str, id: str, offline: str, page: str | None = None
) -> ConfigError:
    """The error to raise instead.

    Args:
        error: one of `fetch_errors`.
        setting: as typed, "model=opt-2.7b".
        id: the repository, "facebook/opt-2.7b".
        offline: what works without network, to be typed.
        page: where a browser finds it below the hub's address; None: as its id says.
    """
    url = f"{endpoint()}/{page or id}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "HFValidationError" in kinds:
        return ConfigError(
            f"{setting}: {id!r} is neither a folder here nor a name on the hub",
            hint="name a folder as ./FOLDER, a hub model as OWNER/NAME",
        )
    if "GatedRepoError" in kinds or "is a gated dataset" in str(error):  # so says `datasets`
        return _gated(setting, id, offline, url)
    if "RevisionNotFoundError" in kinds:
        return ConfigError(
            f"{setting}: {id} has no such revision on the hub",
            hint=f"see {url}/commits/main for those that exist",
        )
    if "RepositoryNotFoundError" in kinds or status == 404:
        return _unknown(setting, id, offline)
    if status in (401, 403):
        return _gated(setting, id, offline, url)
    if "FileNotFoundError" in kinds and "LocalEntryNotFoundError" not in kinds:
        return ConfigError(f"{setting}: {first_line(error)}", hint=f"or use {offline}")
    reason = f"it answered {status}" if status else "it is not reached"
    return UnavailableError(
        f"{setting}: {id} is not on this machine and cannot be fetched from {endpoint()}: {reason}",
        hint=f"without network this works: {offline}",
    )


def first_line(error: Exception) -> str:
    """The first line of a message, or the error's name where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _gated(setting: str, id: str, offline: str, url: str) -> ConfigError:
    return UnavailableError(
        f"{setting}: {id} is gated: the hub gives it only to users its owner has admitted",
        hint=f"ask for access at {url}, then `hf auth login`; or use {offline}",
    )


def _unknown(setting: str, id: str, offline: str) -> ConfigError:
    return UnavailableError(
        f"{setting}: the hub has nothing public named {id}",
        hint=f"check OWNER/NAME at {endpoint()} (private: `hf auth login` first); or use {offline}",
    )
