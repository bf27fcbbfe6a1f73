"""The report on studies, from their run folders or from packed ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from egpo_verl.cli import say, write_file_aside
from egpo_verl.errors import UserError
from egpo_verl.lab import figures
from egpo_verl.lab.checks import read_study
from egpo_verl.lab.evidence import Evidence, from_folders
from egpo_verl.lab.findings import paragraph, unresolved
from egpo_verl.lab.packed import from_packed, pack
from egpo_verl.lab.page import page, picture


def report(sources: Sequence[Path], out: Path, packed: Path | None) -> None:
    """Write the page `out`, its pictures beside it, and the packed studies where asked.

    Raises:
        UserError: a source is no study, or is named twice, or `out` is no place for a page.
    """
    if out.suffix != ".md" or out.is_dir():
        raise UserError(f"--out {out} is no file named *.md; give one.")
    studies = [_read(source, packed) for source in sources]
    names = [one.study["name"] for one in studies]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"study {name} is named twice: name each once.")
    pictures = out.parent / out.stem
    pictures.mkdir(parents=True, exist_ok=True)
    for one in studies:
        figures.draw(one, pictures / picture(one))
    with write_file_aside(out) as part:
        part.write_text(page(studies, out.stem), encoding="utf-8")
    for one in studies:
        say(f"{one.study['name']}: {paragraph(one)}")
        for sentence in unresolved(one):
            say(sentence)


def _read(source: Path, packed: Path | None) -> Evidence:
    """A packed study, or a study file's runs, by way of their packs where these are written."""
    if source.is_dir():
        return from_packed(source)
    study = read_study(source)
    return from_folders(study) if packed is None else from_packed(pack(study, packed))
