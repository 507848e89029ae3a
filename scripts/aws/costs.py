"""Print the prices of a deployment, and ask before the first cent is spent."""

from __future__ import annotations

from scripts.aws.account import Account
from scripts.aws.consent import require_consent
from scripts.aws.stack import Stack

COSTS = """the first deployment of {name} in this region. Its costs, us-east-1, November 2026:
  idle      about $0.02 a month for each image in ECR; $0.10 a month for each alarm beyond ten in
            the account
  in use    $0.20 per million calls and $0.0000166667 per GB-second (a million calls and
            400,000 GB-s a month are free), HTTP API and EventBridge $1.00 per million
  on demand cost while idle too, and are off unless function.toml turns them on: SnapStart,
            provisioned concurrency, and a queue, which is polled 400,000 times a month (a
            million requests are free in the account)"""


def require_deployment(account: Account, stack: Stack, action: str, yes: bool) -> None:
    """Return if the user agrees to an action (`push`, `deploy`) on AWS. Raises UserError otherwise.

    Prints the prices before a first deployment. The local AWS costs nothing: no question is asked.
    yes: the user has agreed already.
    """
    if account.local:
        return
    if not stack.parameters():
        print(COSTS.format(name=stack.name))
    require_consent(f"{action} {stack.name} to {account}?", yes, "nothing was done")
