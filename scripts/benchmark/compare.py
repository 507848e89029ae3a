"""Compare a project's image with its framework's own and with an empty function.

Prints tables, and writes the figures and a chart.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from pathlib import Path

from scripts.benchmark.caches import why_no_cold_caches
from scripts.benchmark.candidates import MEMORY, Candidate, candidates_of, repository, versions
from scripts.benchmark.examples import Examples
from scripts.benchmark.machine import folder_of_images, machine
from scripts.benchmark.measure import Plan, check_answers, measure
from scripts.benchmark.memory_sizes import measure_sizes, sizes_of
from scripts.benchmark.progress import CLEAR, interrupt, progress
from scripts.benchmark.report import PUBLISHED, shown, write
from scripts.benchmark.savings import variants_of
from scripts.benchmark.spread import summary
from scripts.local.docker import DOCKER, require_engine
from scripts.local.images import why_no_base_image
from scripts.project import ROOT, Project
from shared.errors import UserError

ROOM = 8 * 10**9  # bytes that the largest image (TensorFlow's) takes while it is built

UNITS = {
    "*_ms": "milliseconds",
    "*_mb": "10^6 bytes; memory 2^20",
    "throughput_*": "requests per second",
}
CANDIDATES = {"frameworks": candidates_of, "savings": variants_of, "memory": sizes_of}


def prepare(project: Project, of: str = "frameworks") -> list[Candidate]:
    """Build all images. Raises UserError when this machine cannot."""
    project.metadata()
    require_engine("a benchmark compares images, so")
    if reason := why_no_base_image(project):
        raise UserError(f"{reason}: check the network, or set BASE_IMAGE")
    candidates = CANDIDATES[of](project)
    if (free := shutil.disk_usage(folder_of_images() or ROOT).free) < ROOM:
        raise UserError(
            f"{free / 1e9:.1f} GB are free, and building these images may take {ROOM / 1e9:.0f}: "
            "make room first"
        )
    by_image = {candidate.image: candidate for candidate in candidates}  # memory sizes share one
    for candidate in by_image.values():
        candidate.build()
    return candidates


def benchmark(project: Project, plan: Plan, of: str, event: Path) -> dict:
    """Measure all candidates. Returns the content of the JSON file.

    of: one of CANDIDATES; event: a file with the request.
    """
    candidates = prepare(project, of)
    examples = Examples(project, event)
    found = {
        "model": project.name,
        "version": project.metadata()["version"],
        "model_file": project.model_file.name,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(project),
        "rounds": vars(plan),
    }
    if of == "memory":
        return {**found, "sizes": measure_sizes(candidates, examples.one, plan, progress)}
    progress("comparing responses")
    differences = check_answers(candidates, examples)
    if of == "savings":  # measured by starts alone
        examples.sizes, plan.copies, plan.requests = [], [], 1
    reason = why_no_cold_caches()
    values = measure(candidates, examples, plan, cold=reason is None, progress=progress)
    return {
        **found,
        "memory_of_each_function_mb": MEMORY,
        "left_out": {"cold_*": reason} if reason else {},
        "units": UNITS,
        "batch_sizes": examples.sizes,
        "batch_of": "images" if examples.image else "rows",
        "candidates": {
            candidate.name: {
                "what": candidate.what,
                "versions": versions(candidate),
                "largest_difference": differences.get(candidate.name),
                "measures": summaries(values[candidate.name]),
            }
            for candidate in candidates
        },
    }


def summaries(values: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Return the summary of each measure, sorted by name."""
    return {name: summary(found) for name, found in sorted(values.items())}


def removal(name: str) -> str:
    """Return the shell command that removes all benchmark images of a project."""
    images = f"{DOCKER} image ls --format '{{{{.Repository}}}}:{{{{.Tag}}}}' {repository(name)}"
    return f"for image in $({images}); do {DOCKER} image rm $image; done"


def parse_arguments() -> argparse.Namespace:
    """Parse the command line. Raises UserError if a number is below 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("model", help="the project folder")
    parser.add_argument(
        "--starts", type=int, default=9, help="rounds in which each image is started"
    )
    parser.add_argument("--requests", type=int, default=200, help="on each of these starts")
    parser.add_argument(
        "--others", type=int, default=3, help="rounds with cold caches, and of throughput"
    )
    parser.add_argument(
        "--copies", type=int, nargs="+", default=[1, 2, 4], help="side by side, for throughput"
    )
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="of throughput, for each number of copies"
    )
    parser.add_argument(
        "--of",
        choices=CANDIDATES,
        default="frameworks",
        help="what to compare the image with: its framework's, itself without each optimization, "
        "itself at other memory sizes",
    )
    parser.add_argument(
        "--event", type=Path, help="a file with the request (default: the project's event.json)"
    )
    to = parser.add_mutually_exclusive_group()
    to.add_argument(
        "--to", type=Path, help="the folder to write to (default: the project's build/benchmarks)"
    )
    to.add_argument(
        "--replace", action="store_true", help="replace the published figures in docs/benchmarks"
    )
    args = parser.parse_args()
    if min(args.starts, args.requests, args.others, *args.copies) < 1:
        raise UserError("there must be at least one of each")
    return args


def main() -> None:
    args = parse_arguments()
    plan = Plan(args.starts, args.requests, args.others, args.copies, args.seconds)
    signal.signal(signal.SIGINT, interrupt)
    project = Project(args.model)
    try:
        found = benchmark(project, plan, args.of, args.event or project.event_file)
    except KeyboardInterrupt:
        raise UserError("stopped: nothing was written, and the containers are removed") from None
    finally:
        print(end=CLEAR if sys.stdout.isatty() else "", flush=True)
    print(f"\n{shown(found)}")
    folder = PUBLISHED if args.replace else args.to or project.folder / "build/benchmarks"
    write(found, project.name, args.of, folder.resolve())
    print(f"The images stay for the next run. To remove them:\n  {removal(project.name)}")


if __name__ == "__main__":
    main()
