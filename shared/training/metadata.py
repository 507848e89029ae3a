"""A model's metadata: written by training, stored in the ONNX file, read by serving."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import onnx

from shared.errors import UserError
from shared.git import git
from shared.serving.onnx.common import JSON, TEXT


def write_metadata(folder: Path, metadata: dict) -> None:
    """Write metadata.json into a build folder. Written last, it marks a training as complete."""
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=2, ensure_ascii=False) + "\n")


def read_metadata(folder: Path) -> dict:
    """Read metadata.json of a build folder. Raises UserError when no model was trained yet."""
    try:
        return json.loads((folder / "metadata.json").read_text())
    except FileNotFoundError:
        raise UserError(f"{folder} holds no trained model: run `make train` first") from None


def library_versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of the named distributions."""
    return {
        "python": sys.version.split()[0],
        **{name: importlib.metadata.version(name) for name in packages},
    }


def version(folder: Path) -> str:
    """Return `git describe` of the checkout that a project's folder is in, or "unversioned".

    It ends in -dirty when a tracked file has changed, or when the folder has untracked files.
    """
    described = git(folder, "describe", "--always", "--dirty", "--tags")
    if not described:
        return "unversioned"
    new = git(folder, "status", "--porcelain", "--untracked-files=all", ".")
    return described if described.endswith("-dirty") or not new else f"{described}-dirty"


def attach(model: onnx.ModelProto, metadata: dict) -> None:
    """Store metadata in an ONNX model. Raises UserError for a key that serving does not read."""
    if unknown := sorted(metadata.keys() - TEXT - JSON):
        raise UserError(
            f"the function would not read {', '.join(unknown)}: add it to JSON in "
            "shared/serving/onnx/common.py"
        )
    onnx.helper.set_model_props(
        model, {key: value if key in TEXT else json.dumps(value) for key, value in metadata.items()}
    )
