"""A look at a network that cannot take the images that were named."""

import pytest
from safetensors.torch import save_file

from senet_lab.errors import StudyError
from senet_lab.excitations.labelled_images import WNIDS, Labelled, class_indices, open_labelled
from senet_lab.excitations.look import look_at, usual_classes
from senet_lab.excitations.networks_of_others import from_file
from senet_lab.excitations.statistics import Origin
from senet_lab.excitations.trained_network import TrainedNetwork
from senet_lab.models.registry import build_model
from senet_lab.study import SESpec
from tests.data.pictures import class_folders, photo


def test_photos_for_a_network_of_small_images_are_refused(tmp_path):
    """In one line with the folder and the network; nothing is written."""
    words = dict.fromkeys(("network", "weights", "protocol", "dataset", "split", "revision"), "none")
    origin = Origin(**words, seed=0, synthetic=False)
    model = build_model("cifar_resnet11_bottleneck", SESpec(), num_classes=3)
    folder = class_folders(tmp_path / "photos")
    with pytest.raises(StudyError) as caught:
        look_at(TrainedNetwork("mine", model, origin), tmp_path / "results", str(folder), [], "cpu")

    assert str(caught.value).startswith(f"{folder} cannot be shown to mine: this network is for 32 x 32 images, not ")
    assert not list((tmp_path / "results").rglob("*.*"))


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
    found = [open_labelled(str(folder), None, 0) for folder in folders]
    weights = tmp_path / "se.safetensors"
    save_file(build_model("resnet50", SESpec(), num_classes=7).state_dict(), weights)
    names = [from_file(weights, network).name for network in ("resnet50", "resnet50:gate=tanh")]

    assert found[0].image_counts == found[1].image_counts
    assert found[0].digest != found[1].digest
    assert names[0].startswith("file-resnet50-se-")
    assert names[1].startswith("file-resnet50-gate-tanh-se-")
