"""Run the scripts of a project in the process of the tests."""

import contextlib
import importlib.util
import io
import sys

import pytest

from shared.errors import UserError


def run_main(script, *arguments, **constants):
    """Run main() of train.py or export_onnx.py; return the exit status and the output, as a command
    has them.

    In this process, because loading scikit-learn takes far longer than most of what is tested.
    constants: replace those of the file.
    """
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module).update(constants)
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", [str(script), *map(str, arguments)])
        try:
            module.main()
        except UserError as error:  # shared/errors.py prints it and the status is 1
            return 1, f"{printed.getvalue()}{error}\n"
    return 0, printed.getvalue()
