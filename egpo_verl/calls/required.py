"""Which arguments a call must have, as each dialect says it."""

from __future__ import annotations

from typing import Any

from egpo_verl.calls.type_names import Schema, is_optional
from egpo_verl.calls.values import nfc


def names(required: Any) -> list[str]:
    if not isinstance(required, list):
        return []
    return [nfc(name) for name in required if isinstance(name, str)]


def marked_required(spec: Any) -> bool:
    return isinstance(spec, dict) and spec.get("required") is True


def may_be_left_out(spec: Any) -> bool:
    """xLAM: by its type's text, or because it has a default."""
    if isinstance(spec, str):
        return is_optional(spec)
    if not isinstance(spec, dict):
        return True
    kind = spec.get("type")
    return (
        "default" in spec
        or spec.get("optional") is True
        or spec.get("required") is False
        or (isinstance(kind, str) and is_optional(kind))
        or (isinstance(kind, list) and "null" in kind)
    )


def without_empty_required(schema: Schema) -> Schema:
    """Draft 4 wants `required` unique and not empty; optional names may be listed by mistake."""
    names = schema.pop("required", None)
    return {**schema, "required": list(dict.fromkeys(names))} if names else schema
