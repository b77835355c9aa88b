"""A look at a network that cannot take the images that were named."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ablations.protocols import CIFAR10_QUICK, DEMO
from senet_lab.data import cifar as cifar_module
from senet_lab.data.imagenet_labels import wnids as imagenet_wnids
from senet_lab.data.open import open_arrays
from senet_lab.data.protocol_view import STATISTICS
from senet_lab.data.synthetic import synthetic
from senet_lab.errors import StudyError
from senet_lab.excitations import look
from senet_lab.excitations.class_names import WNIDS, readable_names
from senet_lab.excitations.labelled_images import Labelled, class_indices, of_protocol, open_labelled
from senet_lab.excitations.look import look_at, task_of, usual_classes
from senet_lab.excitations.networks_of_others import from_file
from senet_lab.excitations.statistics import Origin
from senet_lab.excitations.trained_network import TrainedNetwork
from senet_lab.models.registry import build_model
from senet_lab.models.sites import WrongImageSize
from senet_lab.search.space import held_out_protocol
from senet_lab.study import SESpec
from senet_lab.study.protocol import Dataset
from tests.data.pictures import class_folders, photo
from tests.excitations.made_up import ORIGIN


def test_photos_for_a_network_whose_view_is_not_known_are_refused(tmp_path):
    """It takes small images alone: one line with the folder and the network; nothing is written."""
    words = dict.fromkeys(("network", "weights", "protocol", "dataset", "split", "revision"), "none")
    origin = Origin(**words, seed=0, synthetic=False)
    model = build_model("cifar_resnet11_bottleneck", SESpec(), num_classes=3)
    folder = class_folders(tmp_path / "photos")
    with pytest.raises(StudyError) as caught:
        look_at(TrainedNetwork("mine", model, origin), tmp_path / "results", str(folder), [], "cpu")

    assert str(caught.value).startswith(f"{folder} cannot be shown to mine: this network is for 32 x 32 images, not ")
    assert not list((tmp_path / "results").rglob("*.*"))


@pytest.mark.parametrize("images", ["cifar100", "a folder"])
def test_images_of_another_kind_are_shown_as_in_the_networks_training(tmp_path, monkeypatch, images):
    """A network that CIFAR-10 trained sees CIFAR-100 and photos at 32 pixels, normalised by CIFAR-10's statistics."""
    mean, std = (torch.tensor(values)[:, None, None] for values in STATISTICS[Dataset.CIFAR10])
    few, folder, seen = synthetic(20, 8), class_folders(tmp_path / "photos"), []
    monkeypatch.setattr(cifar_module, "cifar", lambda dataset: few)

    def enough(model, batches, *_, **__):
        seen.extend(shown for shown, _ in batches)
        raise WrongImageSize("enough")

    monkeypatch.setattr(look, "capture_excitations", enough)
    subject = TrainedNetwork("mine", build_model("cifar_resnet11_bottleneck", SESpec()), ORIGIN, protocol=CIFAR10_QUICK)
    with pytest.raises(StudyError, match="enough"):
        look_at(subject, tmp_path / "results", images if images == "cifar100" else str(folder), [], "cpu")

    pixels = torch.cat(seen) * std + mean
    assert pixels.shape[1:] == (3, 32, 32)
    assert torch.allclose(pixels * 255, (pixels * 255).round(), atol=1e-3)
    if images == "cifar100":
        assert torch.allclose(pixels, torch.from_numpy(few.test.images).permute(0, 3, 1, 2) / 255, atol=1e-5)


def labelled(counts, names=("plane", "pug", "goldfish", "cliff", "fox")) -> Labelled:
    """Images that nobody looks at."""
    return Labelled("a folder", "", names, counts, False, names, None, "0123456789")


def test_classes_without_images_are_not_drawn():
    """A part of ImageNet lists all of its classes. The paper's four are shown where each has an image."""
    paper = tuple(WNIDS.values())
    every = labelled((1, 1, 1, 1, 9), (*paper, "fox"))
    lacking = labelled((1, 1, 0, 1, 9), (*paper, "fox"))

    assert usual_classes(every) == [0, 1, 2, 3]
    assert usual_classes(lacking) == [0, 1, 3, 4]
    assert usual_classes(labelled((0, 2, 0, 1, 0))) == [1, 3]
    with pytest.raises(StudyError, match="has no image of class 'pug'"):
        class_indices(labelled((1, 0, 1, 1, 1)), ["pug"])


def test_captures_of_other_images_and_of_other_gates_have_other_names(tmp_path):
    """Two folders with as many photos of as many classes; one file of weights read with two gates."""
    folders = [class_folders(tmp_path / name) for name in ("one", "other")]
    photo(next((folders[1] / "val" / "fox").iterdir()), 3, (50, 40))
    found = [open_labelled(str(folder)) for folder in folders]
    weights = tmp_path / "se.safetensors"
    save_file(build_model("resnet50", SESpec(), num_classes=7).state_dict(), weights)
    names = [from_file(weights, network).name for network in ("resnet50", "resnet50:gate=tanh")]

    assert found[0].image_counts == found[1].image_counts
    assert found[0].digest != found[1].digest
    assert names[0].startswith("file-resnet50-se-")
    assert names[1].startswith("file-resnet50-gate-tanh-se-")


def test_the_papers_classes_are_found_among_all_of_imagenets():
    """Two of the thousand are called plane, and some others share a name, too: those are called as their folders."""
    wnids = imagenet_wnids()
    names = readable_names(Path("nowhere"), wnids)
    all_of_them = Labelled("ImageNet", "validation", names, (50,) * 1000, False, wnids, None)

    assert len(set(names)) == 1000
    assert [names[k] for k in usual_classes(all_of_them)] == ["goldfish", "pug", "plane", "cliff"]
    assert [wnids[k] for k in class_indices(all_of_them, ["plane", "n03954731"])] == ["n02690373", "n03954731"]


@pytest.mark.parametrize(
    ("place", "aside", "images"),
    [
        ("val", "train", 6),
        ("validation", "training", 6),
        ("ILSVRC/Data/CLS-LOC/val", "ILSVRC/Data/CLS-LOC/train", 6),
        ("val/ILSVRC2012_img_val", "train", 6),
        ("test", "train", 6),
        ("training", None, 6),
        (".", None, 6),
    ],
)
def test_photos_are_found_where_training_finds_them(tmp_path, place, aside, images):
    """Validation photos before training photos, in every layout that a data set may have."""
    for label, name in enumerate(("cat", "dog", "fox")):
        for index in range(2):
            photo(tmp_path / place / name / f"{index}.{'gif' if index else 'jpg'}", index + 10 * label)
        if aside:
            photo(tmp_path / aside / name / "0.jpg")
    found = open_labelled(str(tmp_path))

    assert (found.class_names, found.images) == (("cat", "dog", "fox"), images)


@pytest.mark.parametrize("train", [True, False])
def test_a_flat_split_is_told_instead_of_showing_another(tmp_path, train):
    """As ImageNet's validation photos come: no training photos stand for them, and the split is no class."""
    photo(tmp_path / "val" / "ILSVRC2012_val_00000001.jpg")
    if train:
        photo(tmp_path / "train" / "cat" / "0.jpg")
    with pytest.raises(StudyError, match="val has 1 photos and no class folders: it is flat"):
        open_labelled(str(tmp_path))


def test_a_class_may_have_the_name_of_a_split_or_a_column(tmp_path):
    """A split holds folders, a class photos; a column's name gets a word before it."""
    for name in ("test", "train", "gate", "share"):
        photo(tmp_path / name / "0.jpg")

    assert open_labelled(str(tmp_path)).class_names == ("class gate", "class share", "test", "train")


def test_images_are_those_that_a_protocol_evaluates_on_normalised_as_in_training():
    """Of held-out training images as of others: statistics and images are the run's, not those of the whole set."""
    held_out = held_out_protocol(replace(DEMO, train_images=200, test_images=100))
    shown, arrays = of_protocol(held_out), open_arrays(held_out)
    _, labels = next(shown.batches(torch.device("cpu")))

    assert (shown.split, shown.images) == (held_out.evaluation_split, len(arrays.test.labels))
    assert shown.source.arrays.channel_mean == arrays.channel_mean
    assert labels.tolist() == arrays.test.labels.tolist()
    assert arrays.channel_mean != open_labelled("synthetic").source.arrays.channel_mean


def test_folders_whose_names_say_no_class_are_refused(tmp_path):
    """Places365 by its authors' lists has two folders that are no classes."""
    for name in ("data_256_standard", "val_256"):
        photo(tmp_path / name / "0.jpg")
    (tmp_path / "places365_val.txt").write_text("0.jpg 0\n")
    with pytest.raises(StudyError, match="lists, which alone say the classes; name places365_standard"):
        open_labelled(str(tmp_path))


def test_a_class_that_is_named_twice_is_shown_once(tmp_path):
    """By its name and by its folder."""
    subject = TrainedNetwork("mine", None, ORIGIN)
    found = replace(labelled((1,) * 5), folders=("n1", "n2", "n3", "n4", "n5"))

    assert list(task_of(subject, tmp_path, found, ["pug", "n2", "pug"]).shown) == [1]
