"""In which type verl computes the entropy of the old policy, by its configuration."""

from __future__ import annotations

from typing import Any

CHUNKING = "entropy_from_logits_with_chunking"
"""verl's option by which the entropy is computed in blocks and, in FSDP's engine, in float32."""


def in_float32(config: Any) -> bool:
    """Whether the old policy's entropy is computed in float32.

    verl's chunked entropy casts to float32, and FSDP takes it for packed rows only
    (verl/workers/engine/fsdp/transformer_impl.py:1398,1490); otherwise the logits' type stays.
    """
    actor, model = config.actor_rollout_ref.actor, config.actor_rollout_ref.model
    is_fsdp = str(actor.get("strategy", "")).startswith("fsdp")
    packed = bool(model.get("use_remove_padding", False)) or not is_fsdp
    if model.get("use_fused_kernels", False):  # their entropy has the logits' type
        return False
    reader = config
    for name in reader_of_chunking(config):
        reader = reader.get(name) or {}
    if bool(reader.get(CHUNKING, False)) and packed:
        return True
    engine = actor.get("fsdp_config") or {}
    mixed = (engine.get("mixed_precision") or {}).get("param_dtype", None)
    return is_fsdp and str(mixed or engine.get("dtype", "bfloat16")) in ("fp32", "float32")


def reader_of_chunking(config: Any) -> tuple[str, ...]:
    """The node of the configuration in which verl's workers look for CHUNKING.

    FSDP's engine looks in its own, to which verl hands the actor's from 0.9.0 on; the actors of
    0.7.x, which are no engines unless use_legacy_worker_impl=disable, look in the actor's.
    """
    actor = ("actor_rollout_ref", "actor")
    is_fsdp = str(config.actor_rollout_ref.actor.get("strategy", "")).startswith("fsdp")
    is_engine = config.trainer.get("use_legacy_worker_impl", "disable") == "disable"
    return (*actor, "fsdp_config") if is_fsdp and is_engine else actor
