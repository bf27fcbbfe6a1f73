"""Lets Hydra find the groups of `egpo_verl/config` from any working directory."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

GROUPS = "pkg://egpo_verl.config"


class EgpoSearchPathPlugin(SearchPathPlugin):
    """Appends to the search path, so that a user's group of the same name wins."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in (*_for_older_keys(), GROUPS):
            search_path.append(provider="egpo_verl", path=folder)


def _for_older_keys() -> Iterator[str]:
    """Folders that come before GROUPS, by the keys that the installed verl reads."""
    spec = find_spec("verl")
    for place in (spec.submodule_search_locations or []) if spec else []:
        config = Path(place) / "trainer" / "config"
        actor = config / "actor" / "dp_actor.yaml"
        if actor.is_file() and "actor.entropy_from_logits_with_chunking," not in actor.read_text():
            yield f"{GROUPS}.older.engine_key"
        if actor.is_file() and not (config / "reward").is_dir():
            yield f"{GROUPS}.older.reward_key"
