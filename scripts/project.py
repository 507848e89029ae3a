"""Read a project folder: its settings, example request, model metadata and image name."""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
from pathlib import Path

from scripts import settings
from scripts.settings import ONNX_APIS
from shared.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


def require_deployable(name: str) -> None:
    """Raise UserError if AWS does not accept the name for a stack, a function or a bucket."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", name):
        raise UserError(
            f"{name} cannot be deployed: rename the folder to at most 64 lower-case letters, "
            "digits and -, with a letter first"
        )


def checkout_id(root: Path) -> str:
    """Return 8 hexadecimal digits for a checkout, to tell its images from those of another."""
    return hashlib.sha256(str(root).encode()).hexdigest()[:8]


CHECKOUT = checkout_id(ROOT)


class Project:
    """A project folder of this checkout. Raises UserError if there is none or it is not valid."""

    def __init__(self, name: str):
        if name not in (projects := Project.names()):
            raise UserError(
                f"MODEL={name} is not a project folder; choose one of {', '.join(projects)}"
            )
        if not re.fullmatch(r"[a-z0-9]+([._-][a-z0-9]+)*", name):
            raise UserError(
                f"{name} cannot name an image: use lower-case letters, digits, and - or _ between "
                "them"
            )
        self.name = name
        self.folder = ROOT / name
        self.event_file = self.folder / "event.json"
        self.image = f"{name}:local-{CHECKOUT}"
        found = settings.read(name, self.folder / "function.toml")
        self.memory: int = found["memory"]  # MB
        self.timeout: int = found["timeout"]  # seconds
        self.environment: dict[str, str] = found["environment"]
        self.onnx_api: str = os.environ.get("ONNX_API") or found["onnx_api"]
        self.quantized: bool = found["quantized"]
        self.model_file = (
            self.folder / "build" / ("model.int8.onnx" if self.quantized else "model.onnx")
        )
        # Where its models are published, s3://bucket/prefix/name/; "" if the model is in the image.
        self.model_folder: str = found["model"] and f"{found['model']}{name}/"
        if self.onnx_api not in ONNX_APIS:
            raise UserError(
                f"ONNX_API={self.onnx_api} is not known: choose {' or '.join(ONNX_APIS)}"
            )
        self.deploy: dict = found["deploy"]  # how it runs on AWS
        self.architecture: str = self.deploy["architecture"]

    @staticmethod
    def names() -> list[str]:
        """List the project folders of this checkout."""
        return sorted(path.parent.name for path in ROOT.glob("*/lambda_function.py"))

    @staticmethod
    def default() -> str:
        """Return the project folder for which make works without MODEL."""
        [name] = re.findall(r"^MODEL \?= (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return name

    def metadata(self) -> dict:
        """Read the model file's metadata. Raises UserError if the file is missing or broken."""
        from shared.serving.onnx.model import BrokenModel, OnnxModel

        if not self.model_file.exists():
            command = f"make export MODEL={self.name}{' ARGS=--int8' if self.quantized else ''}"
            other = ", or set quantized = false in its function.toml" if self.quantized else ""
            raise UserError(
                f"{self.name} has no {self.model_file.name} yet: run `{command}`{other}"
            )
        try:
            return OnnxModel(self.model_file).metadata
        except BrokenModel as error:
            raise UserError(str(error)) from None

    def event(self) -> object:
        """Parse the example request in event.json. Raises UserError if it is not JSON."""
        try:
            return json.loads(self.event_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{self.name}/event.json cannot be read as JSON: {error}") from None

    def request_keys(self) -> tuple[str, str]:
        """Return the keys of one row and of a list of rows in a request, from the handler's call
        of `Features`. Raises UserError if there is no such call.
        """
        tree = ast.parse((self.folder / "lambda_function.py").read_text())
        constants = _constants(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id == "Features":
                given = {word.arg: word.value for word in node.keywords}
                one, many = (_text(given.get(key), constants) for key in ("row_key", "batch_key"))
                if one and many:
                    return one, many
        raise UserError(
            f"{self.name}/lambda_function.py has no "
            'Features(…, row_key="…", batch_key="…") with the keys of a request'
        )


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Map the names that a module assigns to their expressions."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(target.elts, value.elts) if several else [(target, value)]  # type: ignore[attr-defined]
            found |= {name.id: what for name, what in pairs if isinstance(name, ast.Name)}
    return found


def _text(node: ast.expr | None, constants: dict[str, ast.expr]) -> str | None:
    """Return the string that an expression stands for, or None."""
    node = constants.get(node.id) if isinstance(node, ast.Name) else node
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Check a project's name and function.toml.")
    parser.add_argument("model", help="the project folder")
    parser.add_argument(
        "--deployable", action="store_true", help="also check that AWS accepts the folder's name"
    )
    parser.add_argument(
        "--image", action="store_true", help="print the name that `make build` gives its image"
    )
    args = parser.parse_args()
    project = Project(args.model)
    if args.deployable:
        require_deployable(args.model)
    if args.image:
        print(project.image)


if __name__ == "__main__":
    main()
