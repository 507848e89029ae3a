"""Print the result of a comparison, and write it to files: figures and a chart."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.benchmark.memory_sizes import table_of_sizes
from scripts.benchmark.tables import all_tables
from scripts.project import ROOT

PUBLISHED = ROOT / "docs/benchmarks"  # the figures that docs/cold-starts.md discusses


def shown(found: dict) -> str:
    """Return the tables, followed by notes on the machine and the method."""
    on, plan = found["machine"], found["rounds"]
    notes = [
        f"{on['cpu']}, {on['cores']} cores, {on['memory_gib']} GiB; kernel {on['kernel']}, "
        f"{on['engine']}; on {on['base_image']}",
        f"(Python {on['python']}). {found['date']}, {plan['starts']} starts with "
        f"{plan['requests']} requests each",
    ]
    if "sizes" in found:
        return "\n".join([table_of_sizes(found["sizes"]), "", *notes])
    notes[-1] += f", {plan['others']} of the others: medians, in brackets the quartiles."
    if found["model_file"] != "model.onnx":
        notes.append(
            f"ONNX Runtime serves {found['model_file']}, whose predictions may differ from the "
            "framework's."
        )
    notes += [f"No cold caches, because {reason}." for reason in found["left_out"].values()]
    notes += ["docs/benchmarks/README.md explains each column."]
    return "\n".join([all_tables(found), *notes])


def write(found: dict, project: str, of: str, folder: Path) -> None:
    """Write the figures and the chart into a folder, and print where.

    of: what was compared; in the name of the files unless it is "frameworks".
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = project if of == "frameworks" else f"{project}-{of}"
    written = [folder / f"{name}.json"]
    written[0].write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    if "candidates" in found:
        from scripts.benchmark.plot import picture  # matplotlib: only once there is a chart to draw

        written.append(folder / f"{name}.svg")
        written[1].write_text(picture(found))
    shown = [str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path) for path in written]
    print(f"wrote {' and '.join(shown)}")
    if folder != PUBLISHED and (PUBLISHED / f"{name}.json").exists():
        print(f"docs/benchmarks/{name}.json is unchanged: ARGS=--replace writes there")
