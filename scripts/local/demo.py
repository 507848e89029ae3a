"""Serve a project under the Runtime Interface Emulator, invoke it once with boto3, and stop it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from scripts.local.emulator import Emulator, start_up_ms
from scripts.local.invoke import Function, FunctionFailed
from scripts.local.run import parse_arguments, prepare
from scripts.project import Project
from shared.errors import UserError


def main() -> None:
    args = parse_arguments(__doc__)
    project = Project(args.model)
    metrics = project.metadata()["metrics"]
    event = json.loads(project.event_file.read_text())
    container = prepare(project, args.port, quiet=True)

    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "emulator.log")
        with log.open("w") as output, Emulator(project, args.port, container, output) as emulator:
            url, timeout = emulator.endpoint_url, project.timeout + 5
            try:
                answer = Function(endpoint_url=url, timeout=timeout)(event)
            except FunctionFailed as error:
                print(log.read_text())
                raise UserError(f"{error} (the lines of the function are above)") from None
        start_up = start_up_ms(log.read_text())

    print(f"\nrequest   {json.dumps(event, ensure_ascii=False)}")
    print(f"response  {json.dumps(answer, ensure_ascii=False)}\n")
    for name, value in metrics.items():
        print(f"{name if name == 'parity' else f'test {name}':<18}{value:.3g}")
    print(f"{'start-up':<18}{start_up:.0f} ms")
    print("\nThe function has responded and is stopped.")


if __name__ == "__main__":
    main()
