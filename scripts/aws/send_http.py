"""Send a request to the HTTP address of a deployed project."""

from __future__ import annotations

import json
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from scripts.aws.deployed import Deployed
from scripts.aws.endpoints import api_url, function_url
from shared.errors import UserError

TYPES = {
    ".json": "application/json",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}


def send(deployed: Deployed, path: Path) -> object:
    """POST a file to /predict of the HTTP API, or else of the function URL, and return the
    response.

    Raises UserError with the response if its status is not 200.
    """
    account = deployed.account
    api, url = api_url(account, deployed.outputs), function_url(account, deployed.outputs)
    deployed.require("HTTP address", api or url, "api = true")
    if path.suffix.lower() not in TYPES:
        raise UserError(f"EVENT={path} has no media type: use {', '.join(TYPES)}")
    address = f"{api or url}/predict"
    request = AWSRequest(
        "POST",
        address,
        data=path.read_bytes(),
        headers={"Content-Type": TYPES[path.suffix.lower()]},
    )
    if not api and deployed.parameters.get("Url") == "iam":
        SigV4Auth(account.credentials(), "lambda", account.region).add_auth(request)
    print(f"POST {address}", flush=True)
    response = URLLib3Session(timeout=deployed.project.timeout + 30).send(request.prepare())
    if response.status_code != 200:
        raise UserError(f"status {response.status_code}: {response.text.strip()}")
    return json.loads(response.text)
