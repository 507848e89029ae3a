"""Train and export a project's model, if there is none yet or if one of its inputs has changed."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from scripts.packages import environments
from scripts.project import ROOT, Project
from scripts.steps import VERBS, Step, same
from shared.errors import UserError


def bring_up_to_date(
    step: Step, given: list[str], force: bool = False, reset: bool = False, asked: bool = False
) -> None:
    """Run a step if an input has changed, if other arguments are given, or by force.

    given: arguments for the script; without any, those of the last run are used unless reset.
    asked: whether the user named this step, so that a line is printed in any case.
    """
    name, verb, done = step.project.name, step.verb, VERBS[step.verb]
    arguments = given or ([] if reset else step.arguments)
    how = f"{done} with {shlex.join(arguments)}" if arguments else done
    back = f"; `make {verb} RESET=1` leaves these arguments out" if arguments and not given else ""
    reason = step.stale()
    if not reason and arguments != step.arguments:
        before = f"with {shlex.join(step.arguments)}" if step.arguments else "without arguments"
        reason = f"it was {done} {before}"
    if reason or force:
        if step.recorded:
            print(f"{name} is {how} again, because {reason or 'of FORCE=1'}{back}", flush=True)
        step.run(arguments)
    elif asked:
        print(
            f"{name} is up to date: {how}, and nothing that it depends on has changed; `make "
            f"{verb} FORCE=1` does it again{back}"
        )
    elif arguments:
        print(f"{name} is {how}{back}")


def is_foreign(project: Project) -> bool:
    """Return whether `make export` did not write the model file, so that it must not be
    overwritten.

    Raises UserError if such a file is not a model that can be served.
    """
    file, step = project.model_file, Step(project, "export")
    if not file.exists():
        return False
    from shared.serving.onnx.model import BrokenModel, OnnxModel  # takes 0.1 s, and only here

    recorded = step.recorded["made"] if step.recorded else {}
    exported = {Path(name).name: made for name, made in recorded.items()}
    if file.name in exported and same(file, exported[file.name]):
        return False
    try:
        OnnxModel(file)
    except BrokenModel as error:
        if file.name in exported:
            return False  # ours, but truncated
        raise UserError(f"{error} FORCE=1, which replaces this file") from None
    return True


def words(text: str) -> list[str]:
    """Split a variable of make into words, as a shell does."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserError(f"ARGS={text} cannot be read: {error}") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "verb",
        choices=[*VERBS, "ensure"],
        help="ensure: train and export if needed, without a message if not",
    )
    parser.add_argument("model", help="the project folder")
    parser.add_argument("--data", default="", help="file, folder or URL to train with")
    parser.add_argument(
        "--arguments", default="", help="options for train.py or export_onnx.py, as one quoted word"
    )
    parser.add_argument("--force", action="store_true", help="run even if nothing has changed")
    parser.add_argument(
        "--reset", action="store_true", help="without the arguments of the last run"
    )
    args = parser.parse_args()
    project, given = Project(args.model), words(args.arguments)
    # Not every shell knows ~ in DATA=~/photos.
    data = ["--data", os.path.expanduser(args.data)] if args.data else []
    with environments.locked(str(ROOT / ".venv" / f"{project.name}.lock")):
        if {"-h", "--help"} & set(given):
            Step(project, args.verb).run(given)
        elif args.verb == "train":
            bring_up_to_date(
                Step(project, "train"), data + given, args.force, args.reset, asked=True
            )
        elif is_foreign(project) and not args.force:
            file = project.model_file.relative_to(ROOT)
            print(
                f"{file} is used as it is: `make export` did not make it (`make export FORCE=1` "
                "replaces it)"
            )
        else:
            bring_up_to_date(Step(project, "train"), data)
            bring_up_to_date(
                Step(project, "export"), given, args.force, args.reset, asked=args.verb == "export"
            )


if __name__ == "__main__":
    main()
