"""A project folder, and what the scripts need to know of it."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from pathlib import Path

from scripts.settings import checked

ROOT = Path(__file__).resolve().parents[1]
RUNTIMES = ("python", "c")  # see shared/serving/onnx_model.py


def checkout_id(root: Path) -> str:
    """A short name for the checkout in the folder `root`, for a Docker engine that several checkouts use."""
    return hashlib.sha256(str(root).encode()).hexdigest()[:8]


CHECKOUT = checkout_id(ROOT)


class Project:
    """The project folder `name` of this checkout. Ends the program with one line where there is none."""

    def __init__(self, name: str):
        if name not in (projects := Project.names()):
            raise SystemExit(f"MODEL={name} is not a project folder: there are {', '.join(projects)}")
        if not re.fullmatch(r"[a-z0-9]+([._-][a-z0-9]+)*", name):
            raise SystemExit(f"{name} cannot name an image: use lower-case letters, digits, and - or _ between them")
        self.name = name
        self.folder = ROOT / name
        self.model_file = self.folder / "build/model.onnx"
        self.event_file = self.folder / "event.json"
        self.image = f"{name}:local-{CHECKOUT}"
        settings = tomllib.loads((self.folder / "function.toml").read_text())
        self.memory: int = settings["memory"]  # MB
        self.timeout: int = settings["timeout"]  # seconds
        self.environment: dict[str, str] = settings.get("environment", {})
        self.runtime: str = os.environ.get("RUNTIME") or settings.get("runtime", "python")
        if self.runtime not in RUNTIMES:
            raise SystemExit(f"RUNTIME={self.runtime} is not known: choose {' or '.join(RUNTIMES)}")
        self.deploy: dict = checked(name, settings.get("deploy", {}))  # how it runs on AWS
        self.architecture: str = self.deploy["architecture"]

    @staticmethod
    def names() -> list[str]:
        """The folders of this checkout that hold a project."""
        return sorted(path.parent.name for path in ROOT.glob("*/lambda_function.py"))

    def metadata(self) -> dict:
        """What model.onnx says of itself. Ends the program with one line where it is missing or broken."""
        from shared.serving.onnx_model import BrokenModel, OnnxModel

        if not self.model_file.exists():
            raise SystemExit(f"{self.name} has no model.onnx yet: run `make export MODEL={self.name}`")
        try:
            return OnnxModel(self.model_file).metadata
        except BrokenModel as error:
            raise SystemExit(str(error)) from None
