"""Every row of the contract of image projects: event source, event, response."""

import io
import json
import time
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.serving.errors import InvalidInput
from shared.serving.images.requests import MOST_IMAGES
from tests.unit.http_events import FORMS, encoded, http_api, opened, rest_api
from tests.unit.servers import dripping, redirected, replied
from tests.unit.toy_image import COLORS, LABELS, METADATA, base64_of, file_of, plain, probabilities

JSON = {"Content-Type": "application/json"}
PHOTO = file_of(plain("red"), "JPEG", quality=95)
ONE = {"image": base64_of(PHOTO)}
MANY = {"images": [{"image": base64_of(file_of(plain(name)))} for name in ("blue", "red", "green")]}


def assert_answers(answer, name="red"):
    """Assert that a response is the toy model's prediction for an image of one color."""
    assert (
        list(answer) == ["label", "probability", "probabilities"]
        and list(answer["probabilities"]) == LABELS
    )
    assert answer["probabilities"] == pytest.approx(probabilities(COLORS[name]), abs=0.01)
    assert (answer["label"], answer["probability"]) == (name, answer["probabilities"][name])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
@pytest.mark.parametrize("name", COLORS)
def test_direct_invoke_with_one_image(classify, kind, name):
    assert_answers(classify({"image": base64_of(file_of(plain(name), kind))}), name)


def test_direct_invoke_with_many_images_keeps_their_order_and_runs_once(
    classify, image_module, monkeypatch
):
    run = Mock(side_effect=image_module.model.run)
    monkeypatch.setattr(image_module.model, "run", run)
    answer = classify(MANY)
    assert list(answer) == ["predictions"] and run.call_count == 1
    for one, name in zip(answer["predictions"], ("blue", "red", "green"), strict=True):
        assert_answers(one, name)


def test_one_image_in_a_list_is_answered_by_a_list(classify):
    assert classify({"images": [ONE]}) == {"predictions": [classify(ONE)]}


def test_urls_and_images_can_be_mixed(classify, internet):
    url = internet.serve(replied(file_of(plain("green"))))
    assert_answers(classify({"url": url}), "green")
    answer = classify({"images": [{"url": url}, ONE, {"url": url}]})
    for one, name in zip(answer["predictions"], ("green", "red", "green"), strict=True):
        assert_answers(one, name)


def test_the_example_is_answered(classify, imaging):
    answer = classify(json.loads(imaging.event_file.read_text()))
    assert sum(answer["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", ["/predict", "/"])
def test_http_post_of_json(classify, form, path):
    status, headers, body = opened(classify(form("POST", path, json.dumps(ONE), JSON)))
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert_answers(body)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["image/jpeg", "Image/PNG; charset=binary"])
def test_http_post_of_the_file_itself(classify, form, kind):
    assert opened(classify(encoded(form("POST", "/predict", PHOTO, {"Content-Type": kind}))))[
        ::2
    ] == (200, classify(ONE))


@pytest.mark.parametrize("form", FORMS)
def test_http_get(classify, form):
    assert opened(classify(form("GET", "/health")))[::2] == (200, {"name": "toy", "version": "v1"})
    status, _, schema = opened(classify(form("GET", "/schema")))
    assert (status, schema["input_schema"], schema["labels"]) == (
        200,
        METADATA["input_schema"],
        LABELS,
    )


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


def test_the_number_of_images_is_bounded(classify):
    assert len(classify({"images": [ONE] * MOST_IMAGES})["predictions"]) == MOST_IMAGES
    body = json.dumps({"images": [ONE] * (MOST_IMAGES + 1)})
    assert opened(classify(http_api("POST", "/predict", body, JSON)))[0] == 413


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


def test_log_lines_have_the_milliseconds_and_no_image(classify, internet, lines, capsys):
    url = internet.serve(replied(PHOTO))
    classify({"url": url})
    classify(encoded(http_api("POST", "/predict", PHOTO, {"Content-Type": "image/jpeg"})))
    output = capsys.readouterr().out
    fetched, sent = map(json.loads, output.splitlines())
    assert all(fetched[name] > 0 for name in ("fetch_ms", "decode_ms", "inference_ms"))
    assert "fetch_ms" not in sent and sent["predictions"] == 1
    assert "photos.example" not in output and ONE["image"][:40] not in output


def record(number, request):
    """Return an SQS record with a request in its body."""
    return {"messageId": f"message-{number}", "eventSource": "aws:sqs", "body": json.dumps(request)}


def test_events(classify, lines):
    assert_answers(classify({"detail-type": "photo taken", "source": "camera", "detail": ONE}))
    answer = classify({"Records": [record(0, ONE), record(1, {"image": "%"}), record(2, MANY)]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    first, second, many = classify({"Items": [ONE, {"image": ""}, MANY]})
    assert_answers(first)
    assert (second["status"], len(many["predictions"])) == (422, 3)
    assert [line["trigger"] for line in lines()] == ["eventbridge", "sqs", "step_functions"]


def test_a_large_photo_and_its_small_copy_get_the_same_answer(classify, photo):
    large, small = (classify({"image": base64_of(data)}) for data in photo)
    assert large["probabilities"] == pytest.approx(small["probabilities"], abs=0.05)


def test_an_invocation_with_a_large_photo_costs_half_of_a_plain_decode(
    classify, image_module, photo
):
    event = encoded(http_api("POST", "/predict", photo[0], {"Content-Type": "image/jpeg"}))

    def seconds(function):
        start = time.process_time()
        function()
        return time.process_time() - start

    def plainly():
        image = Image.open(io.BytesIO(photo[0])).convert("RGB").resize(image_module.size)
        image_module.model.run({"image": image.tobytes()})

    assert min(seconds(lambda: classify(event)) for _ in range(3)) <= 0.5 * min(
        seconds(plainly) for _ in range(3)
    )


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["AAAA", ONE["image"], "data:,", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["url", "image", "images", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
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
