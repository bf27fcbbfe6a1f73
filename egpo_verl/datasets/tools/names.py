"""Names that the python form cannot spell, renamed reversibly.

`[Search Managers(from="x")]` is not Python. The tool, its parameters and the calls are renamed
together to names that are, and the way back is kept, so that the reward never has to guess and
a deployed model's calls can be handed to the real API.
"""

from __future__ import annotations

import json
import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.datasets.sample import Message, Sample, Tool
from egpo_verl.datasets.tools.dialects import name_of, parameters_of, with_names
from egpo_verl.datasets.tools.features import features_of_all, is_spelled_name

Names = Mapping[str, str]


@dataclass(frozen=True)
class Renaming:
    """The way back from new names to old ones; names that did not change are left out.

    `functions` maps a new function name to the old one, `parameters` a new function name to
    {new parameter name: old one}.
    """

    functions: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def to_json(self) -> str:
        """A JSON object, `{}` where nothing was renamed."""
        if not self.functions and not self.parameters:
            return "{}"
        maps = {"functions": dict(self.functions), "parameters": dict(self.parameters)}
        return json.dumps({key: value for key, value in maps.items() if value}, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Renaming:
        """Inverse of `to_json`; ValueError on anything that is not a JSON object."""
        maps = json.loads(text)
        if not isinstance(maps, dict):
            raise ValueError(f"not a renaming: {text[:60]!r}")
        return Renaming(maps.get("functions", {}), maps.get("parameters", {}))


SAME = Renaming()
"""Of a sample in which no name changed."""


def rename(sample: Sample) -> tuple[Sample, Renaming]:
    """`sample` with names that the python form can spell, and the way back."""
    if all(features.is_python for features in features_of_all(sample.tools)):
        return sample, SAME
    functions = new_names((name_of(tool) for tool in sample.tools), dotted=True)
    parameters = {name_of(tool): new_names(parameters_of(tool)) for tool in sample.tools}
    return under_names(sample, functions, parameters), way_back_of(functions, parameters)


def way_back_of(functions: Names, parameters: Mapping[str, Names]) -> Renaming:
    """The inverse of a renaming; both arguments are as in `under_names`."""
    return Renaming(
        _changed(functions),
        {functions[name]: back for name, names in parameters.items() if (back := _changed(names))},
    )


def under_names(sample: Sample, functions: Names, parameters: Mapping[str, Names]) -> Sample:
    """The sample with its tools, calls and earlier calls renamed.

    Args:
        functions: old function name -> new one.
        parameters: old function name -> {old parameter name: new one}.
    """

    def tool(old: Tool) -> Tool:
        return with_names(old, functions[name_of(old)], parameters[name_of(old)])

    def call(old: Call) -> Call:
        names = parameters.get(old.name, {})
        arguments = {names.get(key, key): value for key, value in old.arguments.items()}
        return Call(functions.get(old.name, old.name), arguments)

    def message(old: Message) -> Message:
        return {**old, "calls": tuple(map(call, old["calls"]))} if "calls" in old else old

    def expected(old: Mapping[str, Any]) -> Mapping[str, Any]:
        names = parameters.get(old["name"], {})
        new = call(Call(old["name"], old["arguments"]))
        omissible = [names.get(key, key) for key in old.get("omissible", ())]
        return {"name": new.name, "arguments": new.arguments, "omissible": omissible}

    reference = sample.reference
    if reference is not None:
        reference = {**reference, "calls": list(map(expected, reference["calls"]))}
    return replace(
        sample,
        messages=tuple(map(message, sample.messages)),
        tools=tuple(map(tool, sample.tools)),
        calls=tuple(map(call, sample.calls)),
        reference=reference,
    )


def compose(later: Renaming, earlier: Renaming) -> Renaming:
    """The way back over two renamings, to the names before `earlier`."""
    middle = {**{old: old for old in earlier.functions}, **_inverse(later.functions)}
    functions = {middle[name]: old for name, old in earlier.functions.items()}
    functions |= {new: old for new, old in later.functions.items() if old not in earlier.functions}
    parameters: dict[str, dict[str, str]] = {}
    for new in sorted(
        {*later.parameters, *(middle.get(name, name) for name in earlier.parameters)}
    ):
        before = earlier.parameters.get(later.functions.get(new, new), {})
        after = later.parameters.get(new, {})
        moved = {name: old for name, old in before.items() if name not in after.values()}
        parameters[new] = moved | {name: before.get(old, old) for name, old in after.items()}
    return Renaming(functions, parameters)


def restore(calls: Iterable[Call], way_back: Renaming) -> tuple[Call, ...]:
    """The calls under the names of the original tools."""
    restored = []
    for call in calls:
        names = way_back.parameters.get(call.name, {})
        arguments = {names.get(key, key): value for key, value in call.arguments.items()}
        restored.append(Call(way_back.functions.get(call.name, call.name), arguments))
    return tuple(restored)


def new_names(names: Iterable[str], dotted: bool = False) -> dict[str, str]:
    """Old name -> name that Python can spell; no two become equal, good ones stay."""
    old = list(dict.fromkeys(names))
    taken = {name for name in old if is_spelled_name(name, dotted=dotted)}
    renamed = {}
    for name in old:
        new = name
        if name not in taken:
            plain = _spelled(name, dotted)
            new, count = plain, 1
            while new in taken:
                count += 1
                new = f"{plain}_{count}"
            taken.add(new)
        renamed[name] = new
    return renamed


def _spelled(name: str, dotted: bool) -> str:
    folded = unicodedata.normalize("NFKC", name)
    parts = (folded.split(".") if dotted else [folded]) or [""]
    return ".".join(_identifier(part) for part in parts if part or len(parts) == 1) or "_"


def _identifier(text: str) -> str:
    word = re.sub(r"\W+", "_", text).strip("_") if not text.isidentifier() else text
    if not word or not (word[0].isalpha() or word[0] == "_"):
        word = f"_{word}"
    # A few word characters, such as "²" or "①", belong in no identifier.
    word = word if word.isidentifier() else re.sub(r"[^A-Za-z0-9_]", "_", word)
    return f"{word}_" if keyword.iskeyword(word) else word


def _changed(names: Mapping[str, str]) -> dict[str, str]:
    return {new: old for old, new in names.items() if new != old}


def _inverse(names: Names) -> dict[str, str]:
    return {old: new for new, old in names.items()}
