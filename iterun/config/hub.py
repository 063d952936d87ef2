"""Models and texts named directly: model=OWNER/NAME, model=./FOLDER, data=./FILE.txt.

Hydra asks its config sources for `model/OWNER/NAME`; ours stands last and answers for names that no
file of a group bears. `model=A/B` is the local folder A/B if there is one, else the hub's id.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from iterun.config.locate import conf_dir

if TYPE_CHECKING:
    from collections.abc import Callable

_HUB_ID = re.compile(r"[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*")


def is_path(name: str) -> bool:
    """Whether a choice is spelled as a path: ./x, ../x, /x or ~/x."""
    return name.startswith(("./", "../", "/", "~")) or name in (".", "..")


def model_node(name: str) -> dict[str, Any] | None:
    """The settings of `model=name`; None if it is neither a folder here nor spelled as a hub id."""
    folder = Path(name).expanduser()
    if ("/" in name or is_path(name)) and folder.exists():
        where = {"id": None, "folder": str(folder.absolute())}
    elif _HUB_ID.fullmatch(name):
        where = {"id": name}
    else:
        return None
    settings = {"_target_": "iterun.models.lm.load", "kinds": ["lm"]} | _generic("model", "hf")
    return settings | {"name": name} | where


def data_node(name: str) -> dict[str, Any] | None:
    """The settings of `data=name`; None if there is no such file or folder here."""
    path = Path(name).expanduser()
    if not ("/" in name or is_path(name)) or not path.exists():
        return None
    settings = {"_target_": "iterun.data.text.local"} | _generic("data", "text")
    return settings | {"name": name, "path": str(path.absolute())}


NODES: dict[str, Callable[[str], dict[str, Any] | None]] = {"model": model_node, "data": data_node}


def _generic(group: str, name: str) -> dict[str, Any]:
    """What model=hf and data=text take, so that model.revision=... can be typed here too."""
    path = conf_dir() / group / f"{name}.yaml"
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))) if path.is_file() else {}
