"""`senet-lab predict` and `export` as commands."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ablations.protocols import IMAGENETTE
from senet_lab.cli.app import main
from senet_lab.data.open import open_arrays
from senet_lab.data.own_photos import own_photos
from senet_lab.data.protocol_view import STATISTICS
from senet_lab.errors import StudyError
from senet_lab.exporting.counterparts import Target
from senet_lab.exporting.export import export
from senet_lab.exporting.trained import open_trained
from senet_lab.exporting.views import class_names, known_class_names, view_of
from senet_lab.models.registry import build_model
from senet_lab.study import Run
from senet_lab.study.protocol import Dataset
from tests.data.pictures import class_folders
from tests.exporting.conftest import Recorded
from tests.real_data import real_cifar
from tests.samples import one_line
from tests.tiny import BACKBONE, cell


@pytest.fixture
def senet_lab(monkeypatch, capsys, recorded):
    """Runs a command on the recorded run; returns its exit status, stdout and stderr."""

    def call(*words):
        words = [*map(str, words), "--results", str(recorded.root)]
        monkeypatch.setattr(sys, "argv", ["senet-lab", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three photos of other sizes than the network's, one of them grey."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for name, shape in (("a.png", (40, 50, 3)), ("b.png", (32, 32, 3)), ("grey.png", (64, 33))):
        Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8)).save(folder / name)
    return [folder / name for name in ("a.png", "b.png", "grey.png")]


def test_predict_gives_the_five_likeliest_classes_and_the_view(senet_lab, recorded, photos):
    """A photo of the network's own size is shown as it is, normalised as in training."""
    status, out, _ = senet_lab("predict", recorded.row, *photos, "--seed", 3, "--json")
    said = json.loads(out)
    arrays = open_arrays(recorded.run.cell.protocol)
    pixels = torch.from_numpy(np.array(Image.open(photos[1]))).permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (arrays.channel_mean, arrays.channel_std))
    with torch.no_grad():
        shares = recorded.model((pixels - mean) / std).softmax(dim=1)[0]
    best = shares.topk(5)

    assert status == 0
    assert said["view"] == "central 32 of shorter side 32, bilinear"
    assert [str(photo) for photo in photos] == list(said["photos"])
    found = said["photos"][str(photos[1])]
    assert [arrays.class_names[k] for k in best.indices] == list(found)
    assert best.values.tolist() == pytest.approx(list(found.values()), abs=1e-5)


def test_predict_says_what_the_network_is(senet_lab, recorded, photos):
    """Its error with n, and that it was trained on synthetic images."""
    status, out, _ = senet_lab("predict", recorded.weights, photos[0])

    assert status == 0
    assert "SYNTHETIC images: top-1 error 20.00 %" in out.splitlines()[0]
    assert "view: central 32" in out.splitlines()[1]
    assert len(out.splitlines()) == 3


def test_a_photo_that_cannot_be_read_is_one_line(senet_lab, recorded, photos, tmp_path):
    """Missing, and no photo."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    for photo, said in ((tmp_path / "gone.jpg", "gone.jpg is missing"), (broken, "cannot be read as a photo")):
        status, out, err = senet_lab("predict", recorded.weights, photos[0], photo)

        assert (status, out) == (2, "")
        assert said in one_line(err)


def test_export_writes_where_it_is_told(senet_lab, recorded, tmp_path):
    """And says what, with the error and the check."""
    status, out, _ = senet_lab("export", recorded.run.cell.key, "--seed", 3, "--to", "safetensors", "--out", tmp_path)

    assert status == 0
    assert "differ from the source's by at most 0.0e+00" in out
    assert {"model.safetensors", "card.json", "README.md"} == {path.name for path in tmp_path.glob("*/*")}
    status, _, err = senet_lab("export", recorded.row, "--seed", 3, "--to", "timm", "--out", tmp_path)
    assert status == 2
    assert "no counterpart" in one_line(err)


def test_classes_have_names(recorded):
    """Those of the data set; a network of 1000 classes without a protocol has ImageNet's."""
    found = open_trained(recorded.row, 3, root=recorded.root)

    assert (class_names(found)[0], class_names(found)[-1]) == ("texture 0", "texture 9")
    assert view_of(found).mean == open_arrays(recorded.run.cell.protocol).channel_mean
    with pytest.raises(StudyError, match="--data names the classes of a user's own photos, and"):
        class_names(found, recorded.root)


def test_an_export_names_the_classes_of_a_users_own_photos(tmp_path):
    """Where it is told where they lie. Its file then names them by itself. Without them the card says that."""
    folder = class_folders(tmp_path / "pets")
    recipe = replace(IMAGENETTE, batch_size=8, image_size=32, resize=36, epochs=1)
    of_pets = replace(cell(reduction=4), protocol=own_photos(recipe, folder))
    pets = Recorded(tmp_path / "results", Run(cell=of_pets, seed=0))
    source = open_trained(of_pets.key, root=pets.root)
    named, unnamed = (
        export(source, Target.SAFETENSORS, tmp_path / name, data) for name, data in (("a", folder), ("b", None))
    )

    assert json.loads(named.paths[1].read_text())["class_names"] == ["cat", "dog", "fox"]
    assert "logits of 3 classes: cat, dog, fox" in named.paths[2].read_text()
    assert class_names(open_trained(str(named.paths[0]))) == ("cat", "dog", "fox")
    assert "logits of 3 classes; their names are not known here" in unnamed.paths[2].read_text()
    with pytest.raises(StudyError, match="say with --data where they lie"):
        class_names(open_trained(str(unnamed.paths[0])))
    with pytest.raises(StudyError, match="has other files than those"):
        export(source, Target.SAFETENSORS, tmp_path, class_folders(tmp_path / "others", classes=("ant", "bee", "fly")))


def test_a_file_of_weights_has_no_names(recorded, tmp_path):
    """A network of 1000 outputs need not be ImageNet's in its order; the card of a recorded run names its classes."""
    model = build_model(BACKBONE, None, 1000)
    torch.save(model.state_dict(), tmp_path / "some.pth")
    card = export(
        open_trained(str(tmp_path / "some.pth"), network=f"{BACKBONE}:plain"), Target.SAFETENSORS, tmp_path
    ).card
    own = export(open_trained(recorded.row, 3, root=recorded.root), Target.SAFETENSORS, tmp_path).card

    assert card.class_names is None
    assert known_class_names(replace(open_trained(recorded.row, 3, root=recorded.root), by_file=True)) is None
    with pytest.raises(StudyError, match="--data names the classes of a user's own photos, and"):
        known_class_names(open_trained(recorded.row, 3, root=recorded.root), tmp_path)
    assert own.class_names == tuple(f"texture {k}" for k in range(10))


@pytest.mark.data
@pytest.mark.parametrize("dataset", list(STATISTICS))
def test_the_statistics_of_cifar_are_those_of_its_training_images(dataset):
    """So that photos are normalised as in training on a machine without the data."""
    arrays = real_cifar(Dataset(dataset))

    assert (arrays.channel_mean, arrays.channel_std) == STATISTICS[dataset]
