"""Charts of captures: with classes to choose, with all classes together only, and of damaged files."""

import json
from dataclasses import replace

import pytest

from senet_lab.errors import StudyError
from senet_lab.excitations.card import card_from
from senet_lab.excitations.files import write_capture
from senet_lab.html.gates import captures
from tests.excitations.made_up import CLASSES, made_up


def heading(card):
    """As the command gives it."""
    return card_from(card).heading


def write(root, found, chosen=CLASSES[:4]):
    return write_capture(root, "sample", found, chosen)


def choices(spec):
    """The names to choose from, by parameter."""
    return {one["name"]: one["bind"]["options"] for one in spec["params"]}


def test_block_and_class_are_chosen(tmp_path):
    """In both charts; "all classes" stands behind the chosen one."""
    write(tmp_path, made_up(channels=4, blocks=("SE_2_1", "SE_3_1")))
    (one,) = captures(tmp_path, heading)

    for spec in (one.means, one.spread):
        assert {"block": ["SE_2_1", "SE_3_1"], "picked": list(CLASSES)} == choices(spec)
        assert len(spec["layer"]) == 2
    assert one.by_class
    assert [line[0] for line in one.lines] == ["SE_2_1", "SE_3_1"]


def test_a_capture_of_all_classes_together_has_no_class_to_choose(tmp_path):
    """As captures of more than 20 classes are, where none is named."""
    write(tmp_path, replace(made_up(channels=4, blocks=("SE_2_1",)), own_rows=()), chosen=())
    (one,) = captures(tmp_path, heading)

    for spec in (one.means, one.spread):
        assert choices(spec) == {"block": ["SE_2_1"]}
        assert "picked" not in json.dumps(spec)
    assert not one.by_class


def test_captures_of_different_files_of_weights_have_different_titles(tmp_path):
    """A title says where weights are from if no recorded run has them, and nothing of a seed that is not known."""
    found = made_up(channels=4, blocks=("SE_2_1",))
    origin = replace(found.origin, seed=None, protocol="unknown", weights="file", weights_from="w.pth (sha256 abc)")
    write(tmp_path, replace(found, origin=origin))
    (one,) = captures(tmp_path, heading)

    assert one.title.startswith("resnet50, SE r=16; w.pth (sha256 abc); revision 0123456789; a data set, test split: ")
    assert "None" not in one.title


@pytest.mark.parametrize(
    ("file", "spoil", "said"),
    [
        ("means.csv", lambda text: text.splitlines()[0] + "\n", "means.csv has no lines"),
        ("histograms.csv", lambda text: "", "histograms.csv: its columns are not"),
        ("histograms.csv", lambda text: text.replace("all classes", "some"), "no column 'all classes'"),
        ("means.csv", lambda text: text.replace("SE_2_1,0,0", "SE_2_1,0,zero"), "means.csv, line 2, goldfish"),
        ("blocks.csv", lambda text: text.splitlines()[0] + "\n", "blocks.csv has no lines"),
        ("card.json", lambda text: "{}", "card.json is no card of a capture"),
        ("means.csv", None, "means.csv is missing"),
    ],
)
def test_a_damaged_capture_is_one_line(tmp_path, file, spoil, said):
    """The file, what is wrong with it, and how to mend it."""
    path = write(tmp_path, made_up(channels=4, blocks=("SE_2_1",))) / file
    path.write_text(spoil(path.read_text())) if spoil else path.unlink()
    with pytest.raises(StudyError, match=f"{said}.*; restore it from git"):
        captures(tmp_path, heading)
