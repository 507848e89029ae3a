"""Update prices.toml from the AWS Price List API.

Each price with a query is looked up; the others stay as they are. An answer without exactly one
price changes nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

from scripts.aws.account import connected
from scripts.prices import FILE, MULTIPLES, Price, read
from shared.errors import UserError

REGION = "us-east-1"  # one of the few with an endpoint of the Price List API
SOURCE = "AWS Price List API"
HEADER = """\
# Prices of AWS, in US dollars, before tax. `make prices` updates those with a query.
# verified: whether the figure was read in AWS's own price list or pricing page on that date.
"""
OPTIONAL = ("vcpus", "memory_gb", "baseline", "architecture")


def look_up(client: Any, price: Price) -> set[Decimal]:
    """Return the dollars for the unit of a price, as the products of its query have them.

    For a price with tiers, that of the first one.
    """
    query = dict(price.query)
    service, usage = query.pop("ServiceCode"), query.pop("usagetype")
    filters = [{"Type": "CONTAINS", "Field": "usagetype", "Value": usage}]
    filters += [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in {"regionCode": price.region, **query}.items()
    ]
    pages = client.get_paginator("get_products").paginate(ServiceCode=service, Filters=filters)
    found = set()
    for page in pages:
        for product in map(json.loads, page["PriceList"]):
            # Some services put a code of the region in front: USE1-Host:ml.m5.large.
            name = product["product"]["attributes"]["usagetype"]
            if re.fullmatch(rf"([A-Z]+\d+-)?{re.escape(usage)}", name):
                found |= _first_tiers(product)
    return {dollars * int(MULTIPLES.get(price.unit.split()[0], 1)) for dollars in found}


def _first_tiers(product: dict) -> set[Decimal]:
    """Return the dollars of the dimensions of a product that begin at zero."""
    return {
        Decimal(dimension["pricePerUnit"]["USD"])
        for term in product["terms"].get("OnDemand", {}).values()
        for dimension in term["priceDimensions"].values()
        if Decimal(dimension.get("beginRange") or 0) == 0
    }


def updated(
    client: Any, prices: dict[str, Price], today: str
) -> tuple[dict[str, Price], list[str]]:
    """Return the prices after a look-up, and a line for each that was not found or has changed."""
    found, lines = {}, []
    for name, price in prices.items():
        found[name] = price
        if not price.query:
            lines.append(f"kept      {name}: has no query")
            continue
        values = look_up(client, price)
        if len(values) != 1:
            lines.append(f"kept      {name}: the price list has {len(values)} prices for its query")
            continue
        value = float(values.pop())
        found[name] = replace(price, value=value, source=SOURCE, date=today, verified=True)
        if value != price.value:
            lines.append(f"changed   {name}: {text_of(price.value)} -> {text_of(value)}")
    return found, lines


def text_of(value: float) -> str:
    """Return a number without an exponent."""
    return format(Decimal(repr(value)), "f")


def file_of(prices: dict[str, Price]) -> str:
    """Return the text of prices.toml."""
    return "\n".join([HEADER, *map(_table, prices.values())])


def _table(price: Price) -> str:
    name = json.dumps(price.name) if "." in price.name else price.name
    lines = [f"[{name}]", f"value = {text_of(price.value)}"]
    lines += [f"{key} = {json.dumps(getattr(price, key))}" for key in ("unit", "region", "source")]
    lines += [f"date = {price.date}", f"verified = {str(price.verified).lower()}"]
    more = {key: getattr(price, key) for key in OPTIONAL}
    lines += [f"{key} = {json.dumps(value)}" for key, value in more.items() if value]
    if price.query:
        pairs = ", ".join(f"{key} = {json.dumps(value)}" for key, value in price.query.items())
        lines.append(f"query = {{ {pairs} }}")
    return "\n".join(lines) + "\n"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with connected() as account:
        if account.local:
            raise UserError("the local AWS has no price list: run `make local-aws-stop` first")
        client = account.client("pricing", region_name=REGION)
        found, lines = updated(client, read(FILE), time.strftime("%Y-%m-%d"))
    FILE.write_text(file_of(found), encoding="utf-8")
    print("\n".join([*lines, f"wrote {len(found)} prices to scripts/{FILE.name}"]))


if __name__ == "__main__":
    main()
