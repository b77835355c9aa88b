"""Figures of captures: the same twice, true to their frames, the whole range of what they show."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from senet_lab.errors import StudyError
from senet_lab.excitations.figures import figure_names, write_figures
from senet_lab.excitations.frames import capture_folders
from senet_lab.excitations.statements import statements
from senet_lab.report.cost_figures import write_cost
from senet_lab.report.figures import write_plain_against_se
from senet_lab.report.load import load as load_records
from senet_lab.report.views import measured_views
from tests.excitations.made_up import ORIGIN, captured_of, made_up
from tests.pictures import draw_as
from tests.samples import PLAIN, SE, TABLE, filled, finished


def digests(paths):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.mark.parametrize(
    "name", ["depth", *(pytest.param(n, marks=pytest.mark.slow) for n in ("activations", "images", "histograms"))]
)
def test_figures_come_out_the_same_twice(tmp_path, name, every_format):
    """PDF, SVG, PNG and CSV; another folder gives the same bytes."""
    found = [digests(write_figures(captured_of(tmp_path / place), tmp_path / place, [name])) for place in ("a", "b")]

    assert {".pdf", ".svg", ".png", ".csv"} == {Path(name).suffix for name in found[0]}
    assert found[0] == found[1]


def test_a_pdf_embeds_its_fonts_and_has_no_date(tmp_path, monkeypatch):
    """TrueType, not Type 3; nothing of when it was made."""
    draw_as(monkeypatch, ["pdf"])
    (path,) = (p for p in write_figures(captured_of(tmp_path), tmp_path, ["depth"]) if p.suffix == ".pdf")
    data = path.read_bytes()

    assert b"/FontFile2" in data
    assert b"/Type3" not in data
    assert b"CreationDate" not in data


def test_figures_say_what_they_show(tmp_path, as_svg):
    """Network, protocol, data set, number of images, seed and revision stand in the picture."""
    captured = captured_of(tmp_path, made_up(blocks=("SE_2_1", "SE_4_1")))
    (path,) = (p for p in write_figures(captured, tmp_path, ["activations"]) if p.suffix == ".svg")
    text = path.read_text()

    for said in ("resnet50, SE r=16", "protocol sample, seed 4", "0123456789", "a data set, test split", "100 images"):
        assert said in text
    assert "SYNTHETIC" not in text


@pytest.mark.parametrize(
    ("change", "word"), [({"synthetic": True}, "SYNTHETIC images"), ({"weights": "random"}, "RANDOM WEIGHTS")]
)
def test_what_is_no_result_is_loud_and_stays_out_of_git(tmp_path, change, word):
    """Its files and figures are in demo folders, and the heading begins with the word."""
    captured = captured_of(tmp_path, replace(made_up(), origin=replace(ORIGIN, **change)))
    paths = write_figures(captured, tmp_path, ["depth"])

    assert captured.card.heading.startswith(word)
    assert [tmp_path / "excitations" / "demo" / "sample"] == capture_folders(tmp_path)
    assert {tmp_path / "figures" / "demo"} == {path.parent for path in paths}


def test_one_image_a_class_has_no_specificity(tmp_path, as_svg):
    """Between-class and total variance are then the same by construction; it is not measured, and figures say so."""
    captured = captured_of(tmp_path, made_up(images=1))
    (path,) = (p for p in write_figures(captured, tmp_path, ["depth"]) if p.suffix == ".svg")

    assert captured.blocks["specificity"].isna().all()
    assert "not measured: one image a class" in path.read_text()
    assert {None} == {s.holds for s in statements(captured) if "class-specific" in s.says}


def test_no_ridge_is_cut_off(tmp_path, monkeypatch):
    """Every panel reaches above its highest bin, whichever class has it, and shows the whole range of gates."""
    figures = []
    monkeypatch.setattr("senet_lab.report.picture.save", lambda figure, *rest: figures.append(figure) or [])
    captured = captured_of(tmp_path)
    write_figures(captured, tmp_path, ["histograms"])
    (figure,) = figures
    highest = [max(stairs.get_data().values.max() for stairs in ax.patches) for ax in figure.axes]

    assert len(figure.axes) == len(captured.panels()) == 6
    assert [ax.get_ylim()[1] > top for ax, top in zip(figure.axes, highest, strict=True)] == [True] * 6
    assert {(0.0, 1.0)} == {tuple(ax.get_xlim()) for ax in figure.axes}


def test_activations_show_every_channel_index_and_the_whole_range(tmp_path, monkeypatch):
    """From 0 to the last channel, from below 0 to above 1; a line a class and one of all; no panel is empty."""
    figures = []
    monkeypatch.setattr("senet_lab.report.picture.save", lambda figure, *rest: figures.append(figure) or [])
    write_figures(captured_of(tmp_path), tmp_path, ["activations"])
    (figure,) = figures

    assert {(0.0, 63.0)} == {tuple(ax.get_xlim()) for ax in figure.axes}
    assert all(ax.get_ylim()[0] <= 0 and ax.get_ylim()[1] >= 1 for ax in figure.axes)
    assert [len(ax.get_lines()) for ax in figure.axes] == [5] * 6


def test_a_mistyped_figure_is_named():
    """The nearest name; the paper's numbers are names too."""
    assert figure_names(["figure5"]) == ["activations"]
    with pytest.raises(StudyError, match="nearest is 'histograms'"):
        figure_names(["histogram"])


def test_comparisons_need_two_rows(tmp_path):
    """Curves of the plain network and SE, and cost, of both rows; nothing of one row alone."""
    filled(tmp_path / "one", finished(PLAIN), epochs=5)
    filled(tmp_path / "two", finished(PLAIN, 0, 210), finished(SE), finished(SE, 1, 210), epochs=5)
    found = []
    for name in ("one", "two"):
        (view,) = measured_views(TABLE, [load_records(tmp_path / name, "results")])
        found.append({path.stem for path in write_plain_against_se(view, tmp_path) + write_cost(view, tmp_path)})

    assert found == [set(), {"cvpr2018-table99-sample-plain-se", "cvpr2018-table99-sample-cost"}]
