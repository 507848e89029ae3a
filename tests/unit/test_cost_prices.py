"""prices.toml, and make prices against answers in the format of the AWS Price List API.

https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
"""

import json
import os
import re
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import Stubber

from scripts.aws import price_list
from scripts.aws.costs import costs_of
from scripts.aws.price_list import file_of, look_up, updated
from scripts.prices import FILE, Price, bulk_job, note, prices, read
from shared.errors import UserError

PRICE = Price(
    *("requests", 0.30, "million requests", "us-east-1", "a page", "2026-01-01", False),
    query={"ServiceCode": "AWSLambda", "usagetype": "Request"},
)


def product(usagetype, *tiers):
    """A product as get_products gives it. tiers: where a tier begins, and its dollars."""
    dimensions = {
        f"TG3M4CAGBA3NYQBH.JRTCKXETXF.{number}": {
            "rateCode": f"TG3M4CAGBA3NYQBH.JRTCKXETXF.{number}",
            "unit": "Requests",
            "beginRange": begin,
            "endRange": "Inf",
            "description": "AWS Lambda - Total Requests - US East (Northern Virginia)",
            "appliesTo": [],
            "pricePerUnit": {"USD": dollars},
        }
        for number, (begin, dollars) in enumerate(tiers)
    }
    return json.dumps(
        {
            "product": {
                "productFamily": "Serverless",
                "attributes": {
                    "regionCode": "us-east-1",
                    "servicecode": "AWSLambda",
                    "groupDescription": "Invocation call for a Lambda function",
                    "usagetype": usagetype,
                    "locationType": "AWS Region",
                    "location": "US East (N. Virginia)",
                    "servicename": "AWS Lambda",
                    "operation": "",
                },
                "sku": "TG3M4CAGBA3NYQBH",
            },
            "serviceCode": "AWSLambda",
            "terms": {
                "OnDemand": {
                    "TG3M4CAGBA3NYQBH.JRTCKXETXF": {
                        "priceDimensions": dimensions,
                        "sku": "TG3M4CAGBA3NYQBH",
                        "effectiveDate": "2026-11-01T00:00:00Z",
                        "offerTermCode": "JRTCKXETXF",
                        "termAttributes": {},
                    }
                }
            },
            "version": "20261101000000",
            "publicationDate": "2026-11-01T00:00:00Z",
        }
    )


@pytest.fixture
def pricing():
    """A client of the Price List API and its stub."""
    client = boto3.client(
        "pricing", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stub:
        yield client, stub


def answer(stub, *products, token=None, asked=None):
    """Adds an answer of get_products."""
    stub.add_response(
        "get_products",
        {"FormatVersion": "aws_v1", "PriceList": list(products)}
        | ({"NextToken": token} if token else {}),
        asked,
    )


def test_a_price_that_has_changed(pricing):
    client, stub = pricing
    filters = [
        {"Type": "CONTAINS", "Field": "usagetype", "Value": "Request"},
        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-east-1"},
    ]
    answer(
        stub,
        product("Request-ARM", ("0", "0.5")),
        token="more",
        asked={"ServiceCode": "AWSLambda", "Filters": filters},
    )
    answer(stub, product("USE1-Request", ("0", "0.0000002000"), ("6000000000", "0.0000001")))
    found, lines = updated(client, {"requests": PRICE}, "2026-11-25")
    stub.assert_no_pending_responses()
    assert found["requests"] == replace(
        PRICE, value=0.2, source="AWS Price List API", date="2026-11-25", verified=True
    )
    assert lines == ["changed   requests: 0.3 -> 0.2"]


@pytest.mark.parametrize(
    "products",
    [
        [],
        [product("Request-ARM", ("0", "0.2"))],
        [product("Request", ("0", "0.0000002")), product("EU-Request", ("0", "0.0000003"))],
    ],
    ids=["none", "another", "two"],
)
def test_an_answer_without_exactly_one_price_changes_nothing(pricing, products):
    client, stub = pricing
    answer(stub, *products)
    found, [line] = updated(client, {"requests": PRICE}, "2026-11-25")
    # EU is no code of the form USE1: that product is of another region's list.
    if len(products) == 2:
        assert found["requests"].value == 0.2 and line.startswith("changed")
    else:
        assert found == {"requests": PRICE}
        assert line == "kept      requests: the price list has 0 prices for its query"


def test_two_prices_change_nothing(pricing):
    client, stub = pricing
    answer(stub, product("Request", ("0", "0.2")), product("USE1-Request", ("0", "0.3")))
    found, [line] = updated(client, {"requests": PRICE}, "2026-11-25")
    assert found == {"requests": PRICE} and "has 2 prices for its query" in line


def test_a_price_without_a_query_is_kept(pricing):
    kept = {"requests": replace(PRICE, query={})}
    found, lines = updated(pricing[0], kept, "2026-11-25")
    assert found == kept and lines == ["kept      requests: has no query"]


def test_the_price_of_an_instance(pricing):
    client, stub = pricing
    price = next(price for name, price in prices().items() if name.startswith("ec2."))
    answer(stub, product("BoxUsage:" + price.query["usagetype"].partition(":")[2], ("0", "0.0816")))
    assert [float(value) for value in look_up(client, price)] == [0.0816]


class PriceList:
    """A client with one product for each price: twice its price in prices.toml."""

    def get_paginator(self, operation):
        """The client itself."""
        assert operation == "get_products"
        return self

    def paginate(self, ServiceCode, Filters):
        """One page."""
        usage = Filters[0]["Value"]
        wanted = {"ServiceCode": ServiceCode, "usagetype": usage}
        [price] = [price for price in prices().values() if wanted.items() <= price.query.items()]
        return [{"PriceList": [product(usage, ("0", f"{2 * price.each:.12f}"))]}]


@pytest.fixture
def connection(monkeypatch, tmp_path):
    """A connection to the price list, with a copy of prices.toml."""
    account = SimpleNamespace(local=False, client=lambda *args, **options: PriceList())
    monkeypatch.setattr(price_list, "connected", lambda: nullcontext(account))
    monkeypatch.setattr(price_list, "FILE", tmp_path / "prices.toml")
    monkeypatch.setattr("sys.argv", ["price_list.py"])
    price_list.FILE.write_text(FILE.read_text())
    return account


def test_make_prices_writes_all_prices_with_a_query(connection, capsys):
    price_list.main()
    for name, price in read(price_list.FILE).items():
        before = prices()[name]
        assert price.value == pytest.approx(before.value * (2 if before.query else 1))
        assert price.verified or not before.query
    assert f"wrote {len(prices())} prices to scripts/prices.toml" in capsys.readouterr().out


def test_the_local_aws_has_no_price_list(connection):
    connection.local = True
    with pytest.raises(
        UserError, match="the local AWS has no price list: run `make local-aws-stop"
    ):
        price_list.main()
    assert price_list.FILE.read_text() == FILE.read_text()


def test_without_credentials(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr("scripts.aws.account._endpoint_url", lambda: None)
    monkeypatch.setattr("sys.argv", ["price_list.py"])
    with pytest.raises(UserError, match=r"^no AWS credentials: set AWS_PROFILE, [^\n]*$"):
        price_list.main()


def test_the_file_is_as_make_prices_writes_it(tmp_path):
    assert file_of(read()) == FILE.read_text()
    (tmp_path / "prices.toml").write_text(file_of({"requests": PRICE}))
    assert read(tmp_path / "prices.toml") == {"requests": PRICE}


@pytest.mark.parametrize("price", prices().values(), ids=lambda price: price.name)
def test_each_price_has_its_region_unit_source_and_date(price):
    assert price.value > 0 and price.unit and price.region == "us-east-1" and price.source
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", price.date)
    assert not price.query or {"ServiceCode", "usagetype"} <= price.query.keys()


def test_a_note_has_the_date_and_the_unverified_prices():
    assert (
        note(["lambda_requests", "http_api"]) == f"us-east-1, prices of {prices()['http_api'].date}"
    )
    assert note(["s3_read", "lambda_requests", "s3_read"]).endswith("; unverified: s3_read")


def test_the_question_before_a_deployment_has_the_prices_of_the_file():
    text = costs_of("mine")
    assert text.startswith("the first deployment of mine in this region. Its costs, us-east-1, ")
    for price in ("$0.20 per million calls", "$0.0000166667 per GB-second", "HTTP API $1.00"):
        assert price in text
    assert prices()["alarm"].date in text and "unverified: alarm" in text


def test_the_price_of_a_bulk_job():
    # 2 calls, 10 s in all, 1,024 MB: 2 * 0.0000002 + 10 * 0.0000166667 = 0.00016707. Workflow:
    # 2 * 0.000001 + 10 / 16 * 0.0000166667 = 0.00001242. S3: 2 * (3 * 0.0000004 + 0.000005).
    dollars, text = bulk_job(2, 10, 1024, "x86_64")
    assert dollars == pytest.approx(0.00016707 + 0.00001242 + 0.0000124, rel=1e-3)
    assert "s3_read" in text


def test_no_other_file_has_a_price():
    folder = FILE.parent
    for path in folder.rglob("*.py"):
        assert not re.search(r"0\.00001\d\d\d|0\.0000\d{4,}", path.read_text()), path
