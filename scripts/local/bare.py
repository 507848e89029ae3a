"""Run a handler without a container, with no more modules and packages than its image has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from scripts.local.images import onnx_apis, variables_of
from scripts.packages import environments
from scripts.project import ROOT, Project

PYTHON = [sys.executable, "-S"]  # without the packages of this Python's environment
RUNTIME = [*PYTHON, "-m", "awslambdaric", "lambda_function.lambda_handler"]
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


def variables(project: Project, model_file: Path) -> dict[str, str]:
    """Return the environment variables of a handler that runs without a container.

    Nothing of the user's environment: as in a container, and without AWS credentials.
    """
    known = onnx_apis(project)
    onnx_api = project.onnx_api if project.onnx_api in known else known[0]
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(environments.install_for_image(project.name, onnx_api)),
        "MODEL_PATH": str(model_file),
        "ONNX_API": onnx_api,
        **variables_of(project),
    }
