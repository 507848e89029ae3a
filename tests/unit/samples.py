"""Requests for a project's own handler on the toy model of its kind, and the responses. The names
of the fields come from the project.
"""

from types import SimpleNamespace

import pytest

from tests.handlers import CONTEXT, decision_of, load_handler, probability_of
from tests.unit import toy

SECRET = "jane doe, 5 private road"  # a caller's value, which no log may hold


def of_rows(project, model, onnx_api):
    """The sample of a tabular project, whose items are rows."""
    one, many = project.request_keys()

    def check(answer, row):
        assert probability_of(answer) == pytest.approx(toy.probability(row), abs=1e-6)
        assert decision_of(answer) is bool(toy.probability(row) >= toy.METADATA["threshold"])
        assert "warnings" not in answer

    rows = [
        toy.CUSTOMER,
        {**toy.CUSTOMER, "plan": "gold", "fee": None},
        {**toy.CUSTOMER, "months": 60},
    ]
    return SimpleNamespace(
        **_loaded(project, model, onnx_api),
        schema=toy.SCHEMA,
        items=rows,  # what is asked about
        request=lambda row: {one: row},  # for one item
        many={many: rows},  # for all of them
        wrong={one: {"fee": SECRET}},  # which is refused
        strange={one: {**toy.CUSTOMER, "plan": SECRET}},  # which may be refused or not
        check=check,  # asserts that an answer is that to an item
    )


def of_images(project, model, onnx_api):
    """The sample of an image project, whose items are {"image": …}."""
    from tests.unit import toy_image

    names = {
        toy_image.base64_of(toy_image.file_of(toy_image.plain(name))): name
        for name in toy_image.COLORS
    }

    def check(answer, item):
        name = names[item["image"]]
        assert answer["label"] == name
        assert answer["probabilities"] == pytest.approx(
            toy_image.probabilities(toy_image.COLORS[name]), abs=0.01
        )

    items = [{"image": text} for text in names]
    return SimpleNamespace(
        **_loaded(project, model, onnx_api),
        schema=toy_image.METADATA["input_schema"],
        items=items,
        request=lambda item: item,
        many={"images": items},
        wrong={"image": SECRET},
        strange={"url": f"file:///{SECRET}"},
        check=check,
    )


def _loaded(project, model, onnx_api):
    """The handler as a module, and as a function of an event."""
    module = load_handler(project.folder / "lambda_function.py", model, onnx_api)
    return {"module": module, "call": lambda event: module.lambda_handler(event, CONTEXT)}
