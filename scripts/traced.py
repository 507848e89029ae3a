"""Run a Python script, and write down which files of the checkout it imported or opened, and which
folders it listed.

    python scripts/traced.py FILES.json churn-sklearn/train.py --seed 1

FILES.json is written only where the script succeeds. Files that the script's C code opens are not
seen, nor folders of modules that are listed (sys.path).
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = {".venv", ".git", "__pycache__"}


class Reads:
    """What is opened to be read, or listed, from now on, except by Python's own import system."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if flags & os.O_ACCMODE != os.O_RDONLY:
                return
        elif event in ("os.listdir", "os.scandir"):
            path = arguments[0]
            if path in sys.path:  # to look for a package's metadata
                return
        else:
            return
        if isinstance(path, str | os.PathLike) and not sys._getframe(
            1
        ).f_code.co_filename.startswith("<frozen importlib"):
            self.paths.add(os.path.abspath(path))

    def found(self) -> list[str]:
        """The absolute paths of the checkout's modules, and of everything that was opened or
        listed.
        """
        files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        modules = {
            os.path.abspath(file) for file in files if isinstance(file, str) and in_checkout(file)
        }
        return sorted(self.paths | modules)


def in_checkout(path: str) -> bool:
    """Whether a file belongs to the checkout, and not to a virtual environment in it."""
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
