"""Photos that are resized once: what is in a pack, what an interruption and a damaged photo leave, and who is told."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ablations.protocols import IMAGENET_100EP, IMAGENETTE
from senet_lab.cli import catalogue, studies
from senet_lab.data import small_photos as module
from senet_lab.data.open import open_source
from senet_lab.data.own_photos import own_photos
from senet_lab.data.photo_folders import photos_of
from senet_lab.data.photos import read_photo
from senet_lab.data.small_photos import small_photos
from senet_lab.errors import StudyError
from senet_lab.study.cell import canonical_json, from_plain, to_plain
from senet_lab.study.protocol import Protocol
from senet_lab.study.small_photos import from_small_photos
from tests.data.pictures import class_folders, photo

SIDE = 24


@pytest.fixture
def in_this_process(monkeypatch):
    """Packs are made without a process for each core, which costs more than the packs."""
    monkeypatch.setattr(module.multiprocessing.current_process(), "_config", {"daemon": True})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Nine training photos of 36 to 40 by 30 pixels and one that is small, two to a pack."""
    monkeypatch.setenv(module.VARIABLE, str(tmp_path / "packs"))
    monkeypatch.setattr(module, "PER_PACK", 2)
    root = class_folders(tmp_path / "pets", train=3, test=1)
    photo(root / "train" / "fox" / "small.png", 9, (SIDE, 100))
    return root


def packs(folder):
    return sorted((folder.parent / "packs" / f"photos{SIDE}").glob("*.pack"))


def made(folder, **options):
    photos = photos_of(folder / "train")
    return photos, small_photos(photos, SIDE, say=lambda text: None, **options)


@pytest.mark.usefixtures("in_this_process")
def test_photos_are_resized_to_the_shorter_side_and_small_ones_are_not_touched(folder):
    """Aspect as it was; the pixels are those of one resize, but for what JPEG changes."""
    photos, small = made(folder)
    sizes = [found.size if (found := small.read(index)) else None for index in range(len(photos))]
    whole = read_photo(photos.path(0))
    expected = np.asarray(whole.resize((29, 24), Image.Resampling.LANCZOS), dtype=float)

    assert sizes == [(29, 24), (30, 24), (32, 24)] * 3 + [None]
    assert np.abs(expected - np.asarray(small.read(0), dtype=float)).mean() < 10  # of 255; of another photo it is 60
    assert len(packs(folder)) == 5


@pytest.mark.usefixtures("in_this_process")
def test_what_was_made_before_an_interruption_is_kept(folder, monkeypatch):
    """The second pack cannot be written: the first stays, and the next call makes the others, with the same bytes."""
    replaced, write = [], os.replace

    def fails_once(source, target):
        replaced.append(target)
        if len(replaced) == 2:
            raise OSError(28, "No space left on device")
        write(source, target)

    monkeypatch.setattr(module.os, "replace", fails_once)
    with pytest.raises(StudyError, match=f"No space left on device.*set {module.VARIABLE} to another folder"):
        made(folder)
    (first,) = packs(folder)
    written = first.stat().st_mtime_ns
    _, small = made(folder)
    digest = small.digest()

    assert (len(packs(folder)), first.stat().st_mtime_ns) == (5, written)
    for path in packs(folder):
        path.unlink()
    assert digest == made(folder)[1].digest()
    assert [path.name for path in first.parent.iterdir() if path.name.startswith(".bringing")] == []


def test_a_damaged_photo_is_named(folder):
    """Other packs stay; where damaged photos are skipped, whoever reads it finds it as it is."""
    path = folder / "train" / "dog" / "1.jpg"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(StudyError, match=r"dog/1\.jpg is damaged"):
        made(folder)
    photos, small = made(folder, skip_damaged=True)

    assert small.read(4) is None
    assert photos.path(4) == str(path)
    assert small.read(3) is not None


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    ("place", "index"),
    [(module.HEAD + 3, 0), (module.HEAD + 7, 0), (module.HEAD + 9, 0), (module.HEAD + 19, 0), (-200, 1)],
)
def test_one_wrong_byte_in_a_pack_is_found(folder, place, index):
    """In where the photo begins, in its CRC, in where it ends, and among pixels, which JPEG would decode."""
    _, small = made(folder)
    data = bytearray(small.packs[0].read_bytes())
    data[place] ^= 64
    small.packs[0].write_bytes(data)

    with pytest.raises(module.DamagedPack, match=r"\.pack"):
        small.read(index)


@pytest.mark.usefixtures("in_this_process")
def test_another_photo_makes_its_own_pack_anew(folder):
    """Of five packs one; the others are not touched."""
    made(folder)
    before = {path.name for path in packs(folder)}
    photo(folder / "train" / "cat" / "0.jpg", 55, (60, 50))
    made(folder)

    assert len({path.name for path in packs(folder)} - before) == 1


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("content", [b"", b"something else, as long as the beginning of a pack would be" * 2])
def test_a_file_that_is_no_pack_is_named(folder, content):
    """It is not trained from, and not taken for one that is missing."""
    made(folder)
    packs(folder)[0].write_bytes(content)
    with pytest.raises(StudyError, match="is no pack of small photos; remove it"):
        made(folder)


def test_training_crops_are_cut_from_small_photos_and_evaluation_reads_the_photos(folder):
    """The digest of the packs is among those of the data; batches do not depend on loader processes."""
    recipe = replace(IMAGENETTE, image_size=16, resize=20, batch_size=5, epochs=1)
    plain = own_photos(recipe, folder)
    small = replace(plain, name="small", small_photos=SIDE)
    sources = [open_source(protocol, torch.device("cpu"), folder=folder) for protocol in (plain, small)]
    first, second = (next(iter(source.training_batches(0, 0)))[0] for source in sources)
    tests = [torch.cat([images for images, _ in source.test_batches()]) for source in sources]

    assert not torch.equal(first, second)
    assert (first - second).abs().mean() < 0.3  # the same crops of nearly the same pixels
    assert torch.equal(*tests)
    assert {"train", "test", "train, small photos"} == set(sources[1].sha256)


def test_a_recipe_on_small_photos_is_another_protocol():
    """By its name, its key and its departures; it reads back as itself, and evaluates as before."""
    small = from_small_photos(IMAGENET_100EP)

    assert (small.name, small.small_photos) == ("imagenet-100ep-photos400", 400)
    assert "shorter side of 400 pixels" in small.departures[-1]
    assert from_plain(Protocol, to_plain(small, prose=True)) == small
    assert "small_photos" not in canonical_json(IMAGENET_100EP)
    assert (small.resize, small.image_size) == (IMAGENET_100EP.resize, IMAGENET_100EP.image_size)


def test_every_photo_recipe_has_one_by_its_name():
    """On the rows' own protocols, and on one that is named; images in memory have none."""
    table = catalogue.find_table("table2")
    own = {row.cell.protocol.name for row in studies.table_under(table, "imagenet-photos400").rows}
    fast = {row.cell.protocol.name for row in studies.table_under(table, "imagenet-fast-photos400").rows}

    assert {f"{row.cell.protocol.name}-photos400" for row in table.rows} == own
    assert {"imagenet-fast-photos400"} == fast
    with pytest.raises(StudyError, match="images of cifar10, 32 pixels, cannot be cut"):
        studies.table_under(catalogue.find_table("table7"), "cifar10-photos400")


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("skip", [False, True])
def test_no_photo_stands_for_those_of_a_damaged_pack(folder, skip):
    """Its photos are whole, so none is left out; the pack is named, and how it is mended."""
    recipe = replace(IMAGENETTE, image_size=16, resize=20, batch_size=5, epochs=1)
    protocol = replace(own_photos(recipe, folder), name="small", small_photos=SIDE)
    made(folder)
    for path in packs(folder):
        os.truncate(path, path.stat().st_size - 40)
    source = open_source(protocol, torch.device("cpu"), folder=folder, skip_damaged=skip)

    with pytest.raises(StudyError, match=r"\.pack is damaged \(photo .*; remove this file, and it is made again"):
        list(source.training_batches(0, 0))
