"""Copy a project folder as the start of a new project."""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from pathlib import Path

from scripts.packages import environments
from scripts.project import ROOT, Project
from shared.errors import UserError

# Made by commands or by Python, or about the original's data alone.
LEFT_OUT = ("build", "__pycache__", ".*", "README.md", "*.svg", "test_*.py")
LONGEST = 64  # characters of a function's name
README = """# {name}

A copy of `{original}`, made by `make new`. Describe your model here.

```console
$ make demo MODEL={name}
…
```
"""


def require_new(name: str) -> None:
    """Raise UserError unless a new project folder may have this name.

    Docker, ECR, CloudFormation and Lambda accept it, and nothing else uses it.
    """
    if len(name) > LONGEST or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UserError(
            f"NAME={name} cannot name a project: use at most {LONGEST} lower-case letters, digits, "
            "and single - between them, with a letter first"
        )
    # `build` in any folder is ignored by Git; .venv has a folder for each tool.
    if (ROOT / name).exists() or name == "build" or name in environments.TOOLS:
        raise UserError(f"NAME={name} is taken: choose another name")


def copy(original: Project, name: str) -> None:
    """Copy a project folder, without what is the original's alone, in one step.

    Raises UserError if the folder cannot be written.
    """
    require_new(name)
    try:
        # In .venv, which no command searches for projects.
        with tempfile.TemporaryDirectory(dir=ROOT / ".venv") as scratch:
            made = Path(scratch, name)
            left_out = shutil.ignore_patterns(*LEFT_OUT)
            shutil.copytree(original.folder, made, symlinks=True, ignore=left_out)
            (made / "README.md").write_text(README.format(name=name, original=original.name))
            made.rename(ROOT / name)
    except (OSError, shutil.Error) as error:
        raise UserError(f"{name} cannot be written: {error}") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("original", help="the project folder to copy")
    parser.add_argument("name", help="the new folder")
    args = parser.parse_args()
    if not args.name:
        raise UserError("NAME is missing: write `make new NAME=my-project`")
    original = args.original.rstrip("/")
    if original not in (projects := Project.names()):
        raise UserError(
            f"FROM={original} is not a project folder; choose one of {', '.join(projects)}"
        )
    copy(Project(original), args.name)
    environments.install(args.name, ["run", "train"])  # its interpreter, for an IDE or a notebook
    print(f"{args.name} is a copy of {original}, without its build, chapter and tests.")
    print("Edit three places:")
    for file, what in (
        ("train.py", "the data and its columns"),
        ("lambda_function.py", "the names in requests and responses"),
        ("event.json", "an example request"),
    ):
        print(f"  {f'{args.name}/{file}':<{len(args.name) + 20}} {what}")
    print(f"Then run `make demo MODEL={args.name}`.")


if __name__ == "__main__":
    main()
