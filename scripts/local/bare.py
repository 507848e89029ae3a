"""Run a handler without a container, with no more modules and packages than its image has."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.local.images import environment_on_host, onnx_apis
from scripts.packages import environments
from scripts.project import ROOT, Project

# -S: without the packages of this Python's environment.
RUNTIME = [sys.executable, "-S", "-m", "awslambdaric", "lambda_function.lambda_handler"]
SHARED = ("shared/__init__.py", "shared/serving")  # as in the Dockerfiles


def function_folder(project: Project) -> Path:
    """Return a folder with links to the files that a project's Dockerfile copies."""
    folder = ROOT / ".venv/.function" / project.name
    (folder / "shared").mkdir(parents=True, exist_ok=True)
    wanted = {folder / path.name: path for path in project.folder.glob("lambda_*.py")}
    wanted |= {folder / name: ROOT / name for name in SHARED}
    for link in [*folder.glob("*.py"), *folder.glob("shared/*.py")]:
        if link not in wanted:
            link.unlink()
    for link, path in wanted.items():
        if not link.is_symlink() or link.readlink() != path:
            link.unlink(missing_ok=True)
            link.symlink_to(path)
    return folder


def variables(project: Project) -> dict[str, str]:
    """Return the environment of the handler, with the path to the packages of its image."""
    known = onnx_apis(project)
    onnx_api = project.onnx_api if project.onnx_api in known else known[0]
    return {
        **environment_on_host(project, project.model_file),
        "PYTHONPATH": str(environments.install_for_image(project.name, onnx_api)),
        "ONNX_API": onnx_api,
    }
