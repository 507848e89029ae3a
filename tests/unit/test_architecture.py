"""docs/architecture.md: the folders that it names exist, and the code keeps to its layers."""

import ast
import re

from scripts.project import ROOT, Project

PAGE = (ROOT / "docs/architecture.md").read_text()
ROWS = re.findall(r"^\| ([^|]+) \| [^|]+ \|([^|]*)\|$", PAGE, re.MULTILINE)
ALLOWED = {folder: set(re.findall(r"`([^`]+)`", allowed)) for folder, allowed in ROWS}
LAYERS = {folder.strip("`"): allowed for folder, allowed in ALLOWED.items() if folder[0] == "`"}
# One row of the table is for all projects, so that a copy keeps to its layers too.
LAYERS |= dict.fromkeys(Project.names(), ALLOWED["a project, such as `churn-sklearn`"])
CODE = ("shared", "scripts")


def folder_of(module):
    """The folder of a module or of a name in it, such as scripts/aws for scripts.aws.ecr.TAG."""
    path = ROOT.joinpath(*module.split("."))
    while not (path.with_suffix(".py").exists() or path.is_dir()):
        path = path.parent
    return str((path if path.is_dir() else path.parent).relative_to(ROOT))


def imported(path):
    """The folders of this repository from which a file imports."""
    modules = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    return {folder_of(module) for module in modules if module.split(".")[0] in CODE}


def test_the_table_has_all_folders_of_code():
    named = set(LAYERS) - set(Project.names())
    found = {
        str(path.parent.relative_to(ROOT)) for top in CODE for path in (ROOT / top).rglob("*.py")
    }
    assert named == {folder for folder in found if "baselines" not in folder}


def test_a_folder_imports_from_the_layers_that_the_page_allows():
    for folder, allowed in LAYERS.items():
        paths = [path for path in (ROOT / folder).glob("*.py") if not path.name.startswith("test_")]
        assert paths, folder
        for path in paths:
            assert imported(path) <= allowed | {folder}, path


def test_every_path_on_the_page_exists():
    names = re.findall(r"`((?:shared|scripts|tests|docs)/[^` ]*)`", PAGE)
    names += [f"docs/{target}" for target in re.findall(r"\]\((\.\.[^)#]+)\)", PAGE)]
    assert len(names) > 20
    for name in names:
        assert (ROOT / name).exists(), name


def test_the_glossary_is_sorted():
    rows = PAGE.split("| word | meaning |")[1].splitlines()[2:]
    words = [row.split("|")[1].strip().lower() for row in rows]
    assert len(words) > 20 and words == sorted(words)
