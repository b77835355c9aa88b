"""A pass over photos: what it finds, interrupted, in parts, and in another layout."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms

from senet_lab.data.imagenet_labels import number_of
from senet_lab.errors import StudyError
from senet_lab.evaluation import run as runs
from senet_lab.evaluation.layouts import open_photos
from senet_lab.evaluation.networks import Network, state_sha256
from senet_lab.evaluation.run import Options, evaluate
from senet_lab.records import evaluation as records
from senet_lab.records import evaluation_parts
from senet_lab.records.evaluation_parts import Maker, Part
from senet_lab.study.released import View
from senet_lab.training import provenance
from tests.evaluation import photos

OPTIONS = Options(batch=2, processes=0)
TEXTS: list[str] = []
MAKER = Maker(revision="test 1", decoder="decoder 1", device="processor 1", versions={"torch": "1"})


def network(seed: int, view: View) -> Network:
    """A small convolution with 1000 outputs."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten())
    model.append(nn.Linear(128, 1000)).eval()
    return Network(f"test:{seed}", model, "random", state_sha256(model.state_dict()), "test 1", view)


SMALL, LARGE = View(size=56, resize=64), View(size=64, resize=72, interpolation="bicubic")


@pytest.fixture(scope="module")
def networks():
    """Two networks with a view of their own each."""
    return [network(0, SMALL), network(1, LARGE)]


@pytest.fixture(scope="module")
def photo_set(tmp_path_factory):
    """Ten photos in class folders."""
    return open_photos(photos.class_folders(tmp_path_factory.mktemp("photos")), subset=True)


@pytest.fixture(autouse=True)
def _short_parts(monkeypatch):
    """Parts of two batches, so that ten photos are three parts."""
    monkeypatch.setattr(runs, "BATCHES_A_PART", 2)


def written_out(network, photo_set):
    """The hits by torchvision's own transforms and a loop."""
    view = network.view
    transform = transforms.Compose(
        [
            transforms.Resize(view.resize, transforms.InterpolationMode(view.interpolation)),
            transforms.CenterCrop(view.size),
            transforms.ToTensor(),
            transforms.Normalize(view.mean, view.std),
        ]
    )
    right = []
    for start in range(0, len(photo_set.photos), 2):
        batch = photo_set.photos[start : start + 2]
        images = torch.stack([transform(Image.open(p.place.path).convert("RGB")) for p in batch])
        ranks = network.model(images).argsort(dim=1, descending=True)
        right += [[p.label in row[:k].tolist() for k in (1, 5)] for p, row in zip(batch, ranks, strict=True)]
    return np.array(right)


def files(root):
    """The bytes of every record."""
    return {path.name: path.read_bytes() for path in sorted((root / records.FOLDER).glob("*.json"))}


def test_hits_are_those_of_a_written_out_loop(networks, photo_set, tmp_path):
    """Of each network with its own view, photo by photo. The labels are what the networks say of every other photo, so
    that some are right."""
    labelled = []
    for position, photo in enumerate(photo_set.photos):
        image = Image.open(photo.place.path).convert("RGB")
        pixels = transforms.CenterCrop(SMALL.size)(transforms.Resize(SMALL.resize)(image))
        tensor = transforms.Normalize(SMALL.mean, SMALL.std)(transforms.ToTensor()(pixels))
        guess = int(networks[0].model(tensor[None]).argmax())
        labelled.append(replace(photo, label=guess if position % 2 else photo.label))
    mixed = replace(photo_set, photos=tuple(labelled))

    found = evaluate(networks, mixed, tmp_path, OPTIONS, TEXTS.append)

    assert int(found[0].top1.sum()) == 5
    for one, of in zip(found, networks, strict=True):
        expected = written_out(of, mixed)
        assert np.array_equal(expected, np.stack([one.top1, one.top5], axis=1))


@pytest.mark.parametrize("stop_after", [0, 1, 2])
def test_an_interrupted_pass_ends_in_the_same_bytes(networks, photo_set, tmp_path, monkeypatch, stop_after):
    """And repeats no part that was done."""
    evaluate(networks, photo_set, tmp_path / "whole", OPTIONS, TEXTS.append)
    write, seen = evaluation_parts.write_part, []

    def interrupted(path, part):
        if len(seen) == 2 * stop_after:
            raise KeyboardInterrupt
        seen.append(path)
        write(path, part)

    monkeypatch.setattr(evaluation_parts, "write_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(networks, photo_set, tmp_path / "cut", OPTIONS, TEXTS.append)
    assert files(tmp_path / "cut") == {}
    monkeypatch.setattr(evaluation_parts, "write_part", lambda path, part: seen.append(path) or write(path, part))
    evaluate(networks, photo_set, tmp_path / "cut", OPTIONS, TEXTS.append)

    assert files(tmp_path / "whole") == files(tmp_path / "cut")
    assert 6 == len(seen) == len(set(seen))


def test_parts_made_apart_end_in_the_same_bytes(networks, photo_set, tmp_path):
    """In any order; until the last one there is no record."""
    evaluate(networks, photo_set, tmp_path / "whole", OPTIONS, TEXTS.append)
    for k in (2, 3, 1):
        assert files(tmp_path / "parts") == {}
        found = evaluate(networks, photo_set, tmp_path / "parts", replace(OPTIONS, shard=(k, 3)), TEXTS.append)
        assert (k == 1) == all(found)

    assert files(tmp_path / "whole") == files(tmp_path / "parts")


def test_a_record_of_parts_names_every_machine_once(networks, photo_set, tmp_path, monkeypatch):
    """And the versions of each, in the order of the photos."""
    for k, name in enumerate(("one", "two", "one"), start=1):
        monkeypatch.setattr(provenance, "device_name", lambda device, name=name: f"processor {name}")
        monkeypatch.setattr(provenance, "versions", lambda name=name: {"torch": name, "pandas": "3"})
        found = evaluate(networks[:1], photo_set, tmp_path, replace(OPTIONS, shard=(k, 3)), TEXTS.append)

    assert found[0].device == "processor one; processor two"
    assert found[0].versions == {"torch": "one; two"}


def test_a_part_of_an_earlier_version_is_of_an_unknown_machine(tmp_path):
    """It did not say what made it. The work of hours is kept; a record of it says so."""
    path = tmp_path / "part.npz"
    np.savez(path, hits=np.ones((3, 2), dtype=bool), classes=np.ones((3, 5), dtype=np.int16))

    early = evaluation_parts.read_part(path, 3)
    whole = evaluation_parts.joined([early, replace(early, maker=MAKER)])

    assert (whole.maker.device, whole.maker.revision) == ("unknown; processor 1", "unknown; test 1")
    assert len(whole.hits) == 6


def test_a_recorded_evaluation_is_not_made_again(networks, photo_set, tmp_path, monkeypatch):
    """Not a photo is decoded."""
    first = evaluate(networks[:1], photo_set, tmp_path, OPTIONS, TEXTS.append)
    monkeypatch.setattr(runs, "decoded", None)

    (again,) = evaluate(networks[:1], photo_set, tmp_path, OPTIONS, TEXTS.append)

    assert np.array_equal(first[0].top5, again.top5)
    assert first[0].subject == again.subject


def test_a_damaged_part_is_made_again(networks, photo_set, tmp_path):
    """A torn file costs its part and nothing else."""
    evaluate(networks[:1], photo_set, tmp_path / "whole", OPTIONS, TEXTS.append)
    root = tmp_path / "torn"
    evaluate(networks[:1], photo_set, root, replace(OPTIONS, shard=(1, 2)), TEXTS.append)
    part = next((root / "cache").rglob("part-00000.npz"))
    part.write_bytes(part.read_bytes()[:100])
    evaluate(networks[:1], photo_set, root, OPTIONS, TEXTS.append)

    assert files(tmp_path / "whole") == files(root)


def test_a_part_of_another_compression_is_damaged(tmp_path):
    """As a changed byte in the archive's list can say it."""
    path = tmp_path / "part.npz"
    evaluation_parts.write_part(path, Part(np.ones((3, 2), dtype=bool), np.ones((3, 5), dtype=np.int16), MAKER))
    assert evaluation_parts.read_part(path, 3) is not None
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 10] = 99
    path.write_bytes(data)

    assert evaluation_parts.read_part(path, 3) is None


def test_a_truncated_photo_is_named_and_what_was_done_is_kept(networks, tmp_path):
    """The parts before it stay; mended, the pass goes on."""
    root = photos.class_folders(tmp_path / "data")
    path = root / "val" / photos.wnid(49_999) / photos.name(49_999)
    path.write_bytes(photos.jpeg(49_999)[:3_000])
    with pytest.raises(StudyError, match=r"ILSVRC2012_val_00049999.*[Tt]runcated.*what is done is kept"):
        evaluate(networks, open_photos(root, subset=True), tmp_path / "r", OPTIONS, TEXTS.append)
    kept = sorted(path.name for path in (tmp_path / "r" / "cache").rglob("part-*"))
    path.write_bytes(photos.jpeg(49_999))
    evaluate(networks, open_photos(root, subset=True), tmp_path / "r", OPTIONS, TEXTS.append)

    assert kept == ["part-00000.npz", "part-00000.npz", "part-00001.npz", "part-00001.npz"]
    assert len(files(tmp_path / "r")) == 2


def test_a_network_that_is_sure_and_never_right_is_refused(tmp_path, photo_set, monkeypatch):
    """Its classes or the labels are permuted."""
    sure = network(0, SMALL)
    with torch.no_grad():
        sure.model[-1].bias[7] = 100.0
    many = replace(photo_set, photos=photo_set.photos * 10)

    with pytest.raises(StudyError, match=r"right on 0 of 100 photos while it is sure .*permuted"):
        evaluate([sure], many, tmp_path, replace(OPTIONS, batch=50), TEXTS.append)


def test_reassessed_labels_judge_the_same_predictions(networks, photo_set, tmp_path, monkeypatch):
    """Each photo by its own number: one has the network's best class, one its fifth, one another, one none."""
    evaluate(networks[:1], photo_set, tmp_path / "first", OPTIONS, TEXTS.append)
    whole = {}
    real = runs._by_reassessed_labels
    monkeypatch.setattr(
        runs, "_by_reassessed_labels", lambda photos, part: whole.update(part=part) or real(photos, part)
    )
    evaluate(networks[:1], photo_set, tmp_path / "second", OPTIONS, TEXTS.append)
    best = whole["part"].classes
    labels = [[] for _ in range(50_000)]
    numbers = [number_of(photo.name) for photo in photo_set.photos]
    labels[numbers[0] - 1] = [int(best[0][0]), 7]
    labels[numbers[1] - 1] = [int(best[1][4])]
    labels[numbers[2] - 1] = [next(k for k in range(1000) if k not in best[2])]
    monkeypatch.setattr(runs, "reassessed", lambda: labels)
    (found,) = evaluate(networks[:1], photo_set, tmp_path / "third", OPTIONS, TEXTS.append)
    rest = [False] * (len(numbers) - 3)

    assert [bits.tolist() for bits in found.real] == [
        [True, False, False, *rest],
        [True, True, False, *rest],
        [True, True, True, *rest],
    ]


def test_a_record_that_was_changed_is_refused(networks, photo_set, tmp_path):
    """By name; one of a newer version asks for an update."""
    evaluate(networks[:1], photo_set, tmp_path, OPTIONS, TEXTS.append)
    path = next((tmp_path / records.FOLDER).iterdir())
    text = path.read_text()
    for changed, said in (
        (text.replace('"top1_correct": 0', '"top1_correct": 9'), "digest does not fit"),
        (text[:200], "no valid record"),
        (text.replace('"schema": 2', '"schema": 3'), "newer senet_lab"),
    ):
        path.write_text(changed)
        with pytest.raises(StudyError, match=said):
            records.read_all(tmp_path)


def test_networks_of_equal_tensors_have_records_of_their_own(photo_set, tmp_path):
    """As with tanh in place of a sigmoid: a gate has no weights, so the tensors do not tell."""
    one = network(0, SMALL)
    other = replace(one, source="test:tanh", model=nn.Sequential(one.model, nn.Hardtanh(-1e-9, 1e-9)))
    both = evaluate([one, other], photo_set, tmp_path, OPTIONS, TEXTS.append)

    assert one.weights_sha256 == other.weights_sha256
    assert [found.subject.source for found in both] == ["test:0", "test:tanh"]
    assert len(list((tmp_path / records.FOLDER).iterdir())) == 2


def test_a_record_of_schema_1_is_found(networks, photo_set, tmp_path, monkeypatch):
    """By the name that it had, which the network's own name is no part of; for another network it does not stand."""
    one = networks[0]
    monkeypatch.setattr(records, "SCHEMA", 1)
    (old,) = evaluate([one], photo_set, tmp_path, OPTIONS, TEXTS.append)
    monkeypatch.undo()
    monkeypatch.setattr(runs, "_passes", None)  # another pass over the photos would fail
    (found,) = evaluate([one], photo_set, tmp_path, OPTIONS, TEXTS.append)

    assert (found.subject, found.top1.tolist()) == (old.subject, old.top1.tolist())
    assert found.subject.key_of(1) == next((tmp_path / records.FOLDER).iterdir()).stem != found.subject.key
    assert records.find(tmp_path, replace(found.subject, source="test:other")) is None
