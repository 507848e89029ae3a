"""Score a CSV or JSON Lines file of any size in S3 with a Step Functions distributed map."""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from typing import Any

from scripts.aws.account import Account, connected
from scripts.aws.bulk_files import (
    FORMATS,
    clear,
    head_of,
    is_ours,
    location,
    parts_of,
    require_allowed,
)
from scripts.aws.bulk_report import Report, collect
from scripts.aws.stack import Stack
from scripts.local.invoke import Function, FunctionFailed
from scripts.prices import bulk_job
from scripts.project import Project
from shared.errors import UserError
from shared.serving.sources.parts import MOST_BYTES

POLL = 1  # seconds


def wait_for_stopped_jobs(client: Any, machine: str, timeout: int) -> None:
    """Wait until no call of a stopped job can be running: it would disturb the next job.

    timeout: seconds that one call of the function takes at most.
    """
    for status in ("ABORTED", "FAILED", "TIMED_OUT"):
        stopped = client.list_executions(
            stateMachineArn=machine, statusFilter=status, maxResults=1
        )["executions"]
        left = timeout - max(
            (time.time() - job["stopDate"].timestamp() for job in stopped), default=timeout
        )
        if left > 0:
            print(f"waiting {left:.0f} s, until no call of the job before is running", flush=True)
            time.sleep(left)


def run(account: Account, machine: str, bucket: str, manifest: str) -> str | None:
    """Run the state machine over a manifest, and show progress. Returns why it failed, or None."""
    client = account.client("stepfunctions")
    given = json.dumps({"bucket": bucket, "manifest": manifest})
    execution = client.start_execution(
        stateMachineArn=machine, name=f"score-{uuid.uuid4()}", input=given
    )["executionArn"]
    shown = ""
    try:
        while (state := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
            shown = show_progress(client, execution, shown)
            time.sleep(POLL)
    except KeyboardInterrupt:
        client.stop_execution(executionArn=execution)
        raise UserError("\nstopped the job: the same command starts it again") from None
    show_progress(client, execution, shown)
    if sys.stdout.isatty():
        print()
    if state["status"] == "SUCCEEDED":
        return None
    return f"{state['status'].lower()}: {state.get('cause') or state.get('error', '')}"


def show_progress(client: Any, execution: str, shown: str) -> str:
    """Print how many parts are done, unless that was shown before."""
    runs = client.list_map_runs(executionArn=execution)["mapRuns"]
    if not runs:
        return shown
    counts = client.describe_map_run(mapRunArn=runs[0]["mapRunArn"])["itemCounts"]
    line = (
        f"{counts['succeeded']} of {counts['total']} parts done, {counts['running']} under way, "
        f"{counts['failed']} failed"
    )
    if line != shown:
        print(
            f"\r\033[K  {line}" if sys.stdout.isatty() else f"  {line}",
            end="" if sys.stdout.isatty() else "\n",
            flush=True,
        )
    return line


def reason(account: Account, project: Project, parts: list[dict], missing: list[str]) -> str:
    """Return why a part failed, from the function itself: Step Functions does not keep it."""
    part = next(part for part in parts if part["output"] in missing)
    client = account.client(
        "lambda", retries={"total_max_attempts": 1}, read_timeout=project.timeout + 30
    )
    try:
        Function(f"{project.name}:live", client=client)({"score": part})
    except FunctionFailed as error:
        smaller = ": ARGS='--part-bytes 100000' makes smaller parts"
        hint = smaller if "timed out" in str(error) else ""
        return f"bytes {part['start']:,} to {part['end']:,}: {error}{hint}"
    return "run the same command again"


def addresses(source: str, target: str) -> tuple[str, str, str, str]:
    """Return bucket and key of the file, and of the folder for its results.

    Raises UserError if they are not in S3, or if the results would overwrite the file.
    """
    bucket, key = location(source, "INPUT", "folder/customers.csv")
    to_bucket, to_key = location(target, "OUTPUT", "folder")
    to_key = to_key.rstrip("/")
    if bucket == to_bucket and is_ours(key, to_key):
        raise UserError(f"OUTPUT={target} would overwrite INPUT={source}: choose another folder")
    if not key.lower().endswith(FORMATS):
        raise UserError(f"INPUT={source} is not a .csv or .jsonl file")
    return bucket, key, to_bucket, to_key


def score(account: Account, project: Project, source: str, target: str, most: int) -> Report:
    """Score s3://… source into s3://… target. Raises UserError if it cannot be done."""
    bucket, key, to_bucket, to_key = addresses(source, target)
    stack = Stack(account, project.name)
    outputs = stack.outputs()
    machine = outputs.get("StateMachineArn")
    if not machine:
        raise UserError(
            f"{project.name} has no bulk scoring: set bulk = true in {project.name}/function.toml, "
            f"then `make deploy MODEL={project.name}`"
        )
    require_allowed(stack.parameters(), project, bucket, to_bucket)
    if f"{to_bucket}/{to_key}/".startswith(f"{outputs.get('BucketName')}/input/"):
        raise UserError(
            f"OUTPUT={target} is under input/, where each part would be scored again: choose "
            "another folder"
        )
    s3 = account.client("s3")
    parts = parts_of(bucket, key, head_of(s3, bucket, key), f"s3://{to_bucket}/{to_key}", most)
    wait_for_stopped_jobs(account.client("stepfunctions"), machine, project.timeout)
    clear(s3, to_bucket, to_key)
    manifest, body = f"{to_key}/manifest.json", json.dumps(parts).encode()
    s3.put_object(Bucket=to_bucket, Key=manifest, Body=body, ContentType="application/json")
    print(f"scoring {source} in {len(parts)} parts", flush=True)
    failure = run(account, machine, to_bucket, manifest)
    report = collect(s3, parts)
    if failure or report.missing:
        raise UserError(
            f"the job has {failure or 'missing parts'}; "
            f"{reason(account, project, parts, report.missing)}"
        )
    report.write_refused(s3, to_bucket, f"{to_key}/refused.jsonl")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("model", help="the project folder")
    parser.add_argument("input", help="s3://bucket/customers.csv, or .jsonl")
    parser.add_argument(
        "output", help="s3://bucket/folder, where part-00000.jsonl and so on are written"
    )
    parser.add_argument(
        "--part-bytes",
        type=int,
        default=1024 * 1024,
        help="of one call of the function, up to 32 MB",
    )
    args = parser.parse_args()
    if not 1 <= args.part_bytes <= MOST_BYTES:
        raise UserError(f"--part-bytes must be between 1 and {MOST_BYTES}")
    project = Project(args.model)
    with connected() as account:
        start = time.monotonic()
        report = score(account, project, args.input, args.output, args.part_bytes)
        price, prices_of = bulk_job(
            report.parts, report.seconds, project.memory, project.architecture
        )
        print(f"rows in       {report.rows:,}, in {time.monotonic() - start:.1f} s")
        print(f"rows scored   {report.scored:,}, in {args.output.rstrip('/')}/part-*.jsonl")
        print(
            f"rows refused  {report.refused:,}"
            + (f", in {args.output.rstrip('/')}/refused.jsonl" if report.refused else "")
        )
        print(
            f"price         ${price:.6f} for {report.parts} calls of {report.seconds:.1f} s in "
            f"all ({prices_of})"
        )


if __name__ == "__main__":
    main()
