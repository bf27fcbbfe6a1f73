"""What verl's `main_ppo` makes of overrides, without training.

`python -m egpo_verl.integration.compose` reads a JSON object {name: [override, ...]} from stdin and
writes {name: {"config": {...}}} or {name: {"error": "..."}} to stdout, so that a caller needs
neither verl nor Hydra in its process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any


def main() -> None:
    """Compose and check all that stdin names."""
    overrides_by_name: dict[str, list[str]] = json.load(sys.stdin)
    out = sys.stdout
    with redirect_stdout(sys.stderr):  # verl's check prints
        answers = {name: composed(overrides) for name, overrides in overrides_by_name.items()}
    json.dump(answers, out)


def composed(overrides: Sequence[str]) -> dict[str, Any]:
    """The configuration as `main_ppo` composes and checks it, or what Hydra or verl says of it."""
    from hydra import compose, initialize_config_module
    from omegaconf import OmegaConf
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils import config as verl_config

    try:
        with initialize_config_module("verl.trainer.config", version_base=None):
            config = compose("ppo_trainer", overrides=list(overrides))
        content = OmegaConf.to_container(config, resolve=True)
        verl_config.validate_config(config, need_reference_policy(config), need_critic(config))
    except Exception as error:  # whatever verl raises of a configuration is its answer
        return {"error": sentence(error)}
    return {"config": content}


def sentence(error: BaseException) -> str:
    """The first lines of an error and of its cause, on one line."""
    texts = [str(error) or type(error).__name__, str(error.__cause__ or "")]
    return " ".join(" ".join(texts).split())


if __name__ == "__main__":
    main()
