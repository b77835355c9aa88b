"""Excitations from their files alone: numbers by block, statements, figures that come out the same twice."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from senet_lab.errors import StudyError
from senet_lab.excitations.figures import figure_names, write_atlas_figures
from senet_lab.excitations.files import ALL, write_atlas
from senet_lab.excitations.frames import (
    atlas_folders,
    class_histograms,
    class_means,
    evenly,
    heading,
    image_spread,
    load_atlas,
    panels,
)
from senet_lab.excitations.statements import statements
from senet_lab.excitations.statistics import BINS, Excitations, Origin, Span, load
from senet_lab.records.files import replace_file
from senet_lab.records.gate_health import GateHealth, gates_csv, gates_path
from senet_lab.report.comparison_figures import write_comparison
from senet_lab.report.load import load as load_records
from senet_lab.report.tables import measured_views
from senet_lab.study.se import Gate
from tests.samples import PLAIN, SE, TABLE, block_of, filled, finished

ROOT = Path(__file__).parents[2]
ORIGIN = Origin(
    network="resnet50, SE r=16",
    weights="recorded",
    protocol="sample",
    dataset="a data set",
    split="test",
    seed=4,
    revision="0123456789abcdef",
    synthetic=False,
)
CLASSES = ("goldfish", "pug", "plane", "cliff", "fifth")


def made_up(images=20, channels=64, blocks=("SE_2_1", "SE_2_2", "SE_3_1", "SE_4_1", "SE_4_2", "SE_4_3"), gates=None):
    """Excitations whose classes part with depth. gates: K images M instead, of one block."""
    rng = np.random.default_rng(0)
    if gates is None:
        parts = []
        for depth, _ in enumerate(blocks):
            centre = rng.uniform(0.3, 0.7, channels)
            classes = 0.06 * depth * rng.uniform(-1, 1, (len(CLASSES), 1, channels))
            parts.append(centre + classes + rng.normal(0, 0.05, (len(CLASSES), images, channels)))
        gates = np.clip(np.concatenate(parts, axis=-1), 0, 1)
    spans = tuple(Span(name, i * channels, channels) for i, name in enumerate(blocks))
    bins = BINS[Gate.SIGMOID]
    index = np.clip((gates * bins.per_unit).astype(int), 0, bins.number - 1)
    return Excitations(
        origin=ORIGIN,
        gate=Gate.SIGMOID,
        over_space=False,
        spans=spans,
        class_names=CLASSES[: len(gates)],
        own_rows=tuple(range(len(gates))),
        count_K=np.full(len(gates), gates.shape[1]),
        mean_KM=gates.mean(axis=1),
        m2_KM=gates.var(axis=1) * gates.shape[1],
        lowest_KM=gates.min(axis=1).astype(np.float32),
        highest_KM=gates.max(axis=1).astype(np.float32),
        histogram_SMN=(index[..., None] == np.arange(bins.number)).sum(axis=1),
    )


def atlas_of(root, found=None, name="sample"):
    return load_atlas(write_atlas(root, name, found or made_up(), CLASSES[:4] if found is None else ["goldfish"]))


def digests(paths):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.mark.parametrize(
    "name", ["depth", *(pytest.param(n, marks=pytest.mark.slow) for n in ("activations", "images", "histograms"))]
)
def test_figures_come_out_the_same_twice(tmp_path, name):
    """PDF, SVG, PNG and CSV; another folder gives the same bytes."""
    found = [digests(write_atlas_figures(atlas_of(tmp_path / place), tmp_path / place, [name])) for place in ("a", "b")]

    assert {".pdf", ".svg", ".png", ".csv"} == {Path(name).suffix for name in found[0]}
    assert found[0] == found[1]


def test_a_pdf_embeds_its_fonts_and_has_no_date(tmp_path):
    """TrueType, not Type 3; nothing of when it was made."""
    (path,) = (p for p in write_atlas_figures(atlas_of(tmp_path), tmp_path, ["depth"]) if p.suffix == ".pdf")
    data = path.read_bytes()

    assert b"/FontFile2" in data
    assert b"/Type3" not in data
    assert b"CreationDate" not in data


def test_figures_say_what_they_show(tmp_path):
    """Network, protocol, data set, number of images, seed and revision stand in the picture."""
    (path,) = (p for p in write_atlas_figures(atlas_of(tmp_path), tmp_path, ["activations"]) if p.suffix == ".svg")
    text = path.read_text()

    for said in ("resnet50, SE r=16", "protocol sample, seed 4", "0123456789", "a data set, test split", "100 images"):
        assert said in text
    assert "SYNTHETIC" not in text


@pytest.mark.parametrize(
    ("change", "word"), [({"synthetic": True}, "SYNTHETIC images"), ({"weights": "random"}, "RANDOM WEIGHTS")]
)
def test_what_is_no_result_is_loud_and_stays_out_of_git(tmp_path, change, word):
    """Its files and figures are in demo folders, and the heading begins with the word."""
    atlas = atlas_of(tmp_path, replace(made_up(), origin=replace(ORIGIN, **change)))
    paths = write_atlas_figures(atlas, tmp_path, ["depth"])

    assert heading(atlas).startswith(word)
    assert [tmp_path / "excitations" / "demo" / "sample"] == atlas_folders(tmp_path)
    assert {tmp_path / "figures" / "demo"} == {path.parent for path in paths}


def test_panels_are_the_papers():
    """The last block of each stage and all of the last stage: six of ResNet-50; few of what has no stages."""
    resnet50 = [f"SE_{s}_{u}" for s, n in ((2, 3), (3, 4), (4, 6), (5, 3)) for u in range(1, n + 1)]

    assert panels(resnet50) == ["SE_2_3", "SE_3_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_5_3"]
    assert panels(["SE_2_1", "SE_3_1", "SE_4_1"]) == ["SE_2_1", "SE_3_1", "SE_4_1"]
    assert panels(["SE_4_1"]) == ["SE_4_1"]
    assert len(panels([f"block {i}" for i in range(40)])) == 6


def test_fifty_channels_are_sampled_evenly(tmp_path):
    """Fifty of 64, the first and the last among them; all of fewer."""
    atlas = atlas_of(tmp_path)
    frame = class_means(atlas)
    part = frame[(frame["block"] == "SE_4_3") & (frame["class_name"] == ALL)]

    assert (len(part), part["channel"].min(), part["channel"].max()) == (50, 0, 63)
    assert part["channel"].is_unique
    assert evenly([0, 1, 2], 50) == [0, 1, 2]
    assert {"goldfish", "plane"} == set(image_spread(atlas)["class_name"])


def test_numbers_by_block_are_those_of_the_images(tmp_path):
    """Specificity is the between-class share of the variance, by numpy from all images; shares are exact counts."""
    rng = np.random.default_rng(1)
    gates = rng.uniform(0, 1, (2, 30, 8)) * 0.9 + np.array([0, 0.1])[:, None, None]
    line = atlas_of(tmp_path, made_up(gates=gates, channels=8, blocks=("SE_2_1",))).blocks.iloc[0]
    between = gates.mean(axis=1).var(axis=0)

    assert line["specificity"] == pytest.approx((between / gates.reshape(60, 8).var(axis=0)).mean(), abs=1e-5)
    assert line["by_chance"] == pytest.approx(1 / 59, abs=1e-5)
    assert line["share_low"] == pytest.approx((gates < 0.05).mean(), abs=1e-5)
    assert line["share_high"] == pytest.approx((gates >= 0.95).mean(), abs=1e-5)
    assert line["deviation"] == pytest.approx(gates.std(), abs=1e-5)


def test_one_image_a_class_has_no_specificity(tmp_path):
    """Between-class and total variance are then the same by construction; it is not measured, and figures say so."""
    atlas = atlas_of(tmp_path, made_up(images=1))
    (path,) = (p for p in write_atlas_figures(atlas, tmp_path, ["depth"]) if p.suffix == ".svg")

    assert atlas.blocks["specificity"].isna().all()
    assert "not measured: one image a class" in path.read_text()
    assert {None} == {s.holds for s in statements(atlas) if "class-specific" in s.says}


def test_statements_are_looked_at_where_the_paper_does(tmp_path):
    """SE_2_2 for its SE_2_3, SE_3_1 and SE_4_1 for SE_4_6 and SE_5_1, SE_4_2 for SE_5_2; with number and threshold."""
    found = statements(atlas_of(tmp_path))

    assert [s.blocks for s in found] == [
        "SE_2_2",
        "SE_3_1 SE_4_1 against SE_2_2",
        "SE_4_2",
        "SE_4_3",
        "SE_4_3",
        "SE_4_3",
    ]
    assert [s.holds for s in found[:3]] == [True, True, False]
    assert all(f"holds if {s.threshold}" in s.line() for s in found)


def test_no_bar_of_a_histogram_is_cut_off(tmp_path, monkeypatch):
    """Every panel reaches above the tallest bar of its row, whichever class has it."""
    limits = []
    monkeypatch.setattr("senet_lab.report.picture.save", lambda figure, *rest: limits.append(figure.axes) or [])
    atlas = atlas_of(tmp_path)
    write_atlas_figures(atlas, tmp_path, ["histograms"])
    frame = class_histograms(atlas)
    tallest = frame.groupby("block", sort=False)["share"].max().tolist()

    assert [ax.get_ylim()[1] > 100 * tallest[i // 5] for i, ax in enumerate(limits[0])] == [True] * 25


def test_a_damaged_capture_is_named(tmp_path):
    """A missing file, a card that is none, an archive that is none: one line each."""
    folder = write_atlas(tmp_path, "sample", made_up(), CLASSES[:4])
    (folder / "blocks.csv").unlink()
    with pytest.raises(StudyError, match=r"blocks\.csv is missing"):
        load_atlas(folder)
    (folder / "card.json").write_text("{")
    with pytest.raises(StudyError, match=r"card\.json, line 1: .*; make it again"):
        load_atlas(folder)
    (tmp_path / "x.npz").write_bytes(b"no archive")
    with pytest.raises(StudyError, match="holds no excitations"):
        load(tmp_path / "x.npz")


def test_a_mistyped_figure_is_named():
    """The nearest name; the paper's numbers are names too."""
    assert figure_names(["figure5"]) == ["activations"]
    with pytest.raises(StudyError, match="nearest is 'histograms'"):
        figure_names(["histogram"])


def test_comparisons_need_two_rows(tmp_path):
    """Curves of the plain network and SE, and cost, of both rows; nothing of one row alone."""
    filled(tmp_path / "one", finished(PLAIN), curves=True)
    filled(tmp_path / "two", finished(PLAIN, 0, 210), finished(SE), finished(SE, 1, 210), curves=True)
    found = []
    for name in ("one", "two"):
        (view,) = measured_views(TABLE, [load_records(tmp_path / name, "committed")])
        found.append({path.stem for path in write_comparison(TABLE, view, tmp_path / name, ["curves", "cost"])})

    assert found == [set(), {"cvpr2018-table99-sample-plain-se", "cvpr2018-table99-sample-cost"}]


def test_a_report_warns_of_constant_gates(tmp_path):
    """Where a block was constant over the images after the last epoch, the notes name row, seed and block."""
    store = filled(tmp_path, finished(PLAIN), finished(SE))
    bad = GateHealth(epoch=2, block="SE_4_1", mean=0.5, spread=0.0, share_low=0.0, share_high=0.0)
    replace_file(gates_path(finished(SE).run, store), gates_csv([bad]))
    (view,) = measured_views(TABLE, [load_records(tmp_path, "committed")])
    notes = [note for note in block_of(view).notes if note.startswith("Warning")]

    assert len(notes) == 1
    assert "SE, seed 0, the gates of SE_4_1 are constant" in notes[0]


@pytest.mark.parametrize("captures", [0, 1])
def test_the_notebook_runs(tmp_path, monkeypatch, capsys, captures):
    """Its cells, one after another, on a capture and on none; nothing it printed is stored in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "MPLBACKEND", "Agg")
    (tmp_path / "results").mkdir()
    for index in range(captures):
        write_atlas(tmp_path / "results", f"sample-{index}", made_up(), CLASSES[:4])
    cells = json.loads((ROOT / "notebooks" / "excitations.ipynb").read_text())["cells"]
    namespace: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), namespace)
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    printed = capsys.readouterr().out

    assert ("holds here" in printed) == bool(captures)
    assert ("there is no capture yet" in printed) == (not captures)
