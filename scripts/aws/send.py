"""Send an event to one event source of a deployed project, wait for the function, and show its
response.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from scripts.aws import send_http, send_object
from scripts.aws.account import connected
from scripts.aws.deployed import Deployed
from scripts.project import Project
from shared.errors import UserError

LOGGED = ("predictions", "refused", "errors", "duration_ms")  # of a line, for a schedule


def queue(deployed: Deployed, path: Path) -> object:
    """Send a message to the SQS queue; return the response that the function logged."""
    url = deployed.outputs.get("QueueUrl")
    deployed.require("queue", url, "queue = true")
    request, began = read(path), time.time()
    sent = deployed.account.client("sqs").send_message(
        QueueUrl=url, MessageBody=json.dumps(request)
    )
    print(f"sent message {sent['MessageId']} to {url}", flush=True)

    def look(lines: list[dict]) -> dict | None:
        """Return the response to the message, None while there is none."""
        for answer in (answer for line in lines for answer in line.get("answers", [])):
            if answer.pop("message_id", None) == sent["MessageId"]:
                return answer
        return None

    return deployed.watch(sent, began, "sqs", request, look)


def bus(deployed: Deployed, path: Path) -> object:
    """Put an event on the account's default EventBridge bus; return the response that the function
    logged.
    """
    has_rule = deployed.parameters.get("Events") == "true"
    deployed.require("rule for events on the bus", has_rule, "events = true")
    request, began = read(path), time.time()
    entry = {"Source": deployed.project.name, "DetailType": "predict"}
    entry["Detail"] = json.dumps(request)
    sent = deployed.account.client("events").put_events(Entries=[entry])
    if sent["FailedEntryCount"]:
        raise UserError(f"EventBridge refused the event: {sent['Entries'][0]['ErrorMessage']}")
    print(f"put event {sent['Entries'][0]['EventId']} on the default bus", flush=True)

    def look(lines: list[dict]) -> dict | None:
        """Return the first response, None while there is none."""
        return next((line["answers"][0] for line in lines if line.get("answers")), None)

    return deployed.watch(sent, began, "eventbridge", request, look)


def schedule(deployed: Deployed, path: Path) -> object:
    """Call the function now as the schedule's rule will: asynchronously, with the rule's target and
    input.
    """
    expression = deployed.parameters.get("Schedule")
    deployed.require("schedule", expression, 'schedule = "rate(1 day)"')
    if path != deployed.project.event_file:
        raise UserError("a schedule sends the event.json that was deployed: leave EVENT out")
    state, target = _scheduled(deployed)
    function = {"FunctionName": target["Arn"], "InvocationType": "Event"}
    began = time.time()
    sent = deployed.account.client("lambda").invoke(**function, Payload=target["Input"].encode())
    print(f"the rule with the schedule {expression} is {state}; its event was sent now", flush=True)
    number = sent["ResponseMetadata"]["RequestId"]

    def look(lines: list[dict]) -> dict | None:
        """Return what the log says about the invocation, None while it says nothing."""
        for line in lines:
            # The local AWS gives the function another request id.
            if line["predictions"] and (deployed.account.local or line["request_id"] == number):
                return {key: line[key] for key in LOGGED}
        return None

    return deployed.watch(sent, began, "invoke", json.loads(target["Input"]), look)


def _scheduled(deployed: Deployed) -> tuple[str, dict]:
    """Return the state of the schedule's rule, and its target."""
    client, events = deployed.account.client("cloudformation"), deployed.account.client("events")
    resource = client.describe_stack_resource(
        StackName=deployed.project.name, LogicalResourceId="ScheduleRule"
    )
    rule = events.describe_rule(Name=resource["StackResourceDetail"]["PhysicalResourceId"])
    [target] = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    return rule["State"].lower(), target


SOURCES = {
    "queue": queue,
    "bus": bus,
    "schedule": schedule,
    "bucket": send_object.send,
    "http": send_http.send,
}


def read(path: Path) -> object:
    """Return the JSON in a file, or raise UserError."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}") from None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("model", help="the project folder")
    parser.add_argument("source", help=f"one of {', '.join(SOURCES)}")
    parser.add_argument(
        "--event", type=Path, help="a file with the request (default: the project's event.json)"
    )
    args = parser.parse_args()
    if args.source not in SOURCES:
        raise UserError(
            f"SOURCE={args.source} is not an event source: choose one of {', '.join(SOURCES)}"
        )
    project = Project(args.model)
    path = args.event or project.event_file
    if not path.is_file():
        raise UserError(f"EVENT={path} is not a file")
    with connected() as account:
        answer = SOURCES[args.source](Deployed(account, project), path)
        if answer is not None:
            print(json.dumps(answer, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
