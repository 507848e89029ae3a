"""Prices of AWS in us-east-1, in US dollars, before the free tier and without tax."""

from __future__ import annotations

# Lambda's: AWS Lambda pricing, 2024-26. The others were not checked against a price list; `aws
# pricing get-products` tells.
SEEN = "us-east-1: Lambda as seen between 2024 and November 2026, S3 and Step Functions unverified"

LAMBDA_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
LAMBDA_CALL = 0.20 / 1e6
STEP_FUNCTIONS_EXPRESS = 1.00 / 1e6  # an item of a distributed map
STEP_FUNCTIONS_GB_SECOND = 0.0000166667  # of express workflows, in blocks of 64 MB
STEP_FUNCTIONS_BLOCK = 64 / 1024  # GB
S3_READ = 0.0004 / 1e3
S3_WRITE = 0.005 / 1e3


def bulk_job(parts: int, seconds: float, memory: int, architecture: str) -> float:
    """Return the dollars for a bulk job: its calls of the function, and the workflow.

    parts: calls; seconds: of all calls together; memory: MB of the function.
    """
    function = parts * LAMBDA_CALL + seconds * memory / 1024 * LAMBDA_GB_SECOND[architecture]
    workflow = (
        parts * STEP_FUNCTIONS_EXPRESS + seconds * STEP_FUNCTIONS_BLOCK * STEP_FUNCTIONS_GB_SECOND
    )
    return function + workflow + parts * (3 * S3_READ + S3_WRITE)
