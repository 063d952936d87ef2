"""One config from `conf/` and a command line, through Hydra, which is imported only here below.

The menu of what there is to choose from needs no Hydra and is offered here too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.config.fit import check_types
from iterun.config.locate import conf_dir
from iterun.config.menu import Parameter, TaskInfo, choices, families, serving, task_files
from iterun.config.targets import instantiate, locate_target
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.config_loader import ConfigLoader
    from hydra.core.config_search_path import ConfigSearchPath
    from omegaconf import DictConfig

__all__ = [
    "Parameter", "TaskInfo", "check_types", "choices", "compose", "conf_dir", "families",
    "instantiate", "locate_target", "search_path", "serving", "task_files", "to_plain",
]  # fmt: skip

#: keys at the top level; those that a config leaves out are null
KEYS = (
    "task", "model", "data", "eval_data", "stop", "checkpoint", "backend", "seed", "on_existing",
    "tags",
)  # fmt: skip


def search_path(primary: str | None = None, extra: str | None = None) -> ConfigSearchPath:
    """Where Hydra looks: `conf/` (or `primary`), then `extra`, then names given directly.

    Args:
        primary: Hydra's --config-path: a folder, or pkg://package.
        extra: Hydra's --config-dir.

    Raises:
        ConfigError: there is no such folder.
    """
    from hydra._internal.utils import create_config_search_path
    from hydra.core.config_search_path import SearchPathQuery

    from iterun.config import sources

    sources.register()
    _prefer_ours()
    if primary is not None and not primary.startswith("pkg://"):
        primary = _folder("--config-path", primary)
    path = create_config_search_path(primary or str(conf_dir()))
    if extra is not None:
        path.prepend(
            provider="command-line",
            path=f"file://{_folder('--config-dir', extra)}",
            anchor=SearchPathQuery(provider=sources.PROVIDER),
        )
    return path


def compose(overrides: Sequence[str] = (), config_dir: str | None = None) -> DictConfig:
    """The config of a line, without Hydra's own node.

    Raises:
        ConfigError: whatever the line has wrong, all of it.
    """
    from hydra import version
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra.core.utils import setup_globals
    from hydra.types import RunMode
    from omegaconf import open_dict

    from iterun.config.explain import EXPLAINED, explain

    version.setbase("1.3")
    setup_globals()
    loader: ConfigLoader = ConfigLoaderImpl(search_path(extra=config_dir))
    try:
        config = loader.load_configuration("config", list(overrides), run_mode=RunMode.RUN)
    except EXPLAINED as error:
        raise explain(error, list(overrides), loader) from error
    with open_dict(config):
        del config["hydra"]
    return config


def to_plain(config: DictConfig) -> dict[str, Any]:
    """Dicts, lists and scalars, every interpolation resolved; keys left out are null.

    A value that has to be given and is not stays "???".

    Raises:
        ConfigError: an interpolation that leads nowhere.
    """
    from omegaconf.errors import OmegaConfBaseException

    try:
        plain = {key: _plain(config, str(key)) for key in config if key != "hydra"}
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"{getattr(error, 'full_key', None) or 'the config'} can't be resolved: "
            + str(error).strip().partition("\n")[0],
            hint="`iterun ... --cfg job` shows the config as it is written",
        ) from error
    return dict.fromkeys(KEYS) | {str(key): value for key, value in plain.items()}


def _plain(config: DictConfig, key: str) -> Any:
    """One node, resolved; Hydra's own beside it would take most of the time."""
    from omegaconf import OmegaConf

    if OmegaConf.is_missing(config, key):
        return "???"
    value = config[key]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _prefer_ours() -> None:
    """Have our files win over plug-ins' entries of the same name, which would be mixed in."""
    from hydra.core.config_store import ConfigStore

    groups = ConfigStore.instance().repo.get("hydra", {})
    for kind in ("launcher", "sweeper"):
        for path in (conf_dir() / "hydra" / kind).glob("*.yaml"):
            groups.get(kind, {}).pop(path.name, None)


def _folder(option: str, name: str) -> str:
    if not Path(name).expanduser().is_dir():
        raise ConfigError(
            f"{option} {name}: there is no such folder",
            hint=f"name a folder that holds groups, as in {option} my_conf with my_conf/task/",
        )
    return os.path.abspath(os.path.expanduser(name))
