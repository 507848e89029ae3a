"""`make benchmark`: all measures of all candidates, the tables, the files; and it ends well
whatever goes wrong.
"""

import copy
import json
import os
import signal
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from scripts.benchmark import compare, report
from scripts.benchmark.caches import CACHES, why_no_cold_caches
from scripts.benchmark.candidates import BASELINES, Candidate, candidates_of, repository, versions
from scripts.benchmark.examples import Examples
from scripts.benchmark.measure import cold_round
from scripts.local.docker import DOCKER
from scripts.project import CHECKOUT, ROOT
from shared.errors import UserError
from tests.processes import containers_with, wait_until

pytestmark = pytest.mark.commands

ALWAYS = {
    "start_up_ms",
    "first_answer_ms",
    "added_mb",
    "memory_mb",
    "memory_batch_mb",
    "throughput_1",
    "throughput_2",
}
ALWAYS |= {f"round_trip_p{share}_ms" for share in (50, 95, 99)}
COLD = {"cold_start_up_ms", "cold_first_answer_ms", "cold_read_mb"}
MODEL = {f"handler_p{share}_ms" for share in (50, 95, 99)} | {"run_ms", "rest_ms", "outside_ms"}


def median(run, name, measure):
    """The median of a measure of a candidate in a run."""
    return run.found["candidates"][name]["measures"][measure]["median"]


def expected_of(run, candidate):
    """The names of all measures of a candidate."""
    with_model = candidate["largest_difference"] is not None
    expected = (
        ALWAYS | (MODEL if with_model else set()) | (set() if run.found["left_out"] else COLD)
    )
    kinds = ("round_trip", "handler") if with_model else ("round_trip",)
    return expected | {
        f"batch_{size}_{kind}_ms" for size in run.found["batch_sizes"] for kind in kinds
    }


def test_every_measure_of_every_candidate(tabular_run):
    assert list(tabular_run.found["candidates"]) == [
        "c",
        "python",
        "sklearn",
        "onnxruntime",
        "empty",
    ]
    assert tabular_run.found["batch_sizes"] == [1, 10, 100, 1000, 10_000]
    for candidate in tabular_run.found["candidates"].values():
        assert candidate["measures"].keys() == expected_of(tabular_run, candidate)
        for name, measure in candidate["measures"].items():
            assert (
                0 < measure["low"] <= measure["median"] <= measure["high"] and measure["n"] >= 1
            ), name


def test_what_is_measured_is_plausible(tabular_run):
    by_weight = [
        median(tabular_run, name, "added_mb")
        for name in ("empty", "c", "python", "onnxruntime", "sklearn")
    ]
    assert by_weight == sorted(by_weight)
    for lighter, heavier in (
        ("empty", "c"),
        ("c", "python"),
        ("python", "sklearn"),
        ("onnxruntime", "sklearn"),
    ):
        assert median(tabular_run, lighter, "memory_mb") < median(tabular_run, heavier, "memory_mb")
    for measure in ("start_up_ms", "handler_p50_ms", "run_ms"):
        assert median(tabular_run, "c", measure) < median(tabular_run, "sklearn", measure) / 2
    for name, candidate in tabular_run.found["candidates"].items():
        assert median(tabular_run, name, "start_up_ms") < median(
            tabular_run, name, "first_answer_ms"
        )
        if candidate["largest_difference"] is not None:
            assert candidate["largest_difference"] < 1e-4
            parts = sum(median(tabular_run, name, f"{part}_ms") for part in ("run", "rest"))
            assert parts == pytest.approx(median(tabular_run, name, "handler_p50_ms"), rel=0.5)
            assert median(tabular_run, name, "batch_10000_handler_ms") > median(
                tabular_run, name, "batch_1_handler_ms"
            )


def test_images_are_fetched_and_decoded_too(imaging_run):
    candidates = imaging_run.found["candidates"]
    assert (
        list(candidates)[-2:] == ["onnxruntime", "empty"]
        and imaging_run.found["batch_of"] == "images"
    )
    for name, candidate in candidates.items():
        more = {"fetch_ms", "decode_ms"} if name in ("c", "python") else set()
        assert candidate["measures"].keys() == expected_of(imaging_run, candidate) | more
    assert (
        0
        < median(imaging_run, "python", "decode_ms")
        < median(imaging_run, "python", "handler_p50_ms")
    )


def test_cold_caches_are_left_out_with_the_reason_or_measured(tabular_run):
    if why := tabular_run.found["left_out"]:
        [reason] = why.values()
        assert f"No cold caches, because {reason}." in tabular_run.output and (
            why_no_cold_caches() or "other containers" in reason
        )
        return
    assert median(tabular_run, "empty", "cold_read_mb") < median(tabular_run, "c", "cold_read_mb")
    assert (
        median(tabular_run, "c", "cold_read_mb")
        < median(tabular_run, "sklearn", "cold_read_mb") / 2
    )


def test_a_start_with_cold_caches_is_measured(timed, tabular, tabular_run):
    """Also beside other tests: its figures are then no measure of anything, and are not
    compared.
    """
    if not os.access(CACHES, os.W_OK):
        return  # why, tells the test above
    project = copy.copy(tabular)
    project.image = f"{timed.name}-benchmark-{timed.id}:c"
    found = cold_round(
        Candidate("c", "", project, project.folder, True), Examples(tabular, tabular.event_file)
    )
    assert found.keys() == COLD and all(value > 0 for value in found.values())


def test_the_machine_and_the_versions_are_noted(tabular, tabular_run):
    on = tabular_run.found["machine"]
    assert (
        on["cores"] >= 1
        and on["memory_gib"] > 0.5
        and on["cpu"] in tabular_run.output
        and on["kernel"] in tabular_run.output
    )
    assert on["base_image"] in tabular_run.output and on["python"].startswith("3.")
    found = tabular_run.found["candidates"]["sklearn"]["versions"]["scikit-learn"]
    assert f"scikit-learn=={found} " in (tabular.folder / "requirements-train.txt").read_text()


def test_progress_and_tables_are_printed(timed, tabular_run):
    lines = tabular_run.output.splitlines()
    assert "start 1 of 1: scikit-learn" in lines and "throughput 1 of 1: imports nothing" in lines
    for table in (
        "Start, ms",
        "Weight, MB",
        "One request on a warm function, ms",
        "Requests per second of copies side by side",
    ):
        at = lines.index(table)
        assert lines[at + 2].startswith("ONNX Runtime, C API") and len(lines[at + 1]) == len(
            lines[at + 2]
        )
    made = f"{timed.name}/build/benchmarks/{timed.name}"
    assert lines[-3:] == [
        f"wrote {made}.json and {made}.svg",
        "The images stay for the next run. To remove them:",
        f"  {compare.removal(timed.name).replace(CHECKOUT, timed.id)}",
    ]


def test_the_picture_shows_what_was_measured(tabular_run):
    texts = [
        text.text
        for text in ElementTree.fromstring(tabular_run.svg).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert {"Start-up, ms", "Added to the base image, MB", "scikit-learn", "10,000"} <= set(texts)
    assert texts.count("imports nothing") == (3 if tabular_run.found["left_out"] else 4)


def test_nothing_is_left_running(timed, tabular_run):
    assert containers_with(timed.name) == []


def test_wrong_answers_are_not_timed(timed, tabular_run):
    model = timed.checkout.root / "scripts/benchmark/baselines/sklearn/model.py"
    right = model.read_text()
    model.write_text(
        right.replace(
            "self._pipeline.predict_proba(table)", "(0.999 * self._pipeline.predict_proba(table))"
        )
    )
    status, output = timed.make("--starts 1 --to docs/wrong")
    model.write_text(right)
    assert (
        status != 0
        and f"-benchmark-{timed.id}:sklearn responds otherwise than " in output
        and "start 1 of 1" not in output
    )
    assert not (timed.checkout.root / "docs/wrong").exists()


def test_ctrl_c_removes_the_container(timed, tabular_run):
    command = ["make", "benchmark", f"MODEL={timed.name}", "ARGS=--starts 5 --to docs/stopped"]
    process = timed.checkout.popen(*command)
    for line in process.stdout:
        if line.startswith("start 1 of 5"):
            break
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode and 'File "' not in rest and "stopped: nothing was written" in rest
    assert wait_until(
        lambda: not containers_with(timed.name)
    )  # its guard removes it, after the command has ended
    assert not (timed.checkout.root / "docs/stopped").exists()


def test_published_figures_are_replaced_only_when_asked(tmp_path, monkeypatch, capsys):
    published, mine = tmp_path / "docs/benchmarks", tmp_path / "toy/build/benchmarks"
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr(report, "PUBLISHED", published)
    report.write({"sizes": 1}, "toy", "memory", mine)
    assert (
        capsys.readouterr().out == "wrote toy/build/benchmarks/toy-memory.json\n"
        and not published.exists()
    )
    report.write({"sizes": 2}, "toy", "memory", published)
    assert capsys.readouterr().out == "wrote docs/benchmarks/toy-memory.json\n"
    report.write({"sizes": 3}, "toy", "memory", mine)
    assert (
        "docs/benchmarks/toy-memory.json is unchanged: ARGS=--replace writes there"
        in capsys.readouterr().out
    )
    assert json.loads((published / "toy-memory.json").read_text()) == {"sizes": 2}


@pytest.mark.parametrize(
    ("options", "folder"),
    [([], "{}/build/benchmarks"), (["--replace"], "docs/benchmarks"), (["--to", "x"], "x")],
)
def test_where_the_figures_go(any_project, monkeypatch, options, folder):
    written = []
    monkeypatch.setattr(compare, "benchmark", lambda *_: {})
    monkeypatch.setattr(compare, "shown", lambda found: "")
    monkeypatch.setattr(compare, "write", lambda found, project, of, folder: written.append(folder))
    monkeypatch.setattr(compare.signal, "signal", lambda *_: None)
    monkeypatch.setattr(compare.sys, "argv", ["benchmark.py", any_project.name, *options])
    monkeypatch.chdir(ROOT)
    compare.main()
    assert written == [ROOT / folder.format(any_project.name)]


def test_the_printed_command_removes_the_images_whatever_there_is(docker):
    """Two tags of one image, one image, and none at all."""
    name = "removed-sklearn"
    for tags in (["c", "python"], ["c"], []):
        for tag in tags:
            command = f"tar -cf - -T /dev/null | {DOCKER} import - {repository(name)}:{tag}"
            subprocess.run(["sh", "-c", command], check=True, capture_output=True)
        ran = subprocess.run(["sh", "-c", compare.removal(name)], capture_output=True, text=True)
        assert ran.returncode == 0 and not ran.stderr, ran.stderr
        left = [DOCKER, "image", "ls", "--quiet", repository(name)]
        assert not subprocess.run(left, capture_output=True, text=True, check=True).stdout


def test_a_full_disk_is_reported_before_it_is_full(base_image, tabular, monkeypatch):
    monkeypatch.setattr(
        compare.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 2_500_000_000})
    )
    with pytest.raises(UserError, match=r"^2\.5 GB are free, and building these images may take"):
        compare.prepare(tabular)


def test_every_package_of_a_baseline_has_the_version_of_the_project(project):
    for candidate in candidates_of(project):
        if (BASELINES / candidate.name).exists():
            lines = (BASELINES / candidate.name / "requirements.txt").read_text().splitlines()
            assert versions(candidate).keys() == {
                line.split(";")[0] for line in lines if line[0] not in "#-("
            }
