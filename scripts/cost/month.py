"""Compare what a month costs on Lambda, SageMaker and Fargate, for a model and its traffic."""

from __future__ import annotations

import argparse
import json
import math

from scripts.aws.account import connected
from scripts.cost.aws_lambda import ENDPOINTS, MOST_SECONDS
from scripts.cost.offer import Case
from scripts.cost.plan import MOST_AT_ONCE, break_evens, curves, losses, offers
from scripts.cost.report import as_json, shown
from scripts.cost.traffic import PATTERNS
from scripts.cost.workload import Workload, deployed, workload_of
from scripts.project import ROOT, Project
from shared.errors import UserError

PLOTS = ROOT / "docs/cost"
MOST_REQUESTS = 1e12  # a month


def number(text: str) -> float:
    """Parse a number of zero or more, such as 2e6 or 2,000,000. Raises UserError."""
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise UserError(f"{text} is not a number of zero or more, such as 2e6")
    return value


def positive(text: str) -> float:
    """Parse a number above zero. Raises UserError."""
    value = number(text)
    if not value:
        raise UserError(f"{text} is not above zero")
    return value


def pattern(text: str) -> str:
    """Parse the name of a traffic pattern. Raises UserError."""
    if text not in PATTERNS:
        raise UserError(f"TRAFFIC={text} is not a pattern; choose one of {', '.join(PATTERNS)}")
    return text


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = found.add_argument
    add("model", help="the project folder")
    add("--requests", type=number, default=1e6, help="a month")
    add("--traffic", type=pattern, default="steady", help=f"one of {', '.join(PATTERNS)}")
    add("--latency", type=positive, help="ms within which 99 of 100 requests are answered")
    add("--endpoint", choices=ENDPOINTS, help="of Lambda (default: as in function.toml)")
    add(
        "--duration-ms",
        type=positive,
        help="of a request with one vCPU, instead of the benchmark's",
    )
    add(
        "--memory-mb",
        type=positive,
        help="the most that a request needs, instead of the benchmark's",
    )
    add("--init-ms", type=number, help="of a cold start, instead of the benchmark's")
    add("--parallel", type=number, default=0.0, help="part of the work that several threads share")
    add(
        "--idle-minutes",
        type=positive,
        default=6.0,
        help="after which Lambda stops an idle environment",
    )
    add("--free-tier", action="store_true", help="subtract Lambda's free tier")
    add("--available", action="store_true", help="at least two instances of what never sleeps")
    add("--from-aws", action="store_true", help="read the deployed function's REPORT lines")
    add("--json", action="store_true", help="print JSON, and draw nothing")
    return found


def checked(args: argparse.Namespace) -> None:
    """Raise UserError for options outside their limits, or that exclude each other."""
    if args.requests > MOST_REQUESTS:
        raise UserError(
            f"REQUESTS={args.requests:g} is too large: at most {MOST_REQUESTS:g} a month"
        )
    if (args.duration_ms or 0) > MOST_SECONDS * 1000:
        raise UserError(
            f"--duration-ms {args.duration_ms:g} is too long: a request on Lambda takes at most "
            f"{MOST_SECONDS} s"
        )
    if args.parallel > 1:
        raise UserError(f"--parallel {args.parallel:g} is not a part: use a number from 0 to 1")
    if args.idle_minutes > 60:
        raise UserError(f"--idle-minutes {args.idle_minutes:g} is too long: use at most 60")
    if args.from_aws and (args.duration_ms or args.memory_mb or args.init_ms is not None):
        raise UserError("--from-aws measures what --duration-ms, --memory-mb and --init-ms set")


def work_of(project: Project, args: argparse.Namespace) -> Workload:
    """Return the workload from the place that the command line names."""
    if not args.from_aws:
        return workload_of(project, args.duration_ms, args.memory_mb, args.init_ms)
    with connected(quiet=args.json) as account:
        return deployed(account, project)


def main() -> None:
    args = parser().parse_args()
    checked(args)
    project = Project(args.model)
    case = Case(
        work_of(project, args),
        args.requests,
        args.traffic,
        args.latency,
        args.idle_minutes * 60,
        args.endpoint or ("http" if project.deploy["api"] else "url"),
        args.free_tier,
        args.available,
        args.parallel,
    )
    if case.at_once > MOST_AT_ONCE:
        raise UserError(
            f"REQUESTS={args.requests:g} are {case.at_once:,.0f} requests at once, more than the "
            f"{MOST_AT_ONCE:,} that can be compared: use fewer, or shorter ones"
        )
    found, lines = offers(case), curves(case)
    changes, lost = break_evens(case, lines), losses(case, lines)
    if args.json:
        print(json.dumps(as_json(project.name, case, found, changes, lost), indent=2))
        return
    from scripts.cost.plot import picture  # matplotlib: only to draw

    print(shown(project.name, case, found, changes, lost))
    PLOTS.mkdir(parents=True, exist_ok=True)
    path = PLOTS / f"{project.name}.svg"
    path.write_text(picture(project.name, case, found, lines, changes, lost), encoding="utf-8")
    print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
