"""Lets Hydra find the groups of `egpo_verl/config` from any working directory."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class EgpoSearchPathPlugin(SearchPathPlugin):
    """Appends to the search path, so that a user's own group of the same name wins."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append(provider="egpo_verl", path="pkg://egpo_verl.config")
