"""Many figures are saved side by side: with the same bytes, and with their errors."""

import os
import signal

import pandas as pd
import pytest

from senet_lab.errors import StudyError
from senet_lab.report import figure_savers
from senet_lab.report.picture import SMALL, draw

MANY = 3
FEW_TICKS = {"xticks": [1], "yticks": []}
FRAME = pd.DataFrame({"epoch": [1, 2], "error": [0.5, 0.25]})


@pytest.fixture(autouse=True)
def two_are_many(monkeypatch):
    """Two processors, and processes from the third figure on."""
    monkeypatch.setattr(figure_savers, "cores", lambda: 2)
    monkeypatch.setattr(figure_savers, "FEW", 2)


def draw_many(folder, count=MANY):
    """Figures that differ, each with its data; what ``draw`` says was written."""
    return [
        path
        for number in range(count)
        for path in draw(
            lambda figure, top=number: figure.subplots(subplot_kw=FEW_TICKS).plot(
                FRAME["epoch"], FRAME["error"] + top, label="−1"
            ),
            (3.0, 2.0),
            folder / f"figure-{number}",
            FRAME,
            SMALL,
        )
    ]


def killed():
    """Ends as a process that the system kills for lack of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def mistaken():
    """Ends with what saving reports of a full disk."""
    raise StudyError("no space left")


def test_side_by_side_and_in_turn_the_bytes_are_the_same(tmp_path, drawn_in):
    """In two other processes and here: the same files with the same content, all there when the block ends."""
    in_turn = draw_many(tmp_path / "in turn")
    with figure_savers.saved_side_by_side():
        beside = draw_many(tmp_path / "beside")

    assert len(in_turn) == len(set(in_turn)) == (1 + len(drawn_in)) * MANY
    assert [path.name for path in in_turn] == [path.name for path in beside]
    assert [path.read_bytes() for path in in_turn] == [path.read_bytes() for path in beside]


def test_a_few_figures_start_no_process(tmp_path, monkeypatch, as_svg):
    """A table's three figures are there sooner without."""
    monkeypatch.setattr(figure_savers, "ProcessPoolExecutor", None)
    with figure_savers.saved_side_by_side():
        paths = draw_many(tmp_path, figure_savers.FEW)

    assert all(path.is_file() for path in paths)


def test_one_processor_saves_at_once(tmp_path, monkeypatch, as_svg):
    """Figures do not pile up in memory."""
    monkeypatch.setattr(figure_savers, "cores", lambda: 1)
    with figure_savers.saved_side_by_side():
        assert all(path.is_file() for path in draw_many(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "words"), [(killed, "was killed.*the same command"), (mistaken, "no space left")])
def test_what_goes_wrong_in_a_process_is_told(fault, words):
    """One line for the user, from the process that saved or about it."""

    def save_many():
        with figure_savers.saved_side_by_side():
            for _ in range(MANY):
                figure_savers.save_soon(fault)

    with pytest.raises(StudyError, match=words):
        save_many()
