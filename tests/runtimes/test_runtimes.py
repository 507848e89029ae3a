"""Both ways to run a model answer the same, and none of them can be made to crash or to leak."""

import json
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.project import ONNX_APIS, ROOT, Project
from shared.errors import UserError
from shared.serving.onnx.c import OnnxModel as InC
from shared.serving.onnx.c_api import API_VERSION, OnnxRuntimeError, load
from shared.serving.onnx.python import OnnxModel as InPython
from tests.unit.models import save_echo
from tests.unit.toy import CUSTOMER

TEXTS = st.one_of(st.sampled_from(["basic", "gold", "north", ""]), st.text())
NUMBERS = st.one_of(st.floats(width=32), st.floats(), st.integers(-(2**70), 2**70))
ROW = st.fixed_dictionaries({"plan": TEXTS, "region": TEXTS, "months": NUMBERS, "fee": NUMBERS})


def run(program, *arguments, **variables):
    """Run a program in its own Python process, where a crash fails only the test."""
    command = [sys.executable, "-X", "faulthandler", "-c", program, *map(str, arguments)]
    environment = {"PYTHONPATH": str(ROOT), **variables}
    ran = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, f"{ran.returncode}: {ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def both(toy):
    """The toy model by both ONNX APIs."""
    return InC(toy), InPython(toy)


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(ROW, max_size=12))
def test_the_answers_are_equal_to_the_last_digit(both, rows):
    inputs = {name: [row[name] for row in rows] for name in CUSTOMER}
    c, python = (model.run(inputs) for model in both)
    assert repr(c) == repr(python)  # which tells apart -0.0 and 0.0, and not NaN and NaN


def test_the_answers_to_images_are_equal_to_the_last_digit(imaging):
    """Whether or not the project's image can be built both ways: the model is the same."""
    models = InC(imaging.model_file), InPython(imaging.model_file)
    size = models[0].metadata["preprocessing"]
    rng = random.Random(0)
    for batch in (1, 2, 7):
        pixels = rng.randbytes(batch * size["height"] * size["width"] * 3)
        c, python = (model.run({"image": pixels}) for model in models)
        assert repr(c) == repr(python) and len(c["probabilities"]) == batch


@settings(max_examples=200, deadline=None)
@given(
    f=st.lists(NUMBERS, max_size=6),
    q=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=6),
    B=st.lists(st.integers(0, 255), max_size=6),
    text=st.lists(TEXTS, max_size=6),
)
def test_every_type_comes_back_equal(echoes, f, q, B, text):
    c, python = (model.run({"x_f": f, "x_q": q, "x_B": B, "x_text": text}) for model in echoes)
    assert repr(c) == repr(python)
    assert c["y_text"] == [[one] for one in text] and c["y_q"] == [[one] for one in q]


@pytest.fixture(scope="module")
def echoes(tmp_path_factory):
    """A model that gives its inputs back, by both ONNX APIs."""
    path = save_echo(tmp_path_factory.mktemp("echo") / "echo.onnx")
    return InC(path), InPython(path)


def test_the_metadata_and_the_inputs_are_equal(both, tabular):
    for c, python in (both, (InC(tabular.model_file), InPython(tabular.model_file))):
        assert c.metadata == python.metadata
        assert [vars(taken) for taken in c._inputs.values()] == [
            vars(taken) for taken in python._inputs.values()
        ]


HOSTILE = """
import array, ctypes, json, random, sys, threading
from shared.serving.onnx.{onnx_api} import OnnxModel

class Liar(list):
    def __len__(self): return 10**6

class Texts(str):
    def encode(self, *a): return 3

model = OnnxModel(sys.argv[1])
values = [
    None, 1, "x", b"", b"1", b"12345678", "\\0", "\\ud800", (1,), {{}}, {{1: 2}}, set(), range(3), iter([1]), object(), type, sys,
    [], [[]], [None], [object()], [[1]], [1, "x"], ["x", 1], [3], [3.5], [True], [-1], [256], [2**63], [10**400], [float("nan")],
    ["x"], ["\\ud800"], ["\\0"], ["a\\0"] * 3, [b"x"], [Texts("x")], ["x" * 1_000_000], ["x"] * 10_000, [1] * 10_000,
    Liar([1]), Liar(["x"]), *(array.array(code, [1]) for code in "fqdB"), bytearray(7), bytearray(8),
    memoryview(bytes(64))[::2], memoryview(bytes(64))[::-1], memoryview(bytes(64)).cast("B", [8, 8]), memoryview(b"x" * 9)[1:],
    memoryview(array.array("f", [1, 2, 3, 4]))[::2], (ctypes.c_float * 2)(1, 2), (ctypes.c_char_p * 1)(b"x"),
]
good = dict(x_f=[1.5], x_q=[2], x_B=[3], x_text=["x"])
expected = repr(model.run(good))
answered = refused = 0

def attempt(inputs):
    global answered, refused
    try:
        model.run(inputs)
        answered += 1
    except Exception:
        refused += 1

for name in good:
    for value in values:
        attempt({{**good, name: value}})
        attempt({{name: value}})
rng = random.Random(0)
for _ in range(3000):
    attempt({{name: rng.choice(values) for name in rng.choices([*good, "", "x", "x_f\\0", 1, None], k=rng.randint(0, 6))}})
    attempt({{name: rng.choice(values) for name in good}})
for inputs in ({{}}, {{None: None}}, {{1: 1}}, {{**good, "\\0": [1]}}, {{**good, "\\ud800": [1]}}, [], None, "x_f", 3):
    attempt(inputs)

def busy():
    for _ in range(500):
        assert repr(model.run(good)) == expected
        attempt({{name: rng.choice(values) for name in good}})
threads = [threading.Thread(target=busy) for _ in range(4)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
assert repr(model.run(good)) == expected
print(json.dumps([answered, refused]))"""


@pytest.mark.parametrize("rows", [1, None])
def test_hostile_inputs_end_in_exceptions(onnx_api, tmp_path, rows):
    path = save_echo(tmp_path / "echo.onnx", (rows, 1))
    answered, refused = json.loads(run(HOSTILE.format(onnx_api=onnx_api), path))
    assert answered > 20 and refused > 3000


FILES = """
import random, sys
from shared.serving.onnx.common import BrokenModel
from shared.serving.onnx.{onnx_api} import OnnxModel
content, path = open(sys.argv[1], "rb").read(), sys.argv[2]
rng = random.Random(0)
broken = 0
for attempt in range(300):
    spoilt = bytearray(content)
    for _ in range(rng.randint(1, 5)):
        spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
    open(path, "wb").write(spoilt[: rng.choice([None, rng.randrange(len(spoilt))])])
    try:
        model = OnnxModel(path)
        model.run({{"plan": ["gold"], "region": ["north"], "months": [1], "fee": [2]}})
    except BrokenModel:
        broken += 1
    except Exception:
        continue  # of any kind: what must not happen is a crash
for path in ("", "/", "/no/such", "a\\0b", sys.argv[1] + "\\0", "\\ud800"):
    try:
        OnnxModel(path)
    except (BrokenModel, ValueError):
        broken += 1
print(broken)"""


def test_spoilt_files_end_in_exceptions(onnx_api, toy, tmp_path):
    printed = run(FILES.format(onnx_api=onnx_api), toy, tmp_path / "spoilt.onnx")
    assert int(printed.split()[-1]) > 100  # ONNX Runtime's Python module prints lines of its own


def test_a_library_older_than_the_interface_asked_for_is_refused():
    with pytest.raises(
        ImportError,
        match=r"is of ONNX Runtime \d+\.\d+.*lacks version 999 of the C interface: install",
    ):
        load(version=999)
    assert load(API_VERSION).CreateEnv


def test_no_library_is_reported(tmp_path):
    program = (
        "import sys; sys.path[:] = [path for path in sys.path if 'site-packages' not in path]; "
        "import shared.serving.onnx.c"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 1 and ran.stderr.splitlines()[-1].endswith(
        "on the path: install onnxruntime"
    )


def test_what_onnx_runtime_says_is_the_text_of_the_exception(both):
    with pytest.raises(OnnxRuntimeError, match=r"Concat"):
        both[0].run({"plan": ["gold"] * 2, "region": ["north"], "months": [1], "fee": [2]})


def test_the_variable_chooses_and_function_toml_holds_the_default(project, monkeypatch):
    monkeypatch.delenv("ONNX_API", raising=False)
    assert Project(project.name).onnx_api in ONNX_APIS
    for onnx_api in ONNX_APIS:
        monkeypatch.setenv("ONNX_API", onnx_api)
        assert Project(project.name).onnx_api == onnx_api
        printed = run(
            "import shared.serving.onnx.model as m; print(m.OnnxModel.__module__)",
            ONNX_API=onnx_api,
        )
        assert printed == f"shared.serving.onnx.{onnx_api}\n"
    monkeypatch.setenv("ONNX_API", "java")
    with pytest.raises(UserError, match="ONNX_API=java is not known: choose python or c"):
        Project(project.name)
