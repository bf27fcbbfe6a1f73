"""What verl needs and a machine with Python, CUDA torch and transformers, but no network, lacks.

Its wheels are downloaded here and packed into parts, which `bare_machine.sh` joins over there. A
part is a piece of one archive, at most 55 MiB, so a wheel may be larger than a part.

    python tests/gpu/bare_machine_wheels.py                                into build/bare_machine
    python tests/gpu/bare_machine_wheels.py --list                         what and why
    python tests/gpu/bare_machine_wheels.py --leave_out pyarrow pandas     it has them already
    python tests/gpu/bare_machine_wheels.py --python 3.11 --out DIR
    python tests/gpu/bare_machine_wheels.py --wheels DIR                   of a folder, no download
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from egpo_verl.cli import Parser, amount, out, run, say, table
from egpo_verl.errors import UserError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MIB = 1 << 20
GLIBC = ("2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")
"""Of manylinux: pip takes a wheel for one of these by its exact name."""
PLATFORMS = [f"manylinux_{version}_x86_64" for version in GLIBC]
PLATFORMS += [f"manylinux{year}_x86_64" for year in ("2014", "2010", "1")]
SOURCE_ONLY = {"antlr4-python3-runtime"}
"""Pure Python that its authors publish as source alone: the wheel is built here."""


def listed() -> dict[str, str]:
    """Name -> why, of each distribution in bare_machine_wheels.txt."""
    lines = (HERE / "bare_machine_wheels.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("#", 1) for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name.strip()): why.strip() for name, why in pairs}


def locked(python: str) -> dict[str, str]:
    """Name -> version of requirements/cpu.txt for Python `python` on Linux."""
    there = {"python_version": python, "python_full_version": f"{python}.0"}
    there |= {"sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix"}
    lines = (ROOT / "requirements" / "cpu.txt").read_text(encoding="utf-8").splitlines()
    rows = [Requirement(line) for line in lines if line and not line.startswith("#")]
    rows = [row for row in rows if row.marker is None or row.marker.evaluate(there)]
    return {canonicalize_name(row.name): str(row.specifier) for row in rows}


def download(requirements: Sequence[str], python: str, folder: Path) -> None:
    """Wheels of `requirements` (name==version) for `python` on Linux, x86-64, into `folder`."""
    pip = [sys.executable, "-m", "pip"]
    shared = ["--quiet", "--disable-pip-version-check", "--no-deps"]
    target = ["--python-version", python, "--implementation", "cp"]
    target += [option for name in PLATFORMS for option in ("--platform", name)]
    source = [row for row in requirements if Requirement(row).name in SOURCE_ONLY]
    binary = [row for row in requirements if row not in source]
    commands = [[*pip, "download", *shared, "--only-binary=:all:", *target, "--dest", str(folder)]]
    commands[0] += binary
    if source:
        commands.append([*pip, "wheel", *shared, "--wheel-dir", str(folder), *source])
    for command in commands:
        if subprocess.run(command, check=False).returncode:
            raise UserError(f"pip found no wheel for Python {python}; its lines say of what.")


def pack(wheels: Sequence[Path], folder: Path, limit: int) -> list[Path]:
    """One archive of `wheels` in parts of at most `limit` bytes, and SHA256SUMS of the parts."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("part.*"):
        old.unlink()
    parts, sums = [], []
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as files:
            for wheel in sorted(wheels):
                files.add(wheel, arcname=wheel.name)
        archive.seek(0)
        while piece := archive.read(limit):
            part = folder / f"part.{len(parts):03d}"
            part.write_bytes(piece)
            parts.append(part)
            sums.append(f"{hashlib.sha256(piece).hexdigest()}  {part.name}\n")
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    sizes = [part.stat().st_size for part in parts]
    assert max(sizes) <= limit, sizes
    assert sum(sizes) > sum(wheel.stat().st_size for wheel in wheels), sizes
    return parts


def arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print what would be packed and why")
    versions = ("3.10", "3.11", "3.12")
    parser.add_argument("--python", choices=versions, default="3.12", help="of the machine (3.12)")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "build" / "bare_machine", help="folder for the parts"
    )
    parser.add_argument("--leave_out", nargs="+", default=[], metavar="NAME", help="there already")
    parser.add_argument("--wheels", type=Path, help="a folder of wheels: pack them, fetch nothing")
    parser.add_argument("--part_mib", type=amount, default=55.0, help="largest part, in MiB (55)")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    reasons, versions = listed(), locked(options.python)
    without = {canonicalize_name(name) for name in options.leave_out}
    if unknown := sorted(without - set(reasons)):
        raise UserError(f"--leave_out {unknown[0]} is not in the list; --list shows it.")
    names = [name for name in reasons if name not in without]
    if options.list:
        rows = [(name, versions[name].removeprefix("=="), reasons[name]) for name in names]
        out().print(table(f"Wheels for Python {options.python}", ("what", "version", "why"), rows))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.wheels or Path(scratch)
        if options.wheels is None:
            download([name + versions[name] for name in names], options.python, folder)
        wheels = sorted(folder.glob("*.whl"))
        if not wheels:
            raise UserError(f"{folder} holds no wheel.")
        parts = pack(wheels, options.out, int(options.part_mib * MIB))
    for part in parts:
        say(f"{part} {part.stat().st_size / MIB:.1f} MiB")
    say(f"{len(wheels)} wheels in {len(parts)} parts; take SHA256SUMS along.")


if __name__ == "__main__":
    sys.exit(run(main))
