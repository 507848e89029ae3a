"""The charts of make cost: rendered, and looked at."""

import io
import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations

import pytest
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread
from matplotlib.text import Text

from scripts.cost.month import PLOTS
from scripts.cost.offer import Case
from scripts.cost.plan import break_evens, curves, losses, offers
from scripts.cost.plot import STYLES, figure_of, picture
from scripts.cost.workload import Workload, workload_of
from scripts.project import ROOT, Project
from shared.git import git
from shared.training.figures import STYLE

SLOW = Workload(100, 150, 1000, 500, 500, "docs/benchmarks/a-project-with-a-long-name.json")
# A project's folder may be deleted, and its chart left.
PUBLISHED = [path for path in sorted(PLOTS.glob("*.svg")) if path.stem in Project.names()]
NAME = "a-project-with-a-long-name"
CASES = {
    "default": Case(SLOW, 1e6),
    "many break-evens": Case(SLOW, 2e6, "office", 300),
    "no service": Case(SLOW, 1e6, "spiky", 1),
    "no requests": Case(SLOW, 0, "nightly"),
    "large": Case(Workload(60_000, 60_000, 30_000, 9000, 0, "x"), 1e7),
}


def compared(case):
    """The arguments of figure_of."""
    found = curves(case)
    return NAME, case, offers(case), found, break_evens(case, found), losses(case, found)


@pytest.fixture
def drawn(monkeypatch):
    """The texts that are drawn: not the labels of ticks outside of the axes."""
    found: list[Text] = []
    draw = Text.draw

    def recorded(text, *arguments):
        found.append(text)
        draw(text, *arguments)

    monkeypatch.setattr(Text, "draw", recorded)
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_label_is_cut_off_or_covers_another(case, drawn):
    with rc_context(STYLE):
        figure = figure_of(*compared(case))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        frame = figure.get_tightbbox(canvas.get_renderer()).padded(0.2)  # inches, as it is saved
        shown = [text for text in drawn if text.get_visible() and text.get_text().strip()]
        boxes = {text: text.get_window_extent() for text in shown}
    assert len(boxes) > 10
    for text, box in boxes.items():
        inches = box.transformed(figure.dpi_scale_trans.inverted())
        assert frame.x0 < inches.x0 and inches.x1 < frame.x1, text
        assert frame.y0 < inches.y0 and inches.y1 < frame.y1, text
    for (one, box), (other, beside) in combinations(boxes.items(), 2):
        assert not box.padded(-1).overlaps(beside.padded(-1)), (one, other)


def test_the_rendered_picture_has_a_white_edge():
    file = io.BytesIO()
    with rc_context(STYLE):
        figure = figure_of(*compared(CASES["many break-evens"]))
        figure.savefig(
            file, format="png", dpi=60, facecolor="white", bbox_inches="tight", pad_inches=0.2
        )
    file.seek(0)
    pixels = imread(file)
    assert pixels.min() < 0.2
    for edge in (pixels[:6], pixels[-6:], pixels[:, :6], pixels[:, -6:]):
        assert edge.min() == 1


def test_the_services_differ_without_their_colors():
    for place in range(3):
        looks = [style[:place] + style[place + 1 :] for style in STYLES.values()]
        assert len(set(looks)) == len(STYLES)


def test_the_picture_is_opaque_and_the_same_at_each_run():
    given = compared(CASES["many break-evens"])
    svg = picture(*given)
    assert svg == picture(*given)
    assert "fill: #ffffff" in svg.partition('id="axes_1"')[0]
    words = texts_of(svg)
    for change in given[-2]:
        assert any(change.above in text and re.search(r"\d", text) for text in words)
    assert any("SageMaker serverless (unverified)" in text for text in words)
    assert any("prices of 20" in text for text in words)


def texts_of(svg):
    """The texts of an SVG file."""
    root = ElementTree.fromstring(svg)
    return ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: "plot")
def test_the_committed_pictures_are_up_to_date(path):
    project = Project(path.stem)
    case = Case(
        workload_of(project, None, None, None),
        1e6,
        endpoint="http" if project.deploy["api"] else "url",
    )
    found = curves(case)
    compared = offers(case), found, break_evens(case, found), losses(case, found)
    now = picture(project.name, case, *compared)
    # The file itself may be of another run, with other settings: then the committed one counts.
    committed = git(ROOT, "show", f"HEAD:{path.relative_to(ROOT).as_posix()}")
    texts = [texts_of(svg) for svg in (path.read_text(), committed) if svg]
    assert texts_of(now) in texts, f"run `make cost MODEL={project.name}`"
