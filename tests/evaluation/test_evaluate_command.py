"""``senet-lab evaluate`` as a user types it."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch

from senet_lab.data.imagenet_labels import number_of
from senet_lab.evaluation.layouts import open_photos
from senet_lab.evaluation.networks import open_network
from senet_lab.evaluation.run import Options, evaluate
from senet_lab.report.released import as_data
from tests.evaluation import photos
from tests.samples import one_line

timm = pytest.importorskip("timm")
NETWORK = "timm:tf_mobilenetv3_small_minimal_100"  # the smallest that timm has with a crop of 224
BICUBIC = "timm:mobilenetv3_small_050.lamb_in1k"

IN_A_MOMENT = ("--view", "32/36")  # a crop that a network has soon seen


@pytest.fixture(autouse=True)
def decoded_here(monkeypatch):
    """Ten photos need no processes that decode them, which take longer to start than the photos."""
    monkeypatch.setattr("senet_lab.evaluation.run.cores", lambda: 0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights for NETWORK, wrapped as training scripts do."""
    torch.manual_seed(1)
    model = timm.create_model(NETWORK.partition(":")[2])
    path = tmp_path_factory.mktemp("weights") / "net.pth.tar"
    torch.save({"state_dict": {f"module.{name}": t for name, t in model.state_dict().items()}, "epoch": 3}, path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Ten photos in class folders."""
    return photos.class_folders(tmp_path_factory.mktemp("data"))


def test_a_network_by_name_with_a_file_of_weights(senet_lab, weights, data):
    """JSON has the counts, and says that these are not the whole set; a second call decodes nothing."""
    words = ["evaluate", NETWORK, "--weights", str(weights), "--data", str(data), "--subset", "--json"]
    status, out, err = senet_lab(*words)
    found = json.loads(out)

    assert status == 0
    assert found["images"] == 10
    assert 0 <= found["top1_correct"] <= found["top5_correct"] <= 10
    assert found["whole_validation_set"] is False
    assert "10 of 10 images" in err
    status, again, err = senet_lab(*words)
    assert json.loads(again) == found
    assert "of 10 images" not in err


@pytest.mark.slow
def test_excitations_come_from_the_same_pass(senet_lab, data, tmp_path):
    """As `senet-lab excitations` has them but for rounding; the record is that of an evaluation alone."""
    words = ["timm:tf_mobilenetv3_small_100", "--random-weights", "--data", str(data), "--results"]
    alone = senet_lab("evaluate", *words, str(tmp_path / "a"), "--subset")[0]
    both = senet_lab("evaluate", *words, str(tmp_path / "b"), "--subset", "--excitations")[0]
    again = senet_lab("evaluate", *words, str(tmp_path / "a"), "--subset", "--excitations")[0]
    looked = senet_lab("excitations", *words, str(tmp_path / "c"), "--figure", "depth")[0]
    means = {n: pd.read_csv(next((tmp_path / n).glob("excitations/demo/*/means.csv"))) for n in "abc"}
    hits = {n: next((tmp_path / n).glob("evaluations/**/*.json")).read_text() for n in "ab"}

    assert [alone, both, again, looked] == [0, 0, 0, 0]
    assert json.loads(hits["a"])["top1"] == json.loads(hits["b"])["top1"]
    assert means["a"].equals(means["b"])
    assert np.allclose(means["b"]["all classes"], means["c"]["all classes"], atol=2e-5)
    assert list((tmp_path / "a").glob("cache/evaluations/**/*.npz")) == []


@pytest.fixture(scope="module")
def evaluated(weights, data, tmp_path_factory):
    """The results of NETWORK on the photos in class folders, and what a command says of them as JSON."""
    root, photo_set = tmp_path_factory.mktemp("results"), open_photos(data, True)
    (found,) = evaluate([open_network(NETWORK, weights)], photo_set, root, Options(processes=0), lambda text: None)
    return root, as_data(found)


@pytest.mark.parametrize("layout", [photos.kaggle, photos.devkit, photos.tar, photos.shards])
def test_layouts_share_one_record(senet_lab, weights, evaluated, layout, tmp_path):
    """The same photos in another layout are the same evaluation: nothing is decoded again."""
    root, first = evaluated
    words = ["evaluate", NETWORK, "--weights", str(weights), "--subset", "--json", "--results", str(root)]
    status, out, err = senet_lab(*words, "--data", str(layout(tmp_path / "other")))

    assert (0, first) == (status, json.loads(out))
    assert "of 10 images" not in err


def test_another_view_keeps_the_interpolation(senet_lab, data):
    """The network is shown photos resized by bicubic interpolation; --view names sizes alone."""
    words = ["--random-weights", "--data", str(data), "--subset", *IN_A_MOMENT]
    status, out, _ = senet_lab("evaluate", BICUBIC, *words)

    assert (status, open_network(BICUBIC, random_weights=True).view.interpolation) == (0, "bicubic")
    assert "central 32 of shorter side 36, bicubic" in out


def test_two_networks_are_compared_on_the_same_photos(senet_lab, data):
    """With what the comparison does not say."""
    other = "timm:tf_mobilenetv3_small_075"
    words = ["--random-weights", "--data", str(data), "--subset", *IN_A_MOMENT]
    status, out, _ = senet_lab("evaluate", NETWORK, other, *words)

    assert status == 0
    assert "McNemar p =" in out
    assert "not why: recipes may differ" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["timm:resnet5O"], "timm has no network 'resnet5O'; the nearest is"),
        (["resnet50"], "no table is called 'resnet50'"),
        (["hub:resnet50"], "is no network: timm:NAME, torchvision:NAME.WEIGHTS or senet_lab:NETWORK"),
        (["torchvision:deeplabv3_resnet50"], "is not shown photos by a resize and a central crop"),
        (["torchvision:resnet50.V9"], "has no weights 'V9'; it has IMAGENET1K_V1, IMAGENET1K_V2, DEFAULT"),
        (["senet_lab:resnet50"], "has no released weights; name a file with --weights"),
        (["timm:mobilenetv3_small_100.lamb_in1k"], "could not bring the weights .*; without a connection name a file"),
        (["table2", "--excitations"], "--excitations belongs to one network; a table has"),
        ([NETWORK, NETWORK, "--excitations"], "--excitations belongs to one network; name one"),
        ([NETWORK, "--random-weights", "--excitations"], "this network has no SE block"),
        ([NETWORK, "--weights", "WEIGHTS", "--shard", "3/2"], "shard '3/2' is no part k/n"),
        ([NETWORK, "--weights", "WEIGHTS", "--view", "256/224"], "a crop of 256 pixels does not fit"),
        ([NETWORK, "--weights", "WEIGHTS", "--precision", "fp8"], "precision 'fp8' is none of fp32, bf16"),
        (
            ["timm:tf_mobilenetv3_small_075", "--weights", "WEIGHTS"],
            r"net\.pth\.tar does not fit timm:tf_mobilenetv3_small_075: these weights are of another network: 36 names",
        ),
        (["table7"], "table7 has no row with released weights"),
        (["table5"], "table5 has no row with released weights"),
        ([NETWORK, "--weights", "WEIGHTS", "--random-weights"], "--weights and --random-weights contradict each other"),
        (["table2", "--row", "SE-ResNet-51"], "the nearest is 'SE-ResNet-50'"),
        (["table2", "--view", "32/36"], "at central 224 of shorter side 256, bilinear, and its page would not show 32"),
    ],
)
def test_a_mistake_is_one_line(senet_lab, weights, data, words, said, monkeypatch):
    """Status 2, no traceback."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    words = [str(weights) if word == "WEIGHTS" else word for word in words]
    status, _, err = senet_lab("evaluate", *words, "--data", str(data), "--subset")
    last = err.strip().splitlines()[-1]

    assert status == 2
    assert last.startswith("senet-lab: ")
    assert re.search(said, last), last


def test_a_network_of_another_number_of_classes_is_refused(senet_lab, data, tmp_path):
    """One class short."""
    model = timm.create_model(NETWORK.partition(":")[2], num_classes=999)
    torch.save(model.state_dict(), tmp_path / "short.pth")
    status, _, err = senet_lab(
        "evaluate", NETWORK, "--weights", str(tmp_path / "short.pth"), "--data", str(data), "--subset"
    )

    assert status == 2
    assert "999" in err


def test_a_network_that_is_not_shown_central_crops_is_refused(senet_lab, data, monkeypatch):
    """As timm's of CLIP, which are shown whole photos, squashed: they were shown central crops without a word."""
    build = timm.create_model
    squashed = {"pretrained_cfg_overlay": {"crop_mode": "squash"}}
    monkeypatch.setattr(timm, "create_model", lambda name, **options: build(name, **options, **squashed))
    status, _, err = senet_lab("evaluate", NETWORK, "--random-weights", "--data", str(data), "--subset")

    assert status == 2
    assert err.strip().splitlines()[-1] == (
        f"senet-lab: {NETWORK} is shown photos by crop mode 'squash'; only central crops are evaluated here"
    )


@pytest.mark.parametrize("built", [NETWORK, pytest.param("timm:legacy_seresnet50", marks=pytest.mark.slow)])
def test_a_table_with_released_weights_is_a_page_of_its_own(senet_lab, data, tmp_path, monkeypatch, built):
    """One row, random weights: its own block beside the published numbers, never as the paper's training, and named as
    random where it could be taken for the release. Which network gives the answers is nothing to the page."""
    build = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda _, **options: build(built.partition(":")[2], **options))
    status, out, _ = senet_lab(
        "evaluate", "table2", "--row", "SE-ResNet-50", "--random-weights", "--data", str(data), "--subset"
    )

    assert status == 0
    assert "Released weights, no training of this study — 10 images, not the whole ImageNet validation set" in out
    line = next(line for line in out.splitlines() if line.startswith("| SE-ResNet-50"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:3] == ["SE-ResNet-50", "23.29 / 6.62", "22.37 / 6.36"]
    assert cells[5] == "random weights: not compared"
    assert (tmp_path / "results/tables/cvpr2018-table2-released.md").read_text() in out + "\n"


def test_released_weights_are_reproduced_on_the_photos_that_are_named(senet_lab, tmp_path):
    """The same command by the name that make calls; options that only training has are not ignored."""
    words = ["reproduce", "table2", "--protocol", "released", "--seeds", "1", "--data", str(tmp_path / "mine")]
    status, _, err = senet_lab(*words)
    assert (status, str(tmp_path / "mine") in one_line(err)) == (2, True)

    status, _, err = senet_lab(*words, "--dry-run", "--seeds", "2")
    assert status == 2
    assert one_line(err) == "senet-lab: released weights are evaluated, not trained; leave --seeds, --dry-run out"


def test_photos_of_the_blacklist_are_left_out(senet_lab, data, tmp_path):
    """Two of ten; the error of the other eight by hand, and of none where all are on it."""
    numbers = sorted(number_of(photo.name) for photo in open_photos(data, True).photos)
    words = ["evaluate", NETWORK, "--random-weights", "--data", str(data), "--subset", *IN_A_MOMENT]
    for out in (numbers[:2], numbers):
        (tmp_path / "list.txt").write_text("\n".join(map(str, out)))
        status, _, err = senet_lab(*words, "--blacklist", str(tmp_path / "list.txt"))
        assert status == 0
        assert f"outside the 2014 blacklist (n = {len(numbers) - len(out)})" in err or len(out) == 10
    assert "every photo is on the blacklist" in err


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read"), ("12\nx\n", "'x' is no number"), ("0", "'0'")])
def test_a_blacklist_that_cannot_be_read_is_said_before_anything_is_shown(senet_lab, tmp_path, content, said):
    """Not even the photos are looked for."""
    if content is not None:
        (tmp_path / "list.txt").write_text(content)
    words = ["evaluate", NETWORK, "--data", str(tmp_path / "none"), "--blacklist", str(tmp_path / "list.txt")]
    status, _, err = senet_lab(*words)

    assert status == 2
    assert said in one_line(err)
