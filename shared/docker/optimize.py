"""Trim and compile a folder of the image for a fast start. Runs in a build stage, not on Lambda.

Each step can be skipped: `make benchmark ARGS="--of savings"` measures the image without it.
"""

from __future__ import annotations

import argparse
import compileall
import os
import re
import shutil
from pathlib import Path
from py_compile import PycInvalidationMode

# Patterns of files and folders that no package needs to run: scripts, tests, headers, type stubs.
UNUSED = ["bin", "**/tests", "**/*.pyi", "*/include", "numpy/_core/include"]
# Not needed by a handler: ONNX Runtime's converters, NumPy's build tools, Pillow's fonts, windows
# and AVIF.
UNUSED_BY_HANDLERS = [
    *("onnxruntime/transformers", "onnxruntime/quantization", "onnxruntime/tools"),
    *("onnxruntime/datasets", "onnxruntime/backend"),
    *("numpy/f2py", "numpy/_core/lib", "numpy/_pyinstaller"),
    *("PIL/_avif*.so", "PIL/_imagingft*.so", "PIL/_imagingtk*.so"),
    *("pillow.libs/libavif-*", "pillow.libs/libfreetype-*", "pillow.libs/libharfbuzz-*"),
]
# ONNX Runtime ships its library twice: inside its Python module, and as a shared library for C. A
# framework, for comparison, may need all else: SciPy imports numpy.f2py.
UNUSED_BY = {
    "python": [*UNUSED_BY_HANDLERS, "onnxruntime/capi/libonnxruntime*.so*"],
    "c": [*UNUSED_BY_HANDLERS, "numpy", "numpy.libs", "numpy-*", "onnxruntime-*"],
    "framework": [],
}
KEPT_FOR_C = ("libonnxruntime.so.*", "LICENSE", "ThirdPartyNotices.txt")
NEWER_PYTHON = re.compile("py3[0-9]+_")  # files with syntax that this Python cannot compile
STEPS = ("trim", "compile", "unchecked")


def trim(packages: Path, target: str) -> None:
    """Delete what running a model never touches from a folder of installed packages.

    target: "python" keeps ONNX Runtime's Python module, "c" its shared library and licenses,
        "framework" keeps both.
    """
    for pattern in UNUSED + UNUSED_BY[target]:
        for path in list(packages.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)  # its folder may have matched before it
    if target == "c":
        for path in sorted((packages / "onnxruntime").rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif not any(path.match(name) for name in KEPT_FOR_C):
                path.unlink()


def compile_ahead(folder: Path, target: str, unchecked: bool) -> None:
    """Compile all modules in a folder. Lambda's disk is read-only: Python cannot do it there.

    target: where the folder will be in the image, for tracebacks. unchecked: imports trust the
    compiled file and do not look at its source.
    """
    mode = PycInvalidationMode.UNCHECKED_HASH if unchecked else PycInvalidationMode.TIMESTAMP
    compiled = compileall.compile_dir(
        folder,
        maxlevels=100,
        quiet=1,
        workers=0,
        rx=NEWER_PYTHON,
        stripdir=str(folder),
        prependdir=target,
        invalidation_mode=mode,
    )
    if not compiled:
        raise SystemExit(f"{folder}: a module cannot be compiled; the reason is above")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="packages, or the function's own files")
    parser.add_argument("--trim-for", choices=UNUSED_BY, help="trim packages for this ONNX API")
    parser.add_argument("--skip", default="", help=f"steps to leave out, of {', '.join(STEPS)}")
    args = parser.parse_args()
    skipped = args.skip.split()
    if unknown := set(skipped) - set(STEPS):
        parser.error(f"--skip {' '.join(sorted(unknown))}: choose from {', '.join(STEPS)}")
    if args.trim_for and "trim" not in skipped:
        trim(args.folder, args.trim_for)
    if "compile" not in skipped:
        compile_ahead(args.folder, os.environ["LAMBDA_TASK_ROOT"], "unchecked" not in skipped)


if __name__ == "__main__":
    main()
