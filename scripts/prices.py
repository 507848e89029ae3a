"""Read prices.toml: prices of AWS in US dollars, before the free tier and without tax."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

FILE = Path(__file__).with_name("prices.toml")
MULTIPLES = {"thousand": 1e3, "million": 1e6}  # the first word of some units
STEP_FUNCTIONS_BLOCK = 64 / 1024  # GB; express workflows are billed in blocks of 64 MB


@dataclass(frozen=True)
class Price:
    """A price. value: dollars for the unit; date: when it was read, such as 2026-11-24.

    vcpus, memory_gb, architecture: of an instance, else 0 and "". baseline: the part of its vCPUs
    that a burstable instance may use all the time, 0 for the others. query: the attributes of its
    product in the AWS Price List, empty if it is not looked up there.
    """

    name: str
    value: float
    unit: str
    region: str
    source: str
    date: str
    verified: bool
    vcpus: int = 0
    memory_gb: int = 0
    baseline: float = 0.0
    architecture: str = ""
    query: dict[str, str] = field(default_factory=dict)

    @property
    def each(self) -> float:
        """Dollars for one request, GB-second or hour."""
        return self.value / MULTIPLES.get(self.unit.split()[0], 1)


def read(path: Path = FILE) -> dict[str, Price]:
    """Return the prices of a file by name."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Price(name, **{**given, "date": str(given["date"])}) for name, given in found.items()
    }


@functools.cache
def prices() -> dict[str, Price]:
    """Return the prices of prices.toml by name."""
    return read()


def each(name: str) -> float:
    """Return the dollars for one request, GB-second, hour or other unit."""
    return prices()[name].each


def instances(kind: str) -> list[Price]:
    """Return the prices of instances. kind: `ml` (SageMaker) or `ec2`."""
    return [price for name, price in prices().items() if name.startswith(f"{kind}.")]


def note(names: Iterable[str]) -> str:
    """Return a text with the region and the dates of some prices, and the unverified ones."""
    used = [prices()[name] for name in dict.fromkeys(names)]
    dates = sorted({price.date for price in used})
    regions = ", ".join(sorted({price.region for price in used}))
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    unverified = [price.name for price in used if not price.verified]
    return f"{regions}, prices of {when}" + (
        f"; unverified: {', '.join(unverified)}" if unverified else ""
    )


BULK_PRICES = ("step_functions_express", "step_functions_gb_second", "s3_read", "s3_write")


def bulk_job(parts: int, seconds: float, memory: int, architecture: str) -> tuple[float, str]:
    """Return the dollars of a bulk job, and the note on their prices.

    parts: invocations of the function, which has so many MB. seconds: their duration in all.
    """
    of_function = ("lambda_requests", f"lambda_{architecture}")
    request, gb_second = map(each, of_function)
    express, workflow_gb_second, read_s3, write_s3 = map(each, BULK_PRICES)
    function = parts * request + seconds * memory / 1024 * gb_second
    workflow = parts * express + seconds * STEP_FUNCTIONS_BLOCK * workflow_gb_second
    dollars = function + workflow + parts * (3 * read_s3 + write_s3)
    return dollars, note((*of_function, *BULK_PRICES))
