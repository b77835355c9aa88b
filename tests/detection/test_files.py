"""Files of annotations: what is read of them, and each thing that can be wrong with them in one line."""

import json
import os
from dataclasses import replace

import pytest
import torch

from ablations.protocols import COCO_2014, COCO_MINIVAL, COCO_SHORT
from senet_lab.data.coco import read_boxes
from senet_lab.data.coco_sets import open_boxes, own_boxes
from senet_lab.data.open import open_coco
from senet_lab.errors import StudyError
from tests.detection.boxes import annotations_file, coco_folder, read_annotations, write_annotations


@pytest.fixture
def folder(tmp_path):
    return coco_folder(tmp_path / "boxes", train=4, test=2)


def first(content, name):
    """The entry of a list that the tests change."""
    return content[name][0]


BROKEN = {
    "image of another number": (lambda c: first(c, "annotations").update(image_id=99), "annotation 1 is of photo 99"),
    "category": (lambda c: first(c, "annotations").update(category_id=91), "annotation 1 is of category 91"),
    "a list for a photo": (lambda c: first(c, "annotations").update(image_id=[1]), "annotation 1 has image_id [1]"),
    "a list for a category": (lambda c: first(c, "annotations").update(category_id=[3]), "has category_id [3]"),
    "a hash for a number": (lambda c: first(c, "images").update(id=2**64), "has id 18446744073709551616"),
    "400 digits": (lambda c: first(c, "annotations").update(bbox=[1, 2, 10**400, 4]), "annotation 1 has the bbox"),
    "a zero byte": (lambda c: first(c, "images").update(file_name="3\0.png"), "which is no name of a file"),
    "three numbers": (lambda c: first(c, "annotations").update(bbox=[1, 2, 3]), "annotation 1 has the bbox [1, 2, 3]"),
    "negative": (lambda c: first(c, "annotations").update(bbox=[1, 2, -3, 4]), "which is not left, top, width, height"),
    "no number": (lambda c: first(c, "annotations").update(bbox=[1, 2, None, 4]), "has the bbox [1, 2, None, 4]"),
    "no area": (lambda c: first(c, "annotations").update(bbox=[1, 2, 0, 4]), "annotation 1 has a box of no area"),
    "crowd": (lambda c: first(c, "annotations").update(iscrowd=2), "annotation 1 has iscrowd 2; it must be 0 or 1"),
    "area": (lambda c: first(c, "annotations").update(area=-1), "annotation 1 has the area -1"),
    "twice": (lambda c: c["images"].append(dict(c["images"][0])), "photo 13 (3.png) is there twice"),
    "elsewhere": (lambda c: first(c, "images").update(file_name="../x.png"), "photo 13 has file_name '../x.png'"),
    "no size": (lambda c: first(c, "images").update(width=0), "photo 13 is 0 x 48 pixels"),
    "no id": (lambda c: first(c, "images").pop("id"), "photo 1 of its list has id None"),
    "same category": (lambda c: first(c, "categories").update(id=3), "category 3 is there twice"),
    "no list": (lambda c: c.pop("categories"), "it has no list of categories"),
    "no photo": (lambda c: c.update(images=[]), "its list of images is empty"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line_that_names_the_entry(folder, name):
    """The file, what is wrong where, and what to do."""
    change, said = BROKEN[name]
    content = read_annotations(folder, "train")
    change(content)
    write_annotations(folder, "train", content)
    with pytest.raises(StudyError) as found:
        own_boxes(COCO_SHORT, folder)

    text = str(found.value)
    assert text.startswith(f"{annotations_file(folder, 'train')}: ")
    assert said in text
    assert text.endswith("; mend or restore that file")
    assert "\n" not in text


def test_text_that_is_no_json_is_named_with_its_line(folder):
    """Line 2 of it."""
    annotations_file(folder, "val").write_text('{"images": [],\n oops')
    with pytest.raises(StudyError, match="line 2: "):
        own_boxes(COCO_SHORT, folder)


def test_a_missing_photo_is_named(folder):
    """With the file that lists it."""
    (folder / "val" / "1.png").unlink()
    with pytest.raises(StudyError, match=r"val/1\.png, a photo of .*instances_val\.json, cannot be read"):
        own_boxes(COCO_SHORT, folder)


def test_a_folder_of_another_form_is_one_line(folder, tmp_path):
    """No folder, no annotations, two training splits, other categories, nothing to find."""
    for place, said in ((tmp_path / "none", "is no folder"), (tmp_path, "has no file annotations/instances_train")):
        with pytest.raises(StudyError, match=said):
            own_boxes(COCO_SHORT, place)
    content = read_annotations(folder, "val")
    write_annotations(folder, "train2", content)
    with pytest.raises(StudyError, match="has 2 files"):
        own_boxes(COCO_SHORT, folder)
    annotations_file(folder, "train2").unlink()
    content["categories"][0]["name"] = "cat"
    write_annotations(folder, "val", content)
    with pytest.raises(StudyError, match="is not the same in"):
        own_boxes(COCO_SHORT, folder)
    content = read_annotations(folder, "train")
    content["annotations"] = [box for box in content["annotations"] if box["iscrowd"]]
    write_annotations(folder, "train", content)
    write_annotations(folder, "val", read_annotations(folder, "val") | {"categories": content["categories"]})
    with pytest.raises(StudyError, match="has a box, crowds left out"):
        own_boxes(COCO_SHORT, folder)


def test_cocos_own_boxes_without_an_area_are_left_out(folder):
    """COCO has a few; they are read and not trained on, as crowds are not."""
    content = read_annotations(folder, "train")
    content["annotations"][0]["bbox"][2] = 0
    write_annotations(folder, "train", content)
    found = read_boxes(annotations_file(folder, "train"), folder / "train", empty_boxes=True)

    assert len(found.boxes) - found.trained.sum() == 2
    assert found.numbers.tolist() == [10, 11, 12, 13]
    assert found.corners(0)[1].tolist() == [2]
    assert [len(found.corners(photo)[1]) for photo in range(4)] == [1, 2, 2, 0]


def test_the_protocol_is_named_after_the_folder_and_holds_its_digest(folder):
    """A whole pass is an epoch; another box is another protocol; the recipe's own data are said to be replaced."""
    made = own_boxes(replace(COCO_2014, batch_size=2), folder)
    content = read_annotations(folder, "val")
    content["annotations"][0]["bbox"][0] += 1
    write_annotations(folder, "val", content)
    other = own_boxes(replace(COCO_2014, batch_size=2), folder)

    assert (made.name, made.data_name, made.num_classes) == ("boxes-by-coco-2014", "folder boxes", 2)
    assert (made.train_images, made.test_images, made.steps_per_epoch) == (4, 2, 2)
    assert (made.detection.train, made.detection.test, made.detection.epoch_steps) == ("train", "val", 0)
    assert made.departures[0].startswith("data: photos of the folder boxes in place of coco")
    assert made != other
    assert open_boxes(other, folder)["train"].root == folder / "train"
    with pytest.raises(StudyError, match="has other files than those"):
        open_boxes(made, folder)


def test_a_batch_larger_than_the_photos_is_refused(folder):
    """Naming what there is."""
    with pytest.raises(StudyError, match=r"2 categories, 4 training and 2 evaluation photos: .* cannot be trained"):
        own_boxes(COCO_2014, folder)


def test_coco_that_is_missing_or_not_whole_is_one_line(folder, tmp_path, monkeypatch):
    """It says where it belongs, and that a part of it trains under a name of its own."""
    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path))
    with pytest.raises(StudyError, match=r"coco/annotations/instances_train2014\.json is missing: put"):
        open_boxes(COCO_2014)
    (tmp_path / "coco" / "annotations").mkdir(parents=True)
    for split, name in (("train", "train2014"), ("val", "val2014")):
        (folder / split).rename(tmp_path / "coco" / name)
        text = json.dumps(read_annotations(folder, split))
        (tmp_path / "coco" / "annotations" / f"instances_{name}.json").write_text(text)
    with pytest.raises(StudyError, match=r"has 4 photos of 2 categories; coco-2014 says 82,783 of 80: complete it"):
        open_boxes(COCO_2014)


def test_departures_of_the_data_go_with_the_data(folder):
    """An epoch on boxes of one's own is a pass over them; the paper's data and its epochs are no departure of that."""
    recipe = replace(COCO_SHORT, departures=COCO_MINIVAL.departures)
    found = own_boxes(recipe, folder).departures

    assert any("an epoch is 7,200 steps" in text for text in COCO_MINIVAL.departures)
    assert not any("7,200 steps" in text for text in found)
    assert sum("each epoch a pass over them" in text for text in found) == 1


def test_an_evaluation_photo_that_cannot_be_shown_is_found_before_training(folder):
    """Cut off, or of another size than its entry says: to mend it later would make another data set."""
    protocol = own_boxes(COCO_SHORT, folder)
    open_boxes(protocol, folder)
    photo = sorted((folder / "val").iterdir())[0]
    whole = photo.read_bytes()
    photo.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    with pytest.raises(StudyError, match=r"before training: .* is damaged .*; copy it again"):
        open_boxes(protocol, folder)
    photo.write_bytes(whole)
    content = read_annotations(folder, "val")
    sizes = [content["images"][0][name] for name in ("height", "width")]
    content["images"][0].update(dict(zip(("width", "height"), sizes, strict=True)))
    write_annotations(folder, "val", content)
    with pytest.raises(
        StudyError, match=r"instances_val\.json: .* pixels there, and .* mend one of them before training"
    ):
        open_boxes(own_boxes(COCO_SHORT, folder), folder)


def test_a_box_that_has_no_width_in_single_precision_is_not_trained_on(folder):
    """A millionth of a pixel at the right edge: training would end at it."""
    content = read_annotations(folder, "train")
    entry = next(one for one in content["annotations"] if one["image_id"] == 10)
    before = read_boxes(annotations_file(folder, "train"), folder / "train").corners(0)[0]
    entry["bbox"] = [64 - 1e-6, 1, 1e-6, 5]
    write_annotations(folder, "train", content)
    boxes = read_boxes(annotations_file(folder, "train"), folder / "train")
    corners, labels = boxes.corners(0)

    assert len(corners) == len(labels) == len(before) - 1
    assert (corners[:, 2:] > corners[:, :2]).all()


@pytest.mark.parametrize(("photos", "ramp"), [(40, 30), (300, 225), (1_000, 500)])
def test_the_ramp_does_not_shrink_with_the_photos(folder, photos, ramp):
    """It is of 500 steps, or of a quarter of a short run: one of a step would not keep a drawn trunk from diverging."""
    content = read_annotations(folder, "train")
    image = content["images"][0]
    for extra in range(photos - len(content["images"])):
        name = f"more-{extra}.png"
        os.link(folder / "train" / image["file_name"], folder / "train" / name)
        content["images"].append({**image, "id": 1_000 + extra, "file_name": name})
    write_annotations(folder, "train", content)
    found = own_boxes(COCO_SHORT, folder)

    assert (found.train_images, found.schedule.warmup_steps) == (photos, ramp)
    said = f"the ramp of the rate takes {ramp} steps, a quarter of the run, in place of 500"
    assert (said in found.departures) == (ramp < 500)
    assert found.version == COCO_SHORT.version + 1


def test_a_mirrored_box_that_fp32_rounds_to_none_is_left_out(folder):
    """Far to the right a box of a millionth of a pixel has no width; torchvision would end the training over it."""
    content = read_annotations(folder, "train")
    first(content, "annotations").update(bbox=[0.5, 10, 1e-6, 10], image_id=11)
    write_annotations(folder, "train", content)
    recipe = own_boxes(
        replace(COCO_SHORT, batch_size=1, detection=replace(COCO_SHORT.detection, images_together=1)), folder
    )
    data = open_coco(recipe, torch.device("cpu"), folder=folder, loaders=0)
    found = [
        boxes
        for epoch in range(6)
        for step in data.training_batches(0, epoch)
        for chunk in step
        for photo, boxes in zip(chunk.photos, chunk.boxes, strict=True)
        if data.photos["train"].path(photo).endswith("/1.png")
    ]

    assert {len(boxes) for boxes in found} == {2, 3}  # mirrored and not
    assert all((boxes[:, 2:] > boxes[:, :2]).all() for boxes in found)
