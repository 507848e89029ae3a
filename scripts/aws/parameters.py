"""Fill in the template for a project: its parameters, from function.toml, and its text with the
environment.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from scripts.aws.account import Account
from scripts.project import Project
from shared.errors import UserError

TEMPLATE = Path(__file__).with_name("template.yaml")
# The line in place of which the variables go: a parameter cannot be a map.
ENVIRONMENT = "          # [environment] of function.toml\n"
MOST_CHARACTERS = 4096  # of a parameter
LONGEST_BUCKET = 63  # characters of a name


def require_environment(project: Project) -> None:
    """Raise UserError if [environment] holds a variable that must not be deployed."""
    text = TEMPLATE.read_text()
    own = re.findall(
        r"^          (\w+):",
        text[text.index("        Variables:\n") : text.index(ENVIRONMENT)],
        re.MULTILINE,
    )
    for name in project.environment:
        if name == "ALLOW_PRIVATE_URLS":
            raise UserError(
                f"{project.name}/function.toml sets ALLOW_PRIVATE_URLS, which is for tests on this "
                "machine: on AWS it would let callers reach the function's own network and "
                "runtime; remove it"
            )
        if name in own:
            raise UserError(
                f"{project.name}/function.toml sets {name} in [environment], which the deployment "
                "sets: remove it"
            )


def template_for(project: Project) -> str:
    """Return the template's text with the project's environment in it."""
    require_environment(project)
    lines = "".join(
        f"          {key}: {json.dumps(str(value))}\n" for key, value in project.environment.items()
    )
    return TEMPLATE.read_text().replace(ENVIRONMENT, lines)


def bucket_name(account: Account, name: str) -> str:
    """Return the name of a project's bucket: unique on all of AWS, and known before the bucket is
    there.

    Raises UserError if S3 takes no such name.
    """
    bucket = _bucket_name(account, name)
    if len(bucket) > LONGEST_BUCKET:
        raise UserError(
            f"the bucket's name {bucket} would be longer than S3's {LONGEST_BUCKET} characters: "
            "rename the folder, or leave bucket = true out of function.toml"
        )
    return bucket


def possible_bucket(account: Account, name: str) -> str | None:
    """Return the name of the bucket that a project may have, whatever its settings are now; None if
    it can have none.
    """
    bucket = _bucket_name(account, name)
    return bucket if len(bucket) <= LONGEST_BUCKET else None


def _bucket_name(account: Account, name: str) -> str:
    return f"{name.replace('_', '-').replace('.', '-')}-{account.id}-{account.region}"


def version_label(project: Project, digest: str, model: str = "") -> str:
    """Name what a version freezes: image, settings and published model.

    The same label, the same version.
    """
    settings = [
        project.memory,
        project.timeout,
        project.architecture,
        project.environment,
        project.deploy["snapstart"],
    ]
    frozen = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    published = f" model {model.rpartition('/')[2][:12]}" if model else ""
    return f"image {digest[7:19]} settings {frozen[:8]}{published}"


def parameters(account: Account, project: Project, digest: str, model: str = "") -> dict[str, str]:
    """Return the template's parameters except for those of the alias, as text.

    digest: of the image. model: the URL of a published model, "" if it is in the image.
    Raises UserError for a setting that cannot be deployed.
    """
    deploy = project.deploy
    bucket = bucket_name(account, project.name) if deploy["bucket"] else "none"
    found = {
        "FunctionName": project.name,
        "ImageUri": f"{account.registry}/{project.name}@{digest}",
        "VersionLabel": version_label(project, digest, model),
        "ModelUrl": model,
        "ModelFolder": model.removeprefix("s3://").rpartition("/")[0],
        "Architecture": project.architecture,
        "Memory": project.memory,
        "Timeout": project.timeout,
        "QueueTimeout": 6 * project.timeout,
        "SlowMilliseconds": 800 * project.timeout,
        "Api": deploy["api"],
        "RequestsPerSecond": deploy["requests_per_second"],
        "CorsOrigins": ",".join(deploy["cors_origins"]),
        "Url": deploy["function_url"],
        "Events": deploy["events"],
        "Schedule": deploy["schedule"],
        "ScheduleInput": _schedule_input(project),
        "Queue": deploy["queue"],
        "Bucket": deploy["bucket"],
        "BucketName": bucket,
        "TlsOnly": not account.plain_http,
        "Bulk": deploy["bulk"],
        "DataObjects": _data_objects(account, project) if deploy["bulk"] else "",
        "SnapStart": deploy["snapstart"],
        "ProvisionedConcurrency": deploy["provisioned_concurrency"],
        "ReservedConcurrency": deploy["reserved_concurrency"],
        "LogRetention": deploy["log_retention_days"],
        "AlarmEmail": deploy["alarm_email"],
    }
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in found.items()
    }


def _schedule_input(project: Project) -> str:
    """Return the event that a schedule sends, as text; an empty one without a schedule.

    Raises UserError if it is too long, or if event.json, with which a version is checked, is not
    valid.
    """
    event = json.dumps(project.event(), separators=(",", ":"))
    if not project.deploy["schedule"]:
        return "{}"
    if len(event) > MOST_CHARACTERS:
        raise UserError(
            f"{project.name}/event.json has more than {MOST_CHARACTERS} characters: a schedule "
            "cannot send it"
        )
    return event


def _data_objects(account: Account, project: Project) -> str:
    """Return the ARNs of the objects that bulk scoring may read and write, separated by commas."""
    own = [bucket_name(account, project.name)] if project.deploy["bucket"] else []
    names = [*own, *project.deploy["data_buckets"]]
    return ",".join(f"arn:{account.partition}:s3:::{name}/*" for name in names)
