"""Configs of a sweep's jobs: composed once per set of choices, a job's values laid over a copy.

Hydra reads all files anew for each job, 50 ms or more. The copy's values are set by Hydra's own
code, and what that refuses is composed in full, so that the result and the errors are Hydra's.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra._internal.config_repository import CachingConfigRepository
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.override_parser.types import Override

Choices = Mapping[str, Any]

_MOST_BASES = 64  # sets of choices kept; 200 kB each
_MOST_PARSED = 10_000


class _Parts(NamedTuple):
    """Settings, by what is to be done with them."""

    fixed: tuple[str, ...]  #: choose files, or are Hydra's own
    values: list[Override]  #: to be laid over
    of_task: list[Override]  #: all that are not Hydra's own


class QuickLoader(ConfigLoaderImpl):
    """Hydra's loader; one for a process, for the files are read once."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._bases: dict[tuple[str | None, tuple[str, ...]], DictConfig] = {}
        self._bares: dict[tuple[str | None, tuple[str, ...]], DictConfig] = {}
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

    def settings(self, name: str | None, overrides: Sequence[str]) -> tuple[DictConfig, Choices]:
        """As `job_config`, but without Hydra's own node, which is the larger part.

        Returns:
            The config, and what was chosen of each group.
        """
        try:
            parts = self._parts(name, overrides)
            config: DictConfig = copy.deepcopy(self._bare(name, parts.fixed))
            self._apply_overrides_to_config(parts.values, config)
            choices = self._base(name, parts.fixed).hydra.runtime.choices
        except (HydraException, OmegaConfBaseException):
            config = self.load_configuration(name, list(overrides), RunMode.RUN)
            choices = config.hydra.runtime.choices
        return config, choices

    def _laid_over(self, name: str | None, overrides: Sequence[str]) -> DictConfig:
        parts = self._parts(name, overrides)
        config: DictConfig = copy.deepcopy(self._base(name, parts.fixed))
        self._apply_overrides_to_config(parts.values, config)
        config.hydra.overrides.task = [it.input_line for it in parts.of_task]
        style = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(
            parts.of_task,
            kv_sep=style.kv_sep,
            item_sep=style.item_sep,
            exclude_keys=style.exclude_keys,
        )
        return config

    def _parts(self, name: str | None, overrides: Sequence[str]) -> _Parts:
        pairs = [(text, self._parse(text)) for text in overrides]
        repository = self._repository(name, tuple(text for text, it in pairs if _is_hydras(it)))
        is_value = [_is_value(it, repository) for _, it in pairs]
        return _Parts(
            fixed=tuple(text for (text, _), no in zip(pairs, is_value, strict=True) if not no),
            values=[it for (_, it), yes in zip(pairs, is_value, strict=True) if yes],
            of_task=[it for _, it in pairs if not _is_hydras(it)],
        )

    def _bare(self, name: str | None, fixed: tuple[str, ...]) -> DictConfig:
        """What the choices give, without Hydra's own node; not to be changed."""
        key = name, fixed
        if key not in self._bares:
            if len(self._bares) >= _MOST_BASES:
                self._bares.pop(next(iter(self._bares)))
            config = copy.deepcopy(self._base(name, fixed))
            with flag_override(config, ["struct", "readonly"], [False, False]):
                del config["hydra"]
            self._bares[key] = config
        return self._bares[key]

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


def _is_hydras(override: Override) -> bool:
    return bool(override.is_hydra_override())


def _is_value(override: Override, repository: CachingConfigRepository) -> bool:
    """Whether it sets a value, and chooses no file: as Hydra's defaults list tells them apart."""
    if _is_hydras(override) or override.key_or_group == "hydra" or override.is_sweep_override():
        return False
    return isinstance(override.value(), dict) or not repository.group_exists(override.key_or_group)
