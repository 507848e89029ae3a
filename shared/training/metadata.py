"""The model card: everything that serving must know about a model, written by training, carried by
the ONNX file.
"""

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
    """Writes build/metadata.json, the last file of a training: that it exists says that the
    training is complete.
    """
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=2, ensure_ascii=False) + "\n")


def read_metadata(folder: Path) -> dict:
    """Reads build/metadata.json. Ends the program where the model was not trained yet."""
    try:
        return json.loads((folder / "metadata.json").read_text())
    except FileNotFoundError:
        raise UserError(f"{folder} holds no trained model: run `make train` first") from None


def library_versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of the named distributions."""
    return {
        "python": sys.version.split()[0],
        **{name: importlib.metadata.version(name) for name in packages},
    }


def version(folder: Path) -> str:
    """`git describe` of the checkout, or "unversioned" where Git knows none.

    It ends in -dirty where a tracked file has changed, or where the project's folder has files that
    no commit has.
    """
    described = git(folder, "describe", "--always", "--dirty", "--tags")
    if not described:
        return "unversioned"
    new = git(folder, "status", "--porcelain", "--untracked-files=all", ".")
    return described if described.endswith("-dirty") or not new else f"{described}-dirty"


def attach(model: onnx.ModelProto, metadata: dict) -> None:
    """Puts the card into the model's metadata. Ends the program where it has a key that the
    function would not read.
    """
    if unknown := sorted(metadata.keys() - TEXT - JSON):
        raise UserError(
            f"the function would not read {', '.join(unknown)}: add it to JSON in "
            "shared/serving/onnx/common.py"
        )
    onnx.helper.set_model_props(
        model, {key: value if key in TEXT else json.dumps(value) for key, value in metadata.items()}
    )
