"""Captures from their files alone: chosen blocks, numbers by block, statements, and what is wrong with a file."""

from dataclasses import replace

import numpy as np
import pytest

from senet_lab.errors import StudyError
from senet_lab.excitations.chosen_blocks import ChosenBlocks, choose_blocks, evenly, panels
from senet_lab.excitations.files import block_numbers, write_capture
from senet_lab.excitations.frames import class_means, image_spread, load_capture
from senet_lab.excitations.statements import BlockNumbers, statements, text_of
from senet_lab.excitations.statistics import ALL
from senet_lab.records.files import replace_file
from senet_lab.records.gate_health import GateHealth, gates_csv, gates_path
from senet_lab.report.load import load as load_records
from senet_lab.report.views import measured_views
from senet_lab.study.se import Gate
from tests.excitations.made_up import CLASSES, captured_of, made_up
from tests.samples import PLAIN, SE, TABLE, block_of, filled, finished, one_line

RESNET50 = [f"SE_{s}_{u}" for s, n in ((2, 3), (3, 4), (4, 6), (5, 3)) for u in range(1, n + 1)]


def test_panels_are_the_papers():
    """The last block of each stage and all of the last stage: six of ResNet-50, and six wherever there are as many."""
    three_stages = [f"SE_{s}_{u}" for s in (2, 3, 4) for u in (1, 2, 3)]
    many_stages = [f"SE_{s}_{u}" for s in range(1, 9) for u in (1, 2, 3, 4)]

    assert panels(RESNET50) == ["SE_2_3", "SE_3_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_5_3"]
    assert panels(["SE_2_1", "SE_3_1", "SE_4_1"]) == ["SE_2_1", "SE_3_1", "SE_4_1"]
    assert panels(["SE_4_1"]) == ["SE_4_1"]
    assert panels(three_stages) == ["SE_2_1", "SE_2_3", "SE_3_3", "SE_4_1", "SE_4_2", "SE_4_3"]
    assert panels(many_stages) == ["SE_1_4", "SE_4_4", "SE_7_4", "SE_8_1", "SE_8_3", "SE_8_4"]
    assert len(panels([f"block {i}" for i in range(40)])) == 6


def test_the_chosen_blocks_are_the_papers():
    """Its own blocks in ResNet-50; the first and the last ones where there are no stages."""
    assert choose_blocks(RESNET50) == ChosenBlocks(("SE_2_3",), ("SE_4_6", "SE_5_1"), ("SE_5_2",), ("SE_5_3",))
    assert choose_blocks(["a", "b", "c", "d"]) == ChosenBlocks(("a",), ("c",), ("c",), ("d",))
    assert choose_blocks(["SE_2_1", "SE_3_1"]) == ChosenBlocks(("SE_2_1",), ("SE_3_1",), ("SE_3_1",), ("SE_3_1",))


def test_fifty_channels_are_sampled_evenly(tmp_path):
    """Fifty of 64, the first and the last among them; all of fewer."""
    captured = captured_of(tmp_path)
    frame = class_means(captured)
    part = frame[(frame["block"] == "SE_4_3") & (frame["class_name"] == ALL)]

    assert (len(part), part["channel"].min(), part["channel"].max()) == (50, 0, 63)
    assert part["channel"].is_unique
    assert evenly([0, 1, 2], 50) == [0, 1, 2]
    assert {"goldfish", "plane"} == set(image_spread(captured)["class_name"])


def test_numbers_by_block_are_those_of_the_images(tmp_path):
    """Specificity is the between-class share of the variance, by numpy from all images; shares are exact counts."""
    rng = np.random.default_rng(1)
    gates = rng.uniform(0, 1, (2, 30, 8)) * 0.9 + np.array([0, 0.1])[:, None, None]
    line = captured_of(tmp_path, made_up(gates=gates, channels=8, blocks=("SE_2_1",))).blocks.iloc[0]
    between = gates.mean(axis=1).var(axis=0)

    assert line["specificity"] == pytest.approx((between / gates.reshape(60, 8).var(axis=0)).mean(), abs=1e-5)
    assert line["by_chance"] == pytest.approx(1 / 59, abs=1e-5)
    assert line["share_low"] == pytest.approx((gates < 0.05).mean(), abs=1e-5)
    assert line["share_high"] == pytest.approx((gates >= 0.95).mean(), abs=1e-5)
    assert line["deviation"] == pytest.approx(gates.std(), abs=1e-5)


def test_statements_are_looked_at_where_the_paper_does(tmp_path):
    """SE_2_2 for its SE_2_3, SE_3_1 and SE_4_1 for SE_4_6 and SE_5_1, SE_4_2 for SE_5_2; with number and threshold."""
    found = statements(captured_of(tmp_path))

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


@pytest.mark.parametrize(
    ("file", "spoil", "said"),
    [
        ("means.csv", lambda text: text.replace("goldfish", "koi"), "means.csv has no lines, or no column 'goldfish'"),
        (
            "blocks.csv",
            lambda text: text.replace("0.", "zero."),
            "blocks.csv, line 2, mean",
        ),
        ("histograms.csv", lambda text: text.splitlines()[0], "histograms.csv has no lines"),
        ("deviations.csv", lambda text: "", "deviations.csv: its columns are not"),
        (
            "card.json",
            lambda text: text.replace('"sample"', '"../sample"'),
            "'../sample' is no name",
        ),
        ("card.json", lambda text: "[]", "holds no JSON object"),
    ],
)
def test_what_a_capture_lacks_is_named(tmp_path, file, spoil, said):
    """The file, and what of it is wrong; a name that leads elsewhere is refused."""
    folder = write_capture(tmp_path, "sample", made_up(), CLASSES[:4])
    (folder / file).write_text(spoil((folder / file).read_text()))
    with pytest.raises(StudyError) as refused:
        load_capture(folder)

    assert said in one_line(str(refused.value))


def test_specificity_beyond_chance_tells_blocks_apart_with_few_images(tmp_path):
    """Classes that do not matter early and do later: the ratio is large though chance alone explains half of both."""
    rng = np.random.default_rng(3)
    early, later = (
        rng.normal(0.5, 0.05, (100, 2, 64)),
        rng.normal(0.5, 0.02, (100, 2, 64)) + rng.normal(0, 0.05, (100, 1, 64)),
    )
    gates = np.clip(np.concatenate([early, later], axis=-1), 0, 1)
    names = [f"class {k}" for k in range(100)]
    found = replace(made_up(gates=gates, channels=64, blocks=("SE_2_1", "SE_3_1")), class_names=tuple(names))
    captured = load_capture(write_capture(tmp_path, "sample", found, names[:4]))
    statement = next(s for s in statements(captured) if "class-specific" in s.says)

    assert captured.blocks["specificity"].iloc[0] == pytest.approx(captured.blocks["by_chance"].iloc[0], abs=0.03)
    assert statement.holds
    assert statement.value > 5


def test_a_damaged_capture_is_named(tmp_path):
    """A missing file, a card that is none: one line each."""
    folder = write_capture(tmp_path, "sample", made_up(), CLASSES[:4])
    (folder / "blocks.csv").unlink()
    with pytest.raises(StudyError, match=r"blocks\.csv is missing"):
        load_capture(folder)
    (folder / "card.json").write_text("{")
    with pytest.raises(StudyError, match=r"card\.json, line 1: .*; make it again"):
        load_capture(folder)


def test_a_report_warns_of_constant_gates(tmp_path):
    """Where a block was constant over the images after the last epoch, the notes name row, seed and block."""
    store = filled(tmp_path, finished(PLAIN), finished(SE))
    bad = GateHealth(epoch=2, block="SE_4_1", mean=0.5, spread=0.0, share_low=0.0, share_high=0.0)
    replace_file(gates_path(finished(SE).run, store), gates_csv([bad]))
    (view,) = measured_views(TABLE, [load_records(tmp_path, "results")])
    notes = [note for note in block_of(view).notes if note.startswith("Warning")]

    assert len(notes) == 1
    assert "SE, seed 0, the gates of SE_4_1 are constant" in notes[0]


def test_a_block_that_never_varies_counts_as_one_without_a_share(tmp_path):
    """Beside one that does, it halves what the later blocks say."""
    captured = captured_of(tmp_path)
    later = next(s for s in statements(captured) if "class-specific" in s.says).blocks.partition(" against")[0].split()
    numbers = BlockNumbers(captured.blocks.set_index("block"))
    whole = [numbers.specificity([name]) for name in later]
    dead = captured.blocks.set_index("block")
    dead.loc[later[0], ["specificity", "share_constant"]] = [float("nan"), 1.0]

    assert len(later) > 1
    assert numbers.specificity(later) == pytest.approx(sum(whole) / len(whole))
    assert BlockNumbers(dead).specificity(later) == pytest.approx(sum(whole[1:]) / len(whole))


@pytest.mark.parametrize("gate", [Gate.RELU, Gate.TANH, Gate.DOUBLE_SIGMOID])
def test_what_is_said_of_sigmoid_gates_is_judged_for_them_alone(tmp_path, gate):
    """Numbers in the gate's own units have no threshold elsewhere; ratios and correlations have."""
    captured = captured_of(tmp_path)
    other = replace(captured, card=replace(captured.card, gate=gate))
    judged = [one.says for one in statements(other) if one.holds is not None]

    assert None not in {one.holds for one in statements(captured)}
    assert judged == ["later: channels are class-specific", "last block: one pattern for all classes but for its scale"]
    assert "not judged" in text_of(other, statements(other))
    assert "Not judged" not in text_of(captured, statements(captured))


def test_all_classes_are_all_images_in_every_file(tmp_path):
    """With five images of one class and one of another, means, histograms and numbers of blocks agree."""
    found = made_up()
    counts = np.array([5, 1, 1, 1, 1])
    uneven = replace(found, count_K=counts)

    assert uneven.overall_mean_M() == pytest.approx((found.mean_KM * counts[:, None]).sum(axis=0) / 9)
    line = block_numbers(*next(iter(uneven.blocks())))
    assert line["mean"] == pytest.approx(float(uneven.overall_mean_M()[: line["channels"]].mean()))
