"""The files of a search: CSV files, figures, and a table file that can be trained.

    <results>/search/<name>/trials.csv          one line for each trial
                            expected_best.csv   row, budget, the expected lowest held-out error
                            designs.csv         one line for each design; front: it is on the Pareto front
                            importances.csv     objective, choice, share
                            tuned_table.py, front_table.py

Searches on synthetic images go to <results>/search/demo, which git does not keep.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from senet_lab.records.checked_files import csv_text
from senet_lab.records.files import replace_file
from senet_lab.report.made_by import trained_by
from senet_lab.report.picture import LINES, SMALL, TWO_COLUMNS, draw
from senet_lab.search.design import Design, words
from senet_lab.search.fair import RowTrials, tuned_table
from senet_lab.search.space import held_out_protocol
from senet_lab.search.table_file import table_source
from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol
from senet_lab.study.table import Row, Table

TUNED, FRONT = "tuned_table.py", "front_table.py"


def search_folder(root: Path, name: str, protocol: Protocol) -> Path:
    """The folder of a search's files."""
    return root / "search" / ("demo" if protocol.synthetic else "") / name


def write_fair(folder: Path, table: Table, protocol: Protocol, found: Sequence[RowTrials]) -> list[Path]:
    """Writes the trials of a fair search, the curve of the expected best error, and the table at each row's best point.

    Returns the paths.
    """
    trials = [
        {
            "row": one.row.label,
            "trial": index,
            "peak_lr": f"{point.peak_lr:g}",
            "weight_decay": f"{point.weight_decay:g}",
            "held_out_error_pct": f"{error:.4f}",
            **_measured_on(protocol, one.seeds),
            **made,
        }
        for one in found
        for index, (point, error, made) in enumerate(zip(one.points, one.errors_pct, one.made, strict=True))
    ]
    curve = [
        {
            "row": one.row.label,
            "budget": budget,
            "expected_best_error_pct": round(error, 4),
            **_measured_on(protocol, one.seeds),
        }
        for one in found
        for budget, error in enumerate(one.expected_best(), start=1)
    ]
    replace_file(folder / "trials.csv", csv_text(list(trials[0]), trials).encode())
    text = (
        f"{table.name} under {protocol.name}, every row at the best of its {len(found[0].points)} points on held-out "
        f"training images.\n\n    senet-lab reproduce {TUNED} --protocol paper\n\ngives the errors of the rows. "
        "Their recipes differ, so it compares none; the verdicts on fresh seeds are those of senet-lab search.\n"
    )
    replace_file(folder / TUNED, table_source(tuned_table(table, found), text, folder).encode())
    frame = pd.DataFrame(curve)
    title = f"{table.name}, {protocol.name}: the same points, trials and seeds for every row"
    paths = draw(
        lambda figure: _curves(figure, frame, title), (TWO_COLUMNS * 0.7, 3.0), folder / "expected_best", frame, SMALL
    )
    return [folder / "trials.csv", folder / TUNED, *paths]


def _measured_on(protocol: Protocol, seeds: int) -> dict[str, object]:
    """What the errors of a search under this protocol are of: they are those of the final epoch."""
    held = held_out_protocol(protocol)
    return {**trained_by(held), "images": held.test_images, "seeds": seeds, "selection": "final"}


def _curves(figure: Figure, frame: pd.DataFrame, title: str) -> None:
    ax = figure.subplots()
    for index, (row, line) in enumerate(frame.groupby("row", sort=False)):
        style = LINES[index % len(LINES)]
        ax.plot(line["budget"], line["expected_best_error_pct"], label=str(row), **style)
    ax.set(xlabel="budget, trials", ylabel="expected best held-out error, %", title=title)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside right upper", frameon=False)


def write_designs(
    folder: Path, cell: Cell, designs: Sequence[Design], importances: dict[str, dict[str, float]]
) -> list[Path]:
    """Writes the designs, the importances, and the front as a figure and as a table with the plain network.

    Returns the paths.
    """
    lines = [
        {
            "trial": one.number,
            "design": words(one.se),
            "held_out_error_pct": one.error_pct,
            "multiply_adds": one.multiply_adds,
            "step_seconds": float(f"{one.step_seconds:.4g}"),
            "front": one.on_front,
            **_measured_on(cell.protocol, 1),
            "device": one.device,
            "revision": one.revision,
        }
        for one in designs
    ]
    shares = [
        {"objective": objective, "choice": choice, "share": f"{share:.4f}"}
        for objective, found in importances.items()
        for choice, share in found.items()
    ]
    replace_file(folder / "importances.csv", csv_text(["objective", "choice", "share"], shares).encode())
    table = front_table(cell, designs)
    text = (
        f"Designs of {cell.backbone} that no other one beats in error, multiply-adds and time of a step.\n\n"
        f"    senet-lab reproduce {FRONT} --protocol paper\n"
    )
    replace_file(folder / FRONT, table_source(table, text, folder).encode())
    frame = pd.DataFrame(lines)
    paths = draw(lambda figure: _front(figure, frame, cell), (TWO_COLUMNS, 2.9), folder / "designs", frame, SMALL)
    return [folder / "importances.csv", folder / FRONT, *paths]


def front_table(cell: Cell, designs: Sequence[Design]) -> Table:
    """The designs on the front as a table under the cell's own protocol. The plain network is the baseline."""
    best = {words(one.se): one.se for one in sorted(designs, key=lambda one: one.error_pct) if one.on_front}
    rows = [Row(label, Cell(backbone=cell.backbone, se=se, protocol=cell.protocol)) for label, se in best.items()]
    plain = Row("plain", Cell(backbone=cell.backbone, se=None, protocol=cell.protocol))
    return Table(
        edition=designs_edition(cell),
        number="1",
        topic="designs",
        caption=f"Designs of the SE block in {cell.backbone} from a search on held-out training images",
        baseline="plain",
        rows=(plain, *rows),
        companions={},
    )


def designs_edition(cell: Cell) -> str:
    """The edition of ``front_table``."""
    return f"designs-{cell.backbone}-{cell.protocol.name}"


def _front(figure: Figure, frame: pd.DataFrame, cell: Cell) -> None:
    axes = figure.subplots(1, 2, sharey=True)
    columns = (("multiply_adds", 1e-6, "multiply-adds, M"), ("step_seconds", 1e3, "time of a step, ms"))
    for ax, (column, scale, label) in zip(axes, columns, strict=True):
        for on_front, style, name in ((False, LINES[1], "others"), (True, LINES[0], "no other is better in all three")):
            part = frame[frame["front"] == on_front]
            marks = {"color": style["color"], "marker": style["marker"], "linestyle": "none"}
            ax.plot(scale * part[column], part["held_out_error_pct"], label=name, **marks)
        ax.set(xlabel=label, ylabel="held-out error, %" if ax is axes[0] else "")
    figure.suptitle(f"designs of {cell.backbone}, {cell.protocol.name}, one seed each", fontsize=8)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
