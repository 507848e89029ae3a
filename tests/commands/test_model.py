"""Training and export: made again when something that they depend on has changed, and never
silently otherwise.
"""

import json
import shutil

import onnx
import pytest

from shared.serving.onnx.model import OnnxModel
from shared.training.metadata import version
from tests.processes import running_with, wait_until

pytestmark = pytest.mark.commands

TRAIN = """
import argparse, json, pathlib
import features.extra
from shared.training.metadata import write_metadata
parser = argparse.ArgumentParser()
parser.add_argument("--data", default="toy/data/one.csv")
parser.add_argument("--seed")
args = parser.parse_args()
rows = pathlib.Path(args.data).read_text().split()
if len(rows) < 2:
    raise SystemExit(f"{args.data}: no rows")
files = [str(path) for path in pathlib.Path("toy/data").iterdir()]
pathlib.Path("toy/build/model.joblib").write_text(f"{rows} {args.seed} {files}")
write_metadata(pathlib.Path("toy/build"), {})
"""
EXPORT = """
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--int8", action="store_true")
parser.parse_args()
content = pathlib.Path("toy/ready.onnx").read_bytes()
pathlib.Path("toy/build/model.onnx").write_bytes(content)
"""


@pytest.fixture
def folder(checkout, tabular):
    """A project that trains in no time, made but for its model."""
    folder = checkout.copy(tabular, "toy")
    (folder / "features").mkdir()
    (folder / "data").mkdir()
    (folder / "features/extra.py").write_text("")
    (folder / "data/one.csv").write_text("a,b\n1,2\n")
    (folder / "train.py").write_text(TRAIN)
    (folder / "export_onnx.py").write_text(EXPORT)
    shutil.copy(tabular.folder / "build/model.onnx", folder / "ready.onnx")
    return folder


@pytest.fixture
def make(checkout, folder):
    """Runs a target for it; gives what it printed."""

    def run(*arguments, ok=True, model="toy", **variables):
        status, output = checkout.make(*arguments, f"MODEL={model}", **variables)
        assert (status == 0) == ok, output
        return output

    assert "again" not in run("export")
    return run


def version_of(folder):
    """The version in the metadata of a project's exported model."""
    return OnnxModel(folder / "build/model.onnx").metadata["version"]


def test_what_is_up_to_date_says_so_and_how_to_force_it(make):
    for verb, done in (("train", "trained"), ("export", "exported")):
        assert make(verb) == (
            f"toy is up to date: {done}, and nothing that it depends on has changed; `make {verb} "
            "FORCE=1` does it again\n"
        )
        assert f"toy is {done} again, because of FORCE=1\n" in make(verb, "FORCE=1")


def test_it_is_made_again_after_a_change_of_what_it_read(make, folder, checkout):
    for name in (
        "toy/train.py",
        "toy/features/extra.py",
        "shared/training/metadata.py",
        "toy/requirements.txt",
        "toy/data/one.csv",
    ):
        path = checkout.root / name
        path.write_text(path.read_text() + "# more\n")
        assert f"toy is trained again, because {name} has changed\n" in make("export"), name
        assert "up to date" in make("train")
    (folder / "data/two.csv").write_text("")
    assert "because toy/data has changed\n" in make("export")
    (folder / "export_onnx.py").write_text(EXPORT + "# more\n")
    assert (
        "trained again" not in (output := make("export"))
        and "toy is exported again, because toy/export_onnx.py" in output
    )


def test_the_model_is_up_to_date_in_a_copied_checkout(checkout, project):
    status, output = checkout.make("export", f"MODEL={project.name}")
    assert status == 0 and output.startswith(f"{project.name} is up to date: "), output


def test_it_is_not_made_again_for_a_change_of_nothing(make, folder):
    (folder / "train.py").touch()
    (folder / "event2.json").write_text("{}")
    (folder / "lambda_function.py").write_text(
        (folder / "lambda_function.py").read_text() + "# a comment\n"
    )
    assert "up to date" in make("train") and "up to date" in make("export")


@pytest.mark.parametrize("name", ["metadata.json", "model.joblib"])
def test_a_file_of_the_training_that_is_missing(make, folder, name):
    (folder / "build" / name).unlink()
    assert f"toy is trained again, because toy/build/{name} is missing" in make("export")
    assert (folder / "build" / name).exists()


def test_arguments_are_kept_and_printed_and_left_out_again(make):
    assert "toy is trained with --seed 5 again, because it was trained without arguments\n" in make(
        "train", "ARGS=--seed 5"
    )
    message = "`make train RESET=1` leaves these arguments out\n"
    assert f"toy is trained with --seed 5; {message}" in make("export")
    assert message in make("train")
    assert "because it was trained with --seed 5\n" in make("train", "RESET=1")
    assert message not in make("export")


def test_help_changes_nothing(make, folder):
    before = {
        path.name: path.read_bytes() for path in (folder / "build").iterdir() if path.is_file()
    }
    assert make("train", "ARGS=--help").startswith("usage: train.py")
    assert make("export", "ARGS=-h").startswith("usage: export_onnx.py")
    assert {
        path.name: path.read_bytes() for path in (folder / "build").iterdir() if path.is_file()
    } == before


def test_a_training_that_fails_leaves_the_model_as_it_was(make, folder, tmp_path):
    (tmp_path / "it's other.csv").write_text("a,b")
    output = make("train", f"DATA={tmp_path}/it's other.csv", ok=False)
    assert f"{tmp_path}/it's other.csv: no rows" in output and "Traceback" not in output
    assert "up to date: trained, and" in make("train")


def test_a_training_that_is_killed_writes_nothing_more_and_is_run_again(make, checkout, folder):
    slow = TRAIN.replace(
        "rows = ", "print('training', flush=True); __import__('time').sleep(60); rows = "
    )
    (folder / "train.py").write_text(slow)
    process = checkout.popen(
        checkout.root / ".venv/toy/bin/python", "scripts/model.py", "train", "toy"
    )
    while "training\n" not in process.stdout.readline():
        assert process.poll() is None
    process.kill()
    assert wait_until(lambda: not running_with(str(folder.parent)))
    (folder / "train.py").write_text(TRAIN + "# changed\n")
    assert "because toy/train.py has changed" in make("train")


def test_a_project_without_its_script(make, folder):
    (folder / "train.py").unlink()
    output = make("train", ok=False)
    assert (
        "toy has no train.py: restore it, or put a model into build/model.onnx\n" in output
        and "Traceback" not in output
    )


def test_data_from_elsewhere_is_looked_at_again(make, tmp_path):
    data = tmp_path / "people.csv"
    data.write_text("a,b\n1,2\n")
    make("train", f"DATA={data}")
    assert f"up to date: trained with --data {data}" in make("train", f"DATA={data}")
    data.write_text("a,b\n3,4\n")
    output = make("train")
    assert (
        f"toy is trained with --data {data} again, because {data} has changed; `make train RESET=1`"
        in output
    )


def test_arguments_for_a_shell_are_not_run(make, folder):
    output = make("train", "ARGS=--seed 5; touch shelled", ok=False)
    assert (
        "unrecognized arguments: touch shelled" in output
        and not (folder.parent / "shelled").exists()
    )
    assert "ARGS=--model ' cannot be read: No closing quotation" in make(
        "train", "ARGS=--model '", ok=False
    )


def test_a_truncated_model_is_made_again(make, folder):
    model = folder / "build/model.onnx"
    whole = model.read_bytes()
    model.write_bytes(whole[:1000])
    assert "because toy/build/model.onnx has changed" in make("export")
    assert len(model.read_bytes()) == len(whole)


def test_a_model_from_elsewhere_is_kept_until_it_is_forced(make, folder):
    model = onnx.load(folder / "build/model.onnx")
    onnx.helper.set_model_props(
        model, {entry.key: entry.value for entry in model.metadata_props} | {"version": '"mine"'}
    )
    shutil.rmtree(folder / "build")
    (folder / "build").mkdir()
    onnx.save(model, folder / "build/model.onnx")
    for target in ("export", "build"):
        output = make(target, ok=target == "export", DOCKER="no-such-docker")
        assert output.startswith(
            "toy/build/model.onnx is used as it is: `make export` did not make it"
        )
        assert "installing" not in output and len(list((folder / "build").iterdir())) == 1
    make("export", "FORCE=1")
    assert version_of(folder) != '"mine"'


def test_a_model_from_elsewhere_that_cannot_be_used_is_kept_too(make, folder):
    shutil.rmtree(folder / "build")
    (folder / "build").mkdir()
    (folder / "build/model.onnx").write_bytes(b"mine")
    output = make("export", ok=False)
    assert (
        "build/model.onnx cannot be used (" in output
        and "`make export` FORCE=1, which replaces this file\n" in output
    )
    assert (folder / "build/model.onnx").read_bytes() == b"mine"


def test_a_copy_is_made_anew(make, checkout, tabular):
    checkout.copy(tabular, "copied", build=True)
    output = make("export", model="copied")
    assert (
        f"copied is trained again, because its build folder is of {tabular.name}, which it was "
        "copied from" in output
    )
    assert OnnxModel(checkout.root / "copied/build/model.onnx").metadata["name"] == "copied"


def test_a_project_that_no_commit_has_says_so_in_its_version(checkout, tabular):
    def git(*words):
        command = ["git", "-c", "user.name=me", "-c", "user.email=me@example.com", *words]
        assert checkout.popen(*command).wait(timeout=60) == 0

    git("init", "-q")
    (checkout.root / ".git/info/exclude").write_text(".venv\n")
    git("add", ".")
    git("commit", "-qm", "first")
    folder = checkout.root / tabular.name
    assert not version(folder).endswith("-dirty")
    assert version(checkout.copy(tabular, "copied")).endswith("-dirty")
    (folder / "train.py").write_text("")
    assert version(folder).endswith("-dirty")
    assert version(checkout.root.parent) == "unversioned"


def test_a_note_that_cannot_be_read(make, folder):
    note = folder / "build/trained.json"
    for text in ("", "[]", "{}", json.dumps({"project": "toy", "arguments": []})):
        note.write_text(text)
        output = make("export", ok=False)
        assert (
            "toy/build/trained.json cannot be read: remove it, and run the same command again\n"
            in output
        )


def test_a_file_of_settings_that_is_wrong_is_reported_before_a_training(make, folder):
    shutil.rmtree(folder / "build")
    (folder / "function.toml").write_text("memory = 1\n")
    output = make("demo", ok=False)
    assert "function.toml" in output and not (folder / "build/metadata.json").exists()
