"""A look at a network that cannot take the images that were named."""

import pytest

from senet_lab.errors import StudyError
from senet_lab.excitations.look import look_at
from senet_lab.excitations.statistics import Origin
from senet_lab.excitations.trained_network import TrainedNetwork
from senet_lab.models.registry import build_model
from senet_lab.study import SESpec
from tests.data.pictures import class_folders


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
