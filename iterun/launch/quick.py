"""Configs of a sweep's jobs: composed once per set of choices, a job's values laid over a copy.

Hydra reads all files anew for each job, 50 ms or more. The copy's values are set by Hydra's own
code, and what that refuses is composed in full, so that the result and the errors are Hydra's.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra._internal.config_repository import CachingConfigRepository
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.override_parser.types import Override

_MOST_BASES = 64  # sets of choices kept; 200 kB each
_MOST_PARSED = 10_000


class QuickLoader(ConfigLoaderImpl):
    """Hydra's loader; one for a process, for the files are read once."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._bases: dict[tuple[str | None, tuple[str, ...]], DictConfig] = {}
        self._repositories: dict[tuple[str | None, tuple[str, ...]], CachingConfigRepository] = {}
        self._parsed: dict[str, Override] = {}

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        """The config of a job; what Hydra's sweepers and launchers call."""
        hydra = OmegaConf.to_container(master_config.hydra.overrides.hydra)
        assert isinstance(hydra, list)
        name = master_config.hydra.job.config_name
        config = self.job_config(name, [*hydra, *sweep_overrides])
        OmegaConf.copy_cache(from_config=master_config, to_config=config)
        return config

    def job_config(self, name: str | None, overrides: Sequence[str]) -> DictConfig:
        """The config of a run with these settings, equal to Hydra's own.

        Raises:
            HydraException: it can't be composed.
        """
        try:
            return self._laid_over(name, overrides)
        except (HydraException, OmegaConfBaseException):
            return self.load_configuration(name, list(overrides), RunMode.RUN)

    def _laid_over(self, name: str | None, overrides: Sequence[str]) -> DictConfig:
        parsed = [self._parse(text) for text in overrides]
        pairs = list(zip(overrides, parsed, strict=True))
        repository = self._repository(name, tuple(text for text, it in pairs if _is_hydras(it)))
        fixed = tuple(text for text, it in pairs if not _is_value(it, repository))
        values = [it for it in parsed if _is_value(it, repository)]
        config: DictConfig = copy.deepcopy(self._base(name, fixed))
        self._apply_overrides_to_config(values, config)
        of_task = [it for it in parsed if not _is_hydras(it)]
        config.hydra.overrides.task = [it.input_line for it in of_task]
        style = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(
            of_task, kv_sep=style.kv_sep, item_sep=style.item_sep, exclude_keys=style.exclude_keys
        )
        return config

    def _base(self, name: str | None, fixed: tuple[str, ...]) -> DictConfig:
        """What the choices give; not to be changed."""
        key = name, fixed
        if key not in self._bases:
            if len(self._bases) >= _MOST_BASES:
                self._bases.pop(next(iter(self._bases)))
            self._bases[key] = self.load_configuration(name, list(fixed), RunMode.RUN)
        return self._bases[key]

    def _repository(self, name: str | None, hydra: tuple[str, ...]) -> CachingConfigRepository:
        """Where groups are looked for; `hydra.searchpath` may add to it."""
        key = name, hydra
        if key not in self._repositories:
            _, found = self._parse_overrides_and_create_caching_repo(name, list(hydra))
            self._repositories[key] = found
        return self._repositories[key]

    def _parse(self, text: str) -> Override:
        if text not in self._parsed:
            if len(self._parsed) >= _MOST_PARSED:
                self._parsed.clear()
            [self._parsed[text]] = OverridesParser.create().parse_overrides([text])
        return self._parsed[text]


def plain(config: DictConfig) -> dict[str, Any]:
    """All but Hydra's own node, as dicts, lists and scalars; not resolved."""
    found = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items() if key != "hydra"}


def _is_hydras(override: Override) -> bool:
    return bool(override.is_hydra_override())


def _is_value(override: Override, repository: CachingConfigRepository) -> bool:
    """Whether it sets a value, and chooses no file: as Hydra's defaults list tells them apart."""
    if _is_hydras(override) or override.key_or_group == "hydra" or override.is_sweep_override():
        return False
    return isinstance(override.value(), dict) or not repository.group_exists(override.key_or_group)
