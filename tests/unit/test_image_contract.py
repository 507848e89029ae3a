"""Every row of the contract of image projects: event source, event, response."""

import io
import json
import time
from unittest.mock import Mock

import pytest
from PIL import Image

from shared.serving.images.requests import MOST_IMAGES
from tests.unit.http_events import FORMS, encoded, http_api, opened
from tests.unit.servers import replied
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


def test_the_number_of_images_is_bounded(classify):
    assert len(classify({"images": [ONE] * MOST_IMAGES})["predictions"]) == MOST_IMAGES
    body = json.dumps({"images": [ONE] * (MOST_IMAGES + 1)})
    assert opened(classify(http_api("POST", "/predict", body, JSON)))[0] == 413


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
