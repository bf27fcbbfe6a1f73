"""Run a script that evaluates text of a model: bounded, and able to write in its own folder only.

    python sandbox.py --writable DIR --memory BYTES --seconds N SCRIPT ARGUMENTS...

SCRIPT is a file, or the folder of a package that has a `__main__.py`. This runs inside a
benchmark's environment, so it imports nothing but the standard library. Network is withdrawn by
the process that starts it (see `scorer_run.run`); here, an audit hook, which no Python code can
take back, also refuses sockets other than Unix ones, other programs, and writing outside `DIR`. It
is a second wall, not a proof: native code is not audited.
"""

from __future__ import annotations

import argparse
import os
import resource
import runpy
import sys
from typing import Any

UNIX = 1
"""`socket.AF_UNIX`, by number: `socket` is imported only if the script needs it."""
PROGRAMS = {
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "os.kill",
    "os.killpg",
    "subprocess.Popen",
    "pty.spawn",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
}
"""Audit events that are refused."""
CHANGES = {
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "os.utime",
    "shutil.rmtree",
    "shutil.move",
}
"""Audit events whose paths must lie in the writable folder."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Refused(PermissionError):
    """What the hook raises."""


def bound(memory: int, seconds: int) -> None:
    """Limit address space (bytes) and processor time (seconds); no core is dumped."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def guard(writable: str) -> None:
    """Install the hook; only files in `writable` and `/dev/null` can be written from now on."""
    root = os.path.realpath(writable)

    def inside(path: Any) -> bool:
        if isinstance(path, int):
            return True  # a descriptor that was opened under this hook, or is a standard stream
        real = os.path.realpath(os.fsdecode(path))
        return real == os.devnull or os.path.commonpath([root, real]) == root

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if path is not None and isinstance(flags, int) and flags & WRITING and not inside(path):
                raise Refused(f"{path} is not to be written")
        elif event == "socket.__new__":
            if arguments[1] not in (UNIX, -1):
                raise Refused("there is no network here")
        elif event in PROGRAMS:
            raise Refused(f"{event} is not allowed here")
        elif event in CHANGES:
            for path in arguments[:2] if event in ("os.rename", "os.link") else arguments[:1]:
                if not inside(path):
                    raise Refused(f"{path} is not to be changed")

    sys.addaudithook(hook)


def main() -> None:
    """Bound and guard this process, then run the script in it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--writable", required=True)
    parser.add_argument("--memory", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("script")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    bound(options.memory, options.seconds)
    guard(options.writable)
    sys.argv = [options.script, *options.rest]
    folder, name = os.path.split(os.path.abspath(options.script))
    sys.path.insert(0, folder)
    if os.path.isdir(options.script):
        runpy.run_module(name, run_name="__main__")
    else:
        runpy.run_path(options.script, run_name="__main__")


if __name__ == "__main__":
    main()
