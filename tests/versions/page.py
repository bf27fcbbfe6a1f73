"""docs/versions.md, made of what the probe finds: `python tests/versions/page.py` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from releases import RELEASES, ROOT, SINCE_ENTRY_POINTS, probed

from egpo_verl.integration.support import level_of

PAGE = ROOT / "docs" / "versions.md"
CACHE = ROOT / ".pytest_cache" / "d" / "verl-releases"
Results = dict[str, dict[str, Any]]

TRAINERS = {
    "v1": "`main_ppo`, v1 (`trainer.use_v1=True`)",
    "legacy": "`main_ppo`, legacy (`use_v1=False`; the only one before 0.9.0)",
    "fully_async": "`fully_async_policy`",
    "one_step_off": "`one_step_off_policy`",
    "main_ppo_sync": "`main_ppo_sync`",
}

TOP = """# verl's versions

Written by `python tests/versions/page.py`; a test holds it to what the same probe finds in CI. With
each release it takes the real modules (the wheels of PyPI) and makes up only what GPUs and a
cluster would compute. *hook-tested*: the trainer's own code, from the old log probs to the logged
metrics, gives to the bit the advantages of `egpo_verl.advantage.egpo`; `grpo` and every function of
verl are as without this package, and Ray can send every task runner. *trained*: that, and
end-to-end trainings in CI. Another version is *unknown*: one warning, and a refusal only where the
trainer lacks what EGPO needs.
"""

NOTES = """
- **bypass_mode=False**: these two skip the pass that computes the entropy unless
  `algorithm.rollout_correction.bypass_mode=False` is given; under their own default, EGPO is
  refused with that cure.
- **refused**: the trainer of 0.8.0's `main_ppo_sync` is part of the script itself, out of a
  plugin's reach. Run `main_ppo`.
- **Loading**: before 0.9.0 verl has no entry points. Set `VERL_USE_EXTERNAL_MODULES=egpo_verl`, and
  on a cluster that runs already give
  `+ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES=egpo_verl` too, with your own
  modules after a comma.
- **Reward**: `+egpo=paper` sets the key that the release reads; 0.7.0 reads
  `custom_reward_function.path` alone.
- **Entropy in float32**: `+egpo=paper` sets the key that the release's FSDP engine reads; 0.8.0
  reads `actor_rollout_ref.actor.fsdp_config.entropy_from_logits_with_chunking` alone. Engines whose
  actor does not know the key need `entropy=as_logits` beside `+egpo=...`: VeOmni, TorchTitan, and
  Megatron before 0.9.0.
- **numpy**: up to 0.8.0 verl asks for `numpy<2`; all of the above ran with numpy 2.
- **Recipe and scripts** (`recipe/egpo`, `examples`) are for 0.9.1. The recipe composes with every
  release, the scripts from 0.9.0 on.
- No release before 0.9.0 trains without an accelerator, and 0.7.0 needs transformers 4.
"""


def page(results: Results) -> str:
    versions = list(results)
    rows = [[name, *(cell(results[v], key) for v in versions)] for key, name in TRAINERS.items()]
    properties = [
        ["loaded by", *(loading(v) for v in versions)],
        ["reward by `+egpo=paper`", *(reward(results[v]) for v in versions)],
        ["entropy in float32 by `+egpo=paper`", *(float32(results[v]) for v in versions)],
        ["tested with transformers", *(results[v]["packages"]["transformers"] for v in versions)],
        ["tested with numpy", *(results[v]["packages"]["numpy"].split(".")[0] for v in versions)],
    ]
    return (
        f"{TOP}\n{table(['trainer', *versions], rows)}\n{table(['', *versions], properties)}{NOTES}"
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(result: dict[str, Any], trainer: str) -> str:
    step = result.get(trainer)
    if step is None:
        return "-"
    if trainer == "main_ppo_sync":
        return "refused" if works_around(step) else "fails"
    if not (step.get("equal") and step.get("metrics")):
        return "fails"
    level = level_of(result["version"])
    if f"{trainer} as configured" in result:
        return "hook-tested, bypass_mode=False"
    return level


def works_around(refusal: str) -> bool:
    return "verl.trainer.main_ppo " in refusal


def loading(version: str) -> str:
    return "entry point" if version in SINCE_ENTRY_POINTS else "`VERL_USE_EXTERNAL_MODULES`"


def reward(result: dict[str, Any]) -> str:
    return "yes" if result["config"]["reward"] == "egpo_verl.reward.compute_score" else "no"


def float32(result: dict[str, Any]) -> str:
    return "yes" if result["config"]["read by workers"] else "no"


def main() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    results = {version: probed(version, CACHE)[0] for version in RELEASES}
    Path(PAGE).write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
