"""Compare a project's image with its framework's own and with an empty function; write the figures
and a chart.
"""

from __future__ import annotations

import argparse
import json
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
from scripts.benchmark.memory_sizes import measure_sizes, sizes_of, table_of_sizes
from scripts.benchmark.progress import CLEAR, interrupt, progress
from scripts.benchmark.savings import variants_of
from scripts.benchmark.spread import summary
from scripts.benchmark.tables import all_tables
from scripts.local.docker import DOCKER, require_engine
from scripts.local.images import why_no_base_image
from scripts.project import ROOT, Project
from shared.errors import UserError

PUBLISHED = ROOT / "docs/benchmarks"  # the figures that docs/cold-starts.md discusses
ROOM = 8 * 10**9  # bytes that the largest image (TensorFlow's) takes while it is built

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
    for candidate in {
        candidate.image: candidate for candidate in candidates
    }.values():  # memory sizes share theirs
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
        "units": {
            "*_ms": "milliseconds",
            "*_mb": "10^6 bytes; memory 2^20",
            "throughput_*": "requests per second",
        },
        "batch_sizes": examples.sizes,
        "batch_of": "images" if examples.image else "rows",
        "candidates": {
            candidate.name: {
                "what": candidate.what,
                "versions": versions(candidate),
                "largest_difference": differences.get(candidate.name),
                "measures": {
                    name: summary(found) for name, found in sorted(values[candidate.name].items())
                },
            }
            for candidate in candidates
        },
    }


def shown(found: dict) -> str:
    """Return the tables, followed by notes on the machine and the method."""
    on, plan = found["machine"], found["rounds"]
    notes = [
        f"{on['cpu']}, {on['cores']} cores, {on['memory_gib']} GiB; kernel {on['kernel']}, "
        f"{on['engine']}; on {on['base_image']}",
        f"(Python {on['python']}). {found['date']}, {plan['starts']} starts with "
        f"{plan['requests']} requests each",
    ]
    if "sizes" in found:
        return "\n".join([table_of_sizes(found["sizes"]), "", *notes])
    notes[-1] += f", {plan['others']} of the others: medians, in brackets the quartiles."
    if found["model_file"] != "model.onnx":
        notes.append(
            f"ONNX Runtime serves {found['model_file']}, whose predictions may differ from the "
            "framework's."
        )
    notes += [f"No cold caches, because {reason}." for reason in found["left_out"].values()]
    notes += ["docs/benchmarks/README.md explains each column."]
    return "\n".join([all_tables(found), *notes])


def removal(name: str) -> str:
    """Return the shell command that removes all benchmark images of a project."""
    images = f"{DOCKER} image ls --format '{{{{.Repository}}}}:{{{{.Tag}}}}' {repository(name)}"
    return f"for image in $({images}); do {DOCKER} image rm $image; done"


def write(found: dict, project: str, of: str, folder: Path) -> None:
    """Write the figures and the chart into a folder, and print where. of: one of CANDIDATES."""
    folder.mkdir(parents=True, exist_ok=True)
    name = project if of == "frameworks" else f"{project}-{of}"
    written = [folder / f"{name}.json"]
    written[0].write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    if "candidates" in found:
        from scripts.benchmark.plot import picture  # matplotlib: only once there is a chart to draw

        written.append(folder / f"{name}.svg")
        written[1].write_text(picture(found))
    shown = [str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path) for path in written]
    print(f"wrote {' and '.join(shown)}")
    if folder != PUBLISHED and (PUBLISHED / f"{name}.json").exists():
        print(f"docs/benchmarks/{name}.json is unchanged: ARGS=--replace writes there")


def main() -> None:
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
    folder = (
        PUBLISHED if args.replace else (args.to or project.folder / "build/benchmarks").resolve()
    )
    write(found, project.name, args.of, folder)
    print(f"The images stay for the next run. To remove them:\n  {removal(project.name)}")


if __name__ == "__main__":
    main()
