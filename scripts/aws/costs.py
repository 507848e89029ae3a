"""Print the prices of a deployment, and ask before the first cent is spent."""

from __future__ import annotations

from scripts.aws.account import Account
from scripts.aws.consent import require_consent
from scripts.aws.stack import Stack
from scripts.prices import note, prices

COSTS = """the first deployment of {name} in this region. Its costs, {note}:
  idle      about ${image:.2f} a month for each image in ECR; ${alarm:.2f} a month for each alarm
            beyond ten in the account
  in use    ${requests:.2f} per million calls and ${gb_second:.10f} per GB-second
            ({free_requests:,.0f} calls and {free_gb_seconds:,.0f} GB-s a month are free),
            HTTP API ${http_api:.2f} and EventBridge ${eventbridge:.2f} per million
  on demand cost while idle too, and are off unless function.toml turns them on: SnapStart,
            provisioned concurrency, and a queue, which is polled 400,000 times a month (a
            million requests are free in the account)"""
USED = {  # a name in the text: a name in prices.toml
    "requests": "lambda_requests",
    "gb_second": "lambda_x86_64",
    "free_requests": "lambda_free_requests",
    "free_gb_seconds": "lambda_free_gb_seconds",
    "http_api": "http_api",
    "eventbridge": "eventbridge",
    "alarm": "alarm",
}
IMAGE_GB = 0.2  # about the size of an image here


def costs_of(name: str) -> str:
    """Return the costs of a first deployment as text, from prices.toml."""
    values = {key: prices()[price].value for key, price in USED.items()}
    image = IMAGE_GB * prices()["ecr_storage"].value
    return COSTS.format(
        name=name, note=note((*USED.values(), "ecr_storage")), image=image, **values
    )


def require_deployment(account: Account, stack: Stack, action: str, yes: bool) -> None:
    """Return if the user agrees to an action (`push`, `deploy`) on AWS. Raises UserError otherwise.

    Prints the prices before a first deployment. The local AWS costs nothing: no question is asked.
    yes: the user has agreed already.
    """
    if account.local:
        return
    if not stack.parameters():
        print(costs_of(stack.name))
    require_consent(f"{action} {stack.name} to {account}?", yes, "nothing was done")
