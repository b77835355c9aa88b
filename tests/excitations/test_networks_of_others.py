"""Networks of timm and torchvision: their blocks' names, and how they are shown images."""

import pytest
import torch

from senet_lab.evaluation import networks
from senet_lab.excitations.networks_of_others import from_file, from_library
from senet_lab.exporting.trained import open_trained
from senet_lab.models import registry
from senet_lab.models.gate_taps import gate_taps
from senet_lab.models.registry import build_model, usual_view
from senet_lab.study import SESpec
from senet_lab.study.released import View


@pytest.mark.parametrize("name", ["legacy_seresnet50", "seresnet50"])
def test_timms_blocks_have_the_papers_names(name):
    """layer1.2 is SE_2_3: sixteen blocks in forward order, as in our own network."""
    timm = pytest.importorskip("timm")
    ours = [tap.name for tap in gate_taps(build_model("resnet50", SESpec(), device="meta"))]
    with torch.device("meta"):
        theirs = timm.create_model(name)

    assert ours == [tap.name for tap in gate_taps(theirs)]
    assert (len(ours), ours[0], ours[2], ours[-1]) == (16, "SE_2_1", "SE_2_3", "SE_5_3")


def test_a_network_of_the_paper_is_shown_photos_in_one_way(tmp_path, monkeypatch):
    """With a file of weights, by evaluate, excitations and predict: 299 pixels of 352 where it is made for 299."""
    path = tmp_path / "net.pth"
    torch.save(build_model("shufflenet", SESpec()).state_dict(), path)
    assert usual_view("inception_resnet_v2") == View(size=299, resize=352)
    assert usual_view("shufflenet") == View(size=224, resize=256)
    assert usual_view("cifar_resnet20") is None
    monkeypatch.setattr(registry, "image_size", lambda name: 299)
    monkeypatch.setattr(networks, "_refuse_other_outputs", lambda *_: None)  # it would show 299 pixels to this one
    found = [
        networks.open_network("senet_lab:shufflenet", path).view,
        from_file(path, "shufflenet").view,
        open_trained(str(path), network="shufflenet").view,
    ]

    assert found == [View(size=299, resize=352)] * 3


def test_torchvisions_network_is_shown_images_as_torchvision_shows_them():
    """EfficientNet-B1 is evaluated at 240 of 255 pixels, bilinear, by its own preset."""
    subject = from_library("torchvision:efficientnet_b1", random_weights=True)

    assert subject.view == View(size=240, resize=255, interpolation="bilinear")
    assert len(gate_taps(subject.model)) == 23
