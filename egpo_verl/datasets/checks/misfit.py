"""Which argument of a call its function refuses, for the person who asks why a row was dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from egpo_verl.calls import Reason
from egpo_verl.calls.call import Call
from egpo_verl.calls.tools import Signature


def misfit(call: Call, signature: Signature | None) -> dict[str, Any]:
    """The call, and the first argument that does not fit, with its value where it has one."""
    where: dict[str, Any] = {"call": call.name}
    if signature is None:
        return where
    arguments, schema = call.arguments, signature.schema
    problem = signature.check(arguments)
    if problem is Reason.MISSING_ARGUMENT:
        return where | {"argument": next(n for n in schema["required"] if n not in arguments)}
    if problem is Reason.WRONG_VALUE:
        name = _wrong_value(arguments, signature)
    else:
        name = next((name for name in arguments if name not in schema.get("properties", {})), None)
    return where | ({} if name is None else {"argument": name, "value": arguments[name]})


def _wrong_value(arguments: Mapping[str, Any], signature: Signature) -> str | None:
    try:
        paths = [error.instance_path for error in signature.validator.iter_errors(dict(arguments))]
    except ValueError:  # text that is no Unicode: a lone surrogate
        return next((name for name, value in arguments.items() if not _is_unicode(value)), None)
    return next((str(path[0]) for path in paths if path), None)


def _is_unicode(value: Any) -> bool:
    text = json.dumps(value, ensure_ascii=False)
    return text == text.encode("utf-8", "replace").decode()
