"""Runs ACEBench's own eval_main.py: `run_eval_main.py FOLDER ARGUMENTS...`, in the sandbox.

eval_main.py reads and writes by relative paths, some of them beside its folder, so it needs a
folder to write in around its own.
"""

from __future__ import annotations

import os
import runpy
import sys


def main() -> None:
    """Become `python eval_main.py ARGUMENTS...` in `FOLDER`."""
    os.chdir(sys.argv[1])
    sys.path.insert(0, os.getcwd())
    sys.argv = ["eval_main.py", *sys.argv[2:]]
    runpy.run_path("eval_main.py", run_name="__main__")


if __name__ == "__main__":
    main()
