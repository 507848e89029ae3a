"""Wrong requests to an image project are refused with the reason, over HTTP too."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.serving.errors import InvalidInput
from tests.unit.http_events import encoded, http_api, opened, rest_api
from tests.unit.json_values import json_values
from tests.unit.servers import dripping, redirected, replied
from tests.unit.toy_image import base64_of, file_of, plain

JSON = {"Content-Type": "application/json"}


PHOTO = file_of(plain("red"), "JPEG", quality=95)


ONE = {"image": base64_of(PHOTO)}


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        (b"", "image/jpeg", 422, "image is empty: it has 0 bytes"),
        (b"hello", "image/jpeg", 422, "image is not an image: JPEG, PNG and WebP are taken"),
        (
            PHOTO[:300],
            "image/jpeg",
            422,
            "image is a JPEG that cannot be decoded: it is damaged or incomplete",
        ),
        (b"<svg/>", "image/svg+xml", 422, "image is of the type SVG: JPEG, PNG and WebP are taken"),
        (PHOTO + bytes(7_000_000), "image/jpeg", 413, "the request has 7000"),
        (
            PHOTO,
            "text/plain",
            415,
            "the request must have the header Content-Type: application/json or image/*",
        ),
        (PHOTO, "application/json", 400, "the request is not valid JSON"),
    ],
)
def test_http_refusals_of_a_file(classify, body, kind, status, message):
    got, headers, problem = opened(
        classify(encoded(http_api("POST", "/predict", body, {"Content-Type": kind})))
    )
    assert (got, headers["Content-Type"], problem["status"]) == (
        status,
        "application/problem+json",
        status,
    )
    assert problem["detail"].startswith(message)


def test_a_file_that_an_api_turned_into_text_names_what_to_change(classify):
    mangled = PHOTO.decode("utf-8", "replace")
    status, _, problem = opened(
        classify(rest_api("POST", "/predict", mangled, {"Content-Type": "image/jpeg"}))
    )
    assert status == 415 and "binary media types" in problem["detail"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (None, "the request must be an object with url, image or images, not null"),
        ([], "the request must be an object with url, image or images, not a list"),
        ({}, "the request must have either url, image or images"),
        (
            {**ONE, "url": "http://photos.example"},
            "the request must have either url, image or images",
        ),
        ({**ONE, "debug": 1}, "a key is not known: send url, image or images"),
        ({"image": None}, "image must be text, not null"),
        ({"image": {"data": ""}}, "image must be text, not an object"),
        ({"url": 5}, "url must be text, not a number"),
        (
            {"image": "data:image/png;base64,AAAA"},
            "image must be the base64 part of the data: URL alone, what follows its comma",
        ),
        *(
            ({"image": text}, "image must be base64: A-Z")
            for text in ("%", "AAA", "AA AA", "AAAA\nAAAA", "-_-_", "é", "A===", "\0")
        ),
        ({"images": {}}, "images must be a list with at least one image"),
        ({"images": []}, "images must be a list with at least one image"),
        ({"images": [ONE, 3]}, "images[1] must be an object with url or image, not a number"),
        (
            {"images": [{}, {"images": []}, {**ONE, "x": 1}]},
            "images[0] must have either url or image, and nothing else; images[1] must",
        ),
        (
            {"images": [{"url": None}, {"image": "%"}, ONE]},
            "images[0].url must be text, not null; images[1].image must be base64",
        ),
    ],
)
def test_each_wrong_request_has_its_message(classify, request_, message):
    with pytest.raises(InvalidInput) as refusal:
        classify(request_)
    assert str(refusal.value).startswith(message) and refusal.value.status == 400


def test_every_bad_image_of_a_batch_is_named(classify, internet):
    url = internet.serve(replied(b"", status="HTTP/1.1 404 Not Found"))
    bad = [
        ONE,
        {"url": url},
        {"url": "file:///etc/passwd"},
        {"image": ""},
        {"url": "http://127.0.0.1/"},
    ]
    with pytest.raises(InvalidInput) as refusal:
        classify({"images": bad})
    assert refusal.value.status == 422
    assert str(refusal.value).split("; ") == [
        "images[1].url was answered with the HTTP status 404",
        "images[2].url must start with http:// or https://",
        "images[3].image is empty: it has 0 bytes",
        "images[4].url leads to an address that is not public",
    ]


def test_all_images_of_a_request_share_the_time(classify, internet, impatient):
    url = internet.serve(dripping(b""))
    start = time.monotonic()
    with pytest.raises(
        InvalidInput, match=r"images\[0\].url took longer .* images\[4\].image was not reached"
    ):
        classify({"images": [{"url": url}] * 4 + [ONE]})
    assert time.monotonic() - start < 1.5


HOSTILE = [
    *(
        "file:///etc/passwd",
        "ftp://photos.example/",
        "data:image/png;base64,AAAA",
        "gopher://photos.example/",
        "http://127.0.0.1:9001/",
    ),
    *(
        "http://169.254.169.254/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://user:secret@a.b/",
    ),
]


GIF = file_of(plain("red"), "GIF", save_all=True, append_images=[plain("blue")])


FETCHED = {
    "redirect": redirected("http://127.0.0.1:9001/"),
    "page": replied(b"<html>", kind="text/html"),
    "page called an image": replied(b"<html>"),
    "empty": replied(b""),
    "svg": replied(b"<svg/>", kind="image/svg+xml"),
    "gif": replied(GIF, kind="image/gif"),
    "cut short": replied(PHOTO[:300]),
    "slow": dripping(b""),
}


@pytest.mark.parametrize("what", [*HOSTILE, *FETCHED])
def test_hostile_urls_are_refused_in_time_and_stay_out_of_the_log(
    classify, internet, impatient, capsys, what
):
    url = internet.serve(FETCHED[what]) if what in FETCHED else what
    start = time.monotonic()
    status, _, problem = opened(
        classify(http_api("POST", "/predict", json.dumps({"url": url}), JSON))
    )
    assert (
        status in (400, 422)
        and problem["detail"].startswith("url ")
        and time.monotonic() - start < 2
    )
    assert problem["errors"] == [{"pointer": "#/url", "detail": problem["detail"][4:]}]
    assert url not in problem["detail"] and url not in capsys.readouterr().out


ANYTHING = json_values(
    *("AAAA", ONE["image"], "data:,", "\ud800"),
    keys=st.sampled_from(["url", "image", "images", "x"]),
    most_keys=2,
)


@settings(max_examples=150, deadline=None)
@given(
    request=ANYTHING
    | st.fixed_dictionaries(
        {"images": st.lists(st.fixed_dictionaries({}, optional={"image": ANYTHING}), max_size=3)}
    )
)
def test_http_requests_never_give_a_5xx(classify, request):
    status, _, body = opened(classify(http_api("POST", "/predict", json.dumps(request), JSON)))
    assert status == 200 or (400 <= status < 500 and body["detail"])
