"""Write a project into a folder of its own, as a repository without the other projects."""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

from scripts.project import ROOT, Project
from shared.errors import UserError
from shared.git import git

# The workshop's own pages and figures, and the tests of what they show.
LEFT_OUT = (
    *("README.md", "docs/cold-starts.md", "docs/benchmarks/", "docs/cost/", "docs/recipes/"),
    *("tests/recipes/", "tests/commands/test_copies.py", "tests/commands/test_readme.py"),
    *("tests/aws/test_page.py", "tests/unit/test_cost.py", "tests/unit/test_cost_plot.py"),
)
AUTHOR = ("-c", "user.name=make eject", "-c", "user.email=eject@localhost")
README = """# {name}

Describe your model here. [The chapter]({name}/README.md) is in its folder.

```console
$ make demo
…
```

`make` lists all commands. Look these up when you need them:

- [docs/deploy.md](docs/deploy.md): deployment to AWS, clean-up.
- [docs/contract.md](docs/contract.md): requests, responses, errors and limits.
- [docs/troubleshooting.md](docs/troubleshooting.md): errors, causes and fixes.
- [docs/your-project.md](docs/your-project.md): the place of each file, and fixes from upstream.

Written by `make eject` from version {version} of the workshop.
"""


def files_for(project: Project) -> list[str]:
    """Return the paths of the checkout's files, without other projects and the workshop's pages.

    Raises UserError if the checkout is no Git repository.
    """
    listed = git(ROOT, "ls-files", "-co", "--exclude-standard")
    if listed is None:
        raise UserError("make eject needs Git and a clone of the repository: no file list here")
    others = tuple(f"{name}/" for name in Project.names() if name != project.name)
    return [
        path
        for path in listed.splitlines()
        if not path.startswith(others + LEFT_OUT) and (ROOT / path).is_file()
    ]


def adapted(path: str, text: str, default: str, name: str, kept: set[str]) -> str:
    """Return a file's text: another default project, and no link to a file that is left out.

    path: relative to the checkout; default, name: the default project here and there; kept: the
    paths of all files that are written.
    """

    def link(found: re.Match) -> str:
        """Return a link as it is, or its text alone if its target is left out."""
        target = (ROOT / path).parent / found[2].partition("#")[0]
        inside = target.resolve().relative_to(ROOT) if found[2] else Path(path)
        there = str(inside) in kept or any(each.startswith(f"{inside}/") for each in kept)
        return found[0] if there else found[1]

    if not path.startswith(f"{name}/"):  # its own pages may name the project it is a copy of
        text = text.replace(default, name)
    return (
        re.sub(r"!?\[([^\]]+)\]\((?!https?://)([^)]*)\)", link, text)
        if path[-3:] == ".md"
        else text
    )


def eject(project: Project, target: Path) -> None:
    """Write a project and what it needs into a new folder, and commit it to a new repository.

    The branch `upstream` keeps this state. Raises UserError if the folder cannot be used.
    """
    if target.is_relative_to(ROOT):
        raise UserError(f"DIR={target} is inside of this checkout: choose a folder outside of it")
    files = files_for(project)
    default = Project.default()
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise UserError(f"DIR={target} is not empty: choose a new folder")
        for path in files:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target / path)
            try:
                text = (ROOT / path).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            text = adapted(path, text, default, project.name, {*files, "README.md"})
            (target / path).write_text(text)
        version = git(ROOT, "describe", "--always", "--dirty") or "unknown"
        readme = README.format(name=project.name, version=version)
        (target / "README.md").write_text(readme)
    except OSError as error:
        raise UserError(f"DIR={target} cannot be written: {error}") from None
    message = f"make eject of version {version}"
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        (*AUTHOR, "commit", "--quiet", "--no-verify", f"--message={message}"),
        ("branch", "upstream"),
    ):
        if git(target, *command) is None:
            raise UserError(f"`git {command[0]}` failed in {target}: the files are there")
    print(f"{project.name} is a repository in {target}, with {len(files) + 1} files.")
    print("Run `make demo`, then `make test` there.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the project folder")
    parser.add_argument("folder", help="a new or empty folder")
    args = parser.parse_args()
    if not args.folder:
        raise UserError("DIR is missing: write `make eject DIR=../my-repository`")
    eject(Project(args.model), Path(args.folder).expanduser().resolve())


if __name__ == "__main__":
    main()
