"""Commands on photos of a user's own, and on the data sets of photos that have a name."""

import json

import pytest

from tests.data.pictures import class_folders
from tests.samples import one_line


def test_a_table_is_planned_on_a_users_photos(senet_lab, tmp_path):
    """The recipe of imagenette unless another is named; the runs are named after the folder."""
    folder = class_folders(tmp_path / "pets", train=22, test=1)
    _, out, err = senet_lab("plan", "table7", "--data", "pets", "--row", "r=16")
    assert err == ""
    assert out.count("pets-by-imagenette") == 2
    keys = [{run["key"] for run in json.loads(senet_lab("plan", "table7", "--data", "pets", "--json")[1])}]
    (folder / "train" / "cat" / "0.jpg").rename(folder / "train" / "cat" / "zero.jpg")
    keys.append({run["key"] for run in json.loads(senet_lab("plan", "table7", "--data", "pets", "--json")[1])})

    assert 5 == len(keys[0]) == len(keys[1])
    assert not keys[0] & keys[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "nowhere"], "nowhere is no folder; --data names one with train/<class>/ and val/<class>/"),
        (["--data", "pets", "--protocol", "cifar10"], "protocol cifar10 is of images in memory"),
        (["--data", "pets", "--protocol", "imagenet"], "cannot be trained"),
    ],
)
def test_photos_that_do_not_fit_are_one_line(senet_lab, tmp_path, words, said):
    """Exit status 2, before anything is trained or written."""
    class_folders(tmp_path / "pets")
    status, out, err = senet_lab("train", "table7", *words)

    assert (status, out) == (2, "")
    assert said in one_line(err)
    assert not (tmp_path / "results").exists()


def test_a_search_on_photos_downloads_nothing(senet_lab, tmp_path, monkeypatch):
    """It is refused by the kind of its data set, and no data folder is made."""
    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path / "data"))
    status, _, err = senet_lab("search", "table7", "--row", "r=16", "--protocol", "imagenet")

    assert status == 2
    assert "protocol imagenet-100ep is of photos; a search trains many networks" in one_line(err)
    assert not (tmp_path / "data").exists()


def test_the_paper_tables_train_under_the_photo_recipes(senet_lab):
    """The networks of table 7 are the paper's own under imagenette and imagenet-fast."""
    for protocol in ("imagenette", "imagenet-fast"):
        planned = json.loads(senet_lab("plan", "table7", "--protocol", protocol, "--json")[1])
        assert len(planned) == 5
    _, out, _ = senet_lab("plan", "table5", "--protocol", "paper")
    assert "table5 SE-ResNet-152 seed 0" in out
