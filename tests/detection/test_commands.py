"""Tables of detectors through the commands: planned, trained, evaluated, reported, refused."""

import json
import os
from pathlib import Path

import pytest

from senet_lab.records.precision import boxes_from_bytes
from senet_lab.records.publish import read_file
from senet_lab.records.store import Store
from tests.detection.boxes import TABLE, coco_folder, read_annotations, write_annotations
from tests.samples import one_line


@pytest.fixture
def mine(tmp_path):
    """A table and its photos in the folder that commands run in."""
    (tmp_path / "mine.py").write_text(TABLE)
    return coco_folder(tmp_path / "boxes")


def test_both_tables_have_names(senet_lab):
    """``table6`` is the 2018 edition's and has the bare topic; each is planned under its own protocol."""
    _, out, _ = senet_lab("list")
    assert "table6, coco " in out
    assert "tpami-table7, tpami-coco " in out
    for name, protocol in (("table6", "coco-2014"), ("tpami-table7", "coco-minival")):
        planned = json.loads(senet_lab("plan", name, "--protocol", "paper", "--json")[1])
        assert [run["protocol"] for run in planned] == [protocol] * 4


def test_without_a_protocol_published_numbers_are_reported(senet_lab):
    """No detector is there for the synthetic images; the page has every printed AP and what the networks cost."""
    status, out, err = senet_lab("reproduce", "table6")

    assert status == 0
    assert "nothing is trained: table6 has detectors, protocol demo is for classifiers" in err
    for number in ("45.2", "25.1", "46.8", "26.4", "48.4", "27.2", "49.2", "27.9"):
        assert f" {number} " in out
    assert "published AP, %" in out
    assert "published AP@0.5, %" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["table6", "--protocol", "imagenet-100ep"],
            "table6 has detectors, protocol imagenet-100ep is for classifiers",
        ),
        (["table7", "--protocol", "coco-2014"], "table7 has classifiers, protocol coco-2014 is for detectors"),
        (["table6", "--data", "nowhere"], "nowhere is no folder; --data names one with annotations/"),
        (["table6", "--data", "boxes", "--protocol", "coco-2014"], "6 training and 4 evaluation photos: protocol"),
        (
            ["table7", "--trunks", "t.toml", "--protocol", "paper"],
            "table7 has no trunks; --trunks belongs to a table of",
        ),
        (["table6", "--trunks", "t.toml", "--protocol", "paper"], "t.toml cannot be read (No such file or directory)"),
    ],
)
def test_what_does_not_fit_is_one_line(senet_lab, mine, words, said):
    """Exit status 2, before anything is trained or written."""
    status, out, err = senet_lab("train", *words)

    assert (status, out) == (2, "")
    assert said in one_line(err)
    assert not Path("results").exists()


def test_a_broken_file_of_annotations_is_one_line(senet_lab, mine):
    """Exit status 2, with the annotation that is wrong."""
    content = read_annotations(mine, "train")
    content["annotations"][0]["category_id"] = 91
    write_annotations(mine, "train", content)
    status, _, err = senet_lab("train", "table6", "--data", "boxes")

    assert status == 2
    assert "boxes/annotations/instances_train.json: annotation 1 is of category 91" in one_line(err)


@pytest.mark.slow
def test_coco_and_trunks_that_are_missing_are_one_line(senet_lab, mine, monkeypatch, tmp_path):
    """COCO itself, and the recorded run that a trunk begins with: exit status 2, and what to do."""
    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path / "none"))
    status, _, err = senet_lab("train", "table6", "--protocol", "paper", "--row", "ResNet-50")
    assert status == 2
    assert "instances_train2014.json is missing: put annotations/" in err.splitlines()[-1]


@pytest.mark.slow
def test_a_table_of_detectors_is_trained_and_reported(senet_lab, mine):
    """Two rows by a worker each; the records, the boxes beside them, and a page with AP and its claim."""
    status, _, err = senet_lab("train", "mine.py", "--data", "boxes", "--protocol", "tiny-boxes-stage5")
    assert (status, err.count("recorded, AP ")) == (0, 2)
    store = Store(Path("results"))
    records = store.read_all()
    assert [record.precision is not None for record in records] == [True, True]
    assert all(len(boxes_from_bytes(read_file(store, r, "boxes"), "it")) == r.precision.boxes for r in records)
    _, out, _ = senet_lab("report", "mine.py")
    assert "measured validation AP, % (folder boxes)" in out
    assert "SE raises AP" in out
    status, out, err = senet_lab("verify", "mine.py", "--data", "boxes")
    assert (status, "equal" in out) == (0, True), out + err
    assert "nothing to train" in senet_lab("train", "mine.py", "--data", "boxes", "--protocol", "tiny-boxes-stage5")[2]


@pytest.mark.data
@pytest.mark.slow
def test_photos_of_coco_train_and_are_evaluated(senet_lab, tmp_path):
    """The real sample: 24 photos with crowds for training, 16 for the evaluation, 80 categories."""
    folder = Path(os.environ.get("SENET_LAB_DATA", "data")) / "coco-sample"
    if not folder.is_dir():
        pytest.skip("needs coco-sample/ below $SENET_LAB_DATA")
    (tmp_path / "mine.py").write_text(
        TABLE.replace("image_size=48", "image_size=96").replace("longest=64", "longest=160")
    )
    status, _, err = senet_lab("train", "mine.py", "--data", str(folder), "--protocol", "tiny-boxes-stage5")
    assert status == 0, err
    records = Store(Path("results")).read_all()
    assert {record.precision.photos for record in records} == {16}
    assert {record.run.cell.protocol.num_classes for record in records} == {80}
    assert {record.run.cell.protocol.name for record in records} == {"coco-sample-by-tiny-boxes-stage5"}
