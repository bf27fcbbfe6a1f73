"""Whether the libraries are there in the versions that this package and verl ask for.

What is asked for is read from the installed packages' metadata, so that it is written down
only once, in setup.py.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from egpo_verl.doctor.finding import Finding, fail, ok, warn

OURS = "egpo-verl"
NEEDED = ("verl", "torch", "transformers", "ray", "tensordict")
"""Without one of these nothing trains; whatever else is missing, the part that needs it says so."""
NEEDED_BY_V1 = ("TransferQueue", "cachetools", "uvicorn", "fastapi")
"""What verl's v1 trainer, the default from 0.9.0 on, imports and lists in its extras only."""
SHOWN = (*NEEDED, "TransferQueue")


def check_versions() -> Iterator[Finding]:
    """One finding for each library that is missing or of a wrong version, or one for all."""
    problems = [*_check_python(), *_check_missing(), *_check_ranges()]
    yield from problems
    if not problems:
        versions = [("Python", platform.python_version())]
        versions += [(name, version) for name in SHOWN if (version := installed(name))]
        yield ok("versions", ", ".join(f"{name} {version}" for name, version in versions))


def missing() -> list[str]:
    """Libraries that a training with the installed verl needs, and that are not installed."""
    verl = installed("verl")
    v1 = verl is None or Version(verl) >= Version("0.9.0")
    return [name for name in NEEDED + NEEDED_BY_V1 * v1 if installed(name) is None]


def installed(name: str) -> str | None:
    """The version of a distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def extra() -> str:
    """Which of our extras this environment follows: the one with vLLM, or the one without."""
    return "gpu" if installed("vllm") else "cpu"


def _check_python() -> Iterator[Finding]:
    if installed(OURS) is None:
        yield fail(
            "versions",
            f"{OURS} itself is not installed, so verl cannot find the plugin",
            f"pip install {OURS}, or pip install -e . in a checkout",
        )
        return
    allowed = metadata.metadata(OURS)["Requires-Python"]
    if not SpecifierSet(allowed).contains(platform.python_version(), prereleases=True):
        yield fail(
            "versions",
            f"Python {platform.python_version()}, but {OURS} asks for {allowed}",
            "make an environment with Python 3.10, 3.11 or 3.12",
        )


def _check_missing() -> Iterator[Finding]:
    absent = missing()
    if "verl" in absent:
        yield fail(
            "versions",
            "verl is not installed: the reward and the data tools work, training does not",
            f"pip install '{OURS}[gpu]' (with a GPU) or '{OURS}[cpu]' (after torch, for a CPU)",
        )
        return
    for name in absent:
        range_ = next((r for r in _requirements(OURS, "cpu") if r.name == name), Requirement(name))
        yield fail("versions", f"{name} is not installed, and verl needs it", _pip(range_))


def _check_ranges() -> Iterator[Finding]:
    """Versions outside the ranges that verl and we ask for, and beside the pins that we test."""
    failed = set()
    for owner, ranges in (("verl", _requirements("verl")), (OURS, _requirements(OURS))):
        for one in ranges:
            if _is_off(one):
                failed.add(one.name)
                yield fail("versions", _beside(one, owner), _pip(one))
    for one in _tested():
        if _is_off(one) and one.name not in failed:
            state = fail if one.name == "TransferQueue" else warn
            yield state("versions", _beside(one, f"{OURS}[{extra()}]"), _pip(one))


def _tested() -> list[Requirement]:
    """What the environment's extra asks for, and the pins of verl's extras that it names."""
    extras = [one for one in _requirements(OURS, extra()) if one not in _requirements(OURS)]
    pins = [
        pinned
        for one in extras
        for name in sorted(one.extras)
        for pinned in _requirements(one.name, name)
        if pinned not in _requirements(one.name) and "==" in str(pinned.specifier)
    ]
    return extras + pins


def _requirements(name: str, extra_name: str = "") -> list[Requirement]:
    """What a distribution asks for here, with one of its extras; nothing where it is absent."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    here = {"extra": extra_name}
    parsed = [Requirement(line) for line in lines]
    return [one for one in parsed if one.marker is None or one.marker.evaluate(here)]


def _is_off(one: Requirement) -> bool:
    version = installed(one.name)
    return version is not None and not one.specifier.contains(version, prereleases=True)


def _beside(one: Requirement, owner: str) -> str:
    return f"{one.name} {installed(one.name)}, but {owner} asks for {one.name}{one.specifier}"


def _pip(one: Requirement) -> str:
    return f"pip install '{one.name}{one.specifier}'"
