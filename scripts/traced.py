"""Run a Python script, and record which files it imported or opened, and which folders it listed.

    python scripts/traced.py FILES.json churn-sklearn/train.py --seed 1

FILES.json is written only if the script succeeds. Not recorded: files that C code opens, and
folders on sys.path.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = {".venv", ".git", "__pycache__", "keras.json"}  # Keras writes its settings itself


class Reads:
    """Record files opened for reading and folders listed, by an audit hook.

    The import system's own reads are left out.
    """

    def __init__(self) -> None:
        self.paths: set[str] = set()
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple) -> None:
        """Record the path of an audit event that reads a file or lists a folder."""
        if event == "open":
            path, _, flags = arguments
            if flags & os.O_ACCMODE != os.O_RDONLY:
                return
        elif event in ("os.listdir", "os.scandir"):
            path = arguments[0]
            if path in sys.path:  # importlib.metadata looks for a package there
                return
        else:
            return
        caller = sys._getframe(1).f_code.co_filename
        if isinstance(path, str | os.PathLike) and not caller.startswith("<frozen importlib"):
            self.paths.add(os.path.abspath(path))

    def found(self) -> list[str]:
        """Return the absolute paths of the checkout's modules and of all that was recorded."""
        files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        modules = {
            os.path.abspath(file) for file in files if isinstance(file, str) and in_checkout(file)
        }
        return sorted(self.paths | modules)


def in_checkout(path: str) -> bool:
    """Return whether a file belongs to the checkout and not to a virtual environment in it."""
    absolute = Path(os.path.abspath(path))
    return absolute.is_relative_to(ROOT) and not LEFT_OUT & set(absolute.relative_to(ROOT).parts)


def main() -> None:
    target, script, *arguments = sys.argv[1:]
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).parent)  # as if Python had been started with the script
    reads = Reads()
    runpy.run_path(script, run_name="__main__")
    Path(target).write_text(json.dumps([os.path.abspath(script), *reads.found()]))


if __name__ == "__main__":
    main()
