"""Serve a project under the Runtime Interface Emulator in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse

from scripts.local.build import build
from scripts.local.emulator import Emulator
from scripts.local.failures import explained_failure
from scripts.local.images import why_no_container
from scripts.local.ports import port_number, require_free
from scripts.project import Project
from shared.errors import UserError

PATH = "/2015-03-31/functions/function/invocations"


def prepare(project: Project, port: int, quiet: bool) -> bool:
    """Build the image if that is possible, and print how the function is run, and why.

    Returns True for a container.
    """
    project.metadata()
    require_free(port)  # before a build, not after it
    if reason := why_no_container(project):
        print(f"running {project.name} without a container, because {reason}", flush=True)
        return False
    build(project, quiet)
    print(f"running {project.name} in a container of {project.image}", flush=True)
    return True


def show(line: str) -> None:
    """Print a line of the emulator or the function, and below it what a failure in it means."""
    print(line, end="", flush=True)
    if why := explained_failure(line):
        print(why, flush=True)


def parse_arguments(description: str | None) -> argparse.Namespace:
    """Parse the project folder and the port from the command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("model", help="the project folder")
    parser.add_argument("--port", type=port_number, default=9000, help="on 127.0.0.1")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments(__doc__)
    project = Project(args.model)
    container = prepare(project, args.port, quiet=False)
    try:
        with Emulator(project, args.port, container, show=show) as emulator:
            print(
                f"curl --data @{project.name}/event.json {emulator.endpoint_url}{PATH}", flush=True
            )
            status = emulator.wait()
        raise UserError(
            f"the emulator ended by itself, with status {status}: its last lines are above; run "
            "this again"
        )
    except KeyboardInterrupt:
        print("\nstopped")


if __name__ == "__main__":
    main()
