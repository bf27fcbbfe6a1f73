"""The judge's prompts: Markdown files with `{{names}}` to fill in, which a user can replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from egpo_verl.errors import UserError

SHIPPED = Path(__file__).parent / "prompts"
NAMES: Mapping[str, tuple[str, ...]] = {
    "judge": ("tools", "dialogue", "answer"),
    "correct": ("tools", "dialogue", "answer", "reason"),
    "evaluate": ("tools", "dialogue", "before", "answer"),
    "think": ("tools", "dialogue", "answer"),
    "follow": ("tools", "dialogue", "thought"),
}
"""Each prompt, and what has to be filled into it."""


@dataclass(frozen=True)
class Prompts:
    """Name of a prompt -> its text."""

    texts: Mapping[str, str]

    def filled(self, name: str, **values: str) -> str:
        """The prompt `name` with `values` in their places, each put in once and as it is."""
        parts = self.texts[name].split("{{")
        text = parts[0]
        for part in parts[1:]:
            key, closed, rest = part.partition("}}")
            known = closed and key in values
            text += values[key] + rest if known else "{{" + part
        return text


def load_prompts(folder: Path | None = None) -> Prompts:
    """The shipped prompts, or those that `folder` has instead, as `judge.md` and so on.

    Raises:
        UserError: a file cannot be read or lacks a place to fill in.
    """
    texts = {}
    for name, places in NAMES.items():
        path = (folder or SHIPPED) / f"{name}.md"
        path = path if path.exists() or folder is None else SHIPPED / f"{name}.md"
        try:
            texts[name] = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"the prompt {path} cannot be read: {error}.") from error
        missing = [place for place in places if f"{{{{{place}}}}}" not in texts[name]]
        if missing:
            lacking = ", ".join(f"{{{{{place}}}}}" for place in missing)
            raise UserError(f"the prompt {path} lacks {lacking}.")
    if folder is not None and not any((folder / f"{name}.md").exists() for name in NAMES):
        names = ", ".join(f"{name}.md" for name in NAMES)
        raise UserError(f"{folder} has none of the prompts {names}.")
    return Prompts(texts)
