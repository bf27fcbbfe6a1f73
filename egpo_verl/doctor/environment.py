"""The checks of this machine in order, those that need a missing library left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from egpo_verl.doctor import (
    levels,
    machine,
    plugin,
    rows,
    sample,
    template,
    tokenizer,
    trl,
    versions,
    workers,
)
from egpo_verl.doctor.finding import Finding, described, fail, guarded, warn
from egpo_verl.doctor.inputs import InputError, check_model
from egpo_verl.errors import UserError

Check = tuple[str, Callable[[], Iterable[Finding]]]


def checks(
    model_name: str | None, data: Sequence[str], prompt_key: str, *, ray: bool
) -> Iterator[Check]:
    """Each check with its name; `ray` starts a worker, which takes half a minute."""
    yield "versions", versions.check_versions
    yield "support", levels.check_level
    absent = versions.missing()
    if not absent:
        yield "trl", trl.check_trl
        yield "plugin", plugin.check_plugin
        yield "Hydra group", plugin.check_config
        yield "machine", machine.check_machine
        if ray:
            yield "Ray workers", workers.check_workers
    yield "reward", sample.check_reward
    if {"transformers", "torch", "verl"} & set(absent):
        yield "data", lambda: _check_files(data, None, prompt_key)
        if model_name is not None:
            yield "model", lambda: [_not_checked(absent)]
    else:
        yield "model", lambda: check_model_and_data(model_name, data, prompt_key)


def check_model_and_data(
    name: str | None, data: Sequence[str] = (), prompt_key: str = "prompt"
) -> Iterator[Finding]:
    """A model's tokenizer and template (or the shipped one's), a sample row, and the data."""
    loaded: Any = None
    try:
        if name is not None:
            check_model(name, "--model")
        loaded = tokenizer.load_tokenizer(name or str(sample.TINY_MODEL))
    except (InputError, UserError) as error:
        yield fail("model", str(error))
    except Exception as error:
        text = f"the tokenizer of {name} does not load: {described(error)}"
        fix = "give the downloaded model's folder; one that brings its own code is not checked"
        yield fail("model", text, fix)
    if loaded is not None and name is not None:
        yield from guarded("chat template", lambda: template.check_template(loaded))
        yield from guarded("tokenizer", lambda: tokenizer.check_tokenizer(loaded, name))
    if loaded is not None:
        yield from guarded("sample row", lambda: sample.check_sample(loaded))
    yield from _check_files(data, loaded if name is not None else None, prompt_key)


def _check_files(data: Sequence[str], tokenizer: Any, prompt_key: str) -> Iterator[Finding]:
    for name in data:
        yield from guarded("data", partial(rows.check_data, name, tokenizer, prompt_key))


def _not_checked(absent: Sequence[str]) -> Finding:
    text = f"not checked, because {', '.join(absent)} is not installed"
    return warn("model", text, "see the lines on versions")
