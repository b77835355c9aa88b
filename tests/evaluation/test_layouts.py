"""Whatever the layout, the same photos with the same labels are found; what is wrong is named."""

import shutil
import tarfile

import numpy as np
import pytest

from senet_lab.data.imagenet_labels import class_index, refuse_permuted, wnids
from senet_lab.errors import StudyError
from senet_lab.evaluation.layouts import open_photos
from senet_lab.evaluation.photo_places import PhotoPlace
from senet_lab.evaluation.photo_set import READ, PhotoSet
from tests.evaluation import photos

EXPECTED = [(photos.name(n)[:-5], photos.LABELS[n % 3], photos.jpeg(n)) for n in photos.NUMBERS]
LAYOUTS = [photos.class_folders, photos.kaggle, photos.devkit, photos.tar, photos.flat_tar, photos.shards]


def found(path):
    """Names, labels and bytes, in canonical order."""
    return [(p.name, p.label, p.place.read()) for p in open_photos(path, subset=True).photos]


def test_the_classes_are_a_thousand_in_sorted_order():
    """Goldfish is 1, the pug 254, the cliff 972."""
    assert len(set(wnids())) == 1000
    assert list(wnids()) == sorted(wnids())
    assert list(photos.LABELS) == [class_index()[wnid] for wnid in photos.WNIDS]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_gives_the_same_photos(layout, tmp_path):
    """Names, labels and bytes, in the order of the names."""
    assert found(layout(tmp_path / "data")) == EXPECTED


def test_a_parquet_folder_gives_the_same_photos(tmp_path):
    """Where pyarrow is installed. They are the same set, so they share a record."""
    pytest.importorskip("pyarrow")
    path, folders = photos.parquet(tmp_path / "data"), photos.class_folders(tmp_path / "folders")

    assert found(path) == EXPECTED
    assert open_photos(path, subset=True).digest == open_photos(folders, subset=True).digest


@pytest.mark.parametrize("suffix", ["parquet", "tar"])
def test_other_splits_beside_the_validation_set_are_left_out(suffix, tmp_path):
    """As whole folders from Hugging Face have them: a test set's labels are -1, and training photos are others. Alone,
    training files are told, and a test set is read for the labels that it has."""
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    root = (photos.parquet if suffix == "parquet" else photos.shards)(tmp_path / "data")
    folder = root / "data" if suffix == "parquet" else root
    names = [f"test-00000-of-00001.{suffix}", f"train-00000-of-00001.{suffix}", f"imagenet1k-train-0000.{suffix}"]
    for name in names:
        (folder / name).write_bytes(b"not to be read")

    assert found(root) == EXPECTED
    kept = [path for path in folder.iterdir() if path.name not in names]
    kept[0].rename(folder / names[0])
    for path in kept[1:]:
        path.rename(folder / f"{path.stem.replace('validation', 'test')}.{suffix}")
    assert found(root) == EXPECTED
    for path in folder.iterdir():
        if "train" not in path.name:
            path.unlink()
    with pytest.raises(StudyError, match=r"has training photos alone \(.*train.*; add the files of the validation set"):
        found(root)


@pytest.mark.parametrize("inner", [".", "val", "validation", "ILSVRC/Data/CLS-LOC/val", "val/ILSVRC2012_img_val"])
def test_class_folders_are_found_at_the_usual_depths(inner, tmp_path):
    """And what editors and file systems leave beside them is not."""
    root = photos.class_folders(tmp_path, inner)
    first = root / inner / photos.WNIDS[0]
    for junk in (".DS_Store", "._ILSVRC2012_val_00000003.JPEG"):
        (first / junk).write_bytes(b"no photo")
    (root / inner / ".ipynb_checkpoints").mkdir()
    (root / inner / ".ipynb_checkpoints" / photos.name(1)).write_bytes(b"no photo")

    assert found(root) == EXPECTED


def test_the_digest_names_photos_and_labels(tmp_path):
    """The same in two layouts; another where one label differs."""
    one = open_photos(photos.class_folders(tmp_path / "a"), subset=True)
    other = open_photos(photos.kaggle(tmp_path / "b"), subset=True)
    before = one.digest
    moved = tmp_path / "a" / "val" / photos.WNIDS[0] / photos.name(3)
    moved.rename(tmp_path / "a" / "val" / photos.WNIDS[1] / photos.name(3))

    assert before == other.digest
    assert before != open_photos(tmp_path / "a", subset=True).digest


def test_the_digest_tells_photos_of_the_same_names_apart(tmp_path):
    """One photo with other pixels is another set; one that was cut while it was copied is not, so that a pass goes on
    once it is mended. Of a large set a few photos are read."""
    digests = []
    for number, changed in enumerate((photos.jpeg(3), photos.jpeg(8), photos.jpeg(3)[:3_000])):
        root = photos.class_folders(tmp_path / str(number))
        (root / "val" / photos.wnid(3) / photos.name(3)).write_bytes(changed)
        digests.append(open_photos(root, subset=True).digest)
    many = PhotoSet(open_photos(root, subset=True).photos * 30, "folder")
    read = []

    assert digests[0] == digests[2] != digests[1]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(PhotoPlace, "read", lambda place: read.append(place) or b"photo")
        assert len(many.digest) == 64
    assert 50 <= len(read) <= READ < len(many.photos)


def test_a_photo_that_cannot_be_read_is_named_before_the_pass(tmp_path):
    """As one that was removed after the folder was listed."""
    found = open_photos(photos.class_folders(tmp_path), subset=True)
    (tmp_path / "val" / photos.wnid(3) / photos.name(3)).unlink()

    with pytest.raises(StudyError, match=r"00000003.JPEG cannot be read \(FileNotFoundError"):
        _ = found.digest


def _removed_label(root):
    path = photos.kaggle(root) / "LOC_val_solution.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    return root


def _doubled_photo(root):
    photos.class_folders(root)
    (root / "val" / photos.WNIDS[1] / photos.name(3)).write_bytes(photos.jpeg(3))
    return root


def _astray(root):
    photos.class_folders(root)
    (root / "val" / photos.name(5)).write_bytes(photos.jpeg(5))
    return root


def _other_class(root):
    photos.class_folders(root)
    (root / "val" / photos.WNIDS[0]).rename(root / "val" / "n99999999")
    return root


def _without_meta(root):
    photos.devkit(root)
    (root / "ILSVRC2012_devkit_t12" / "data" / "meta.mat").unlink()
    return root


def _damaged_meta(root):
    photos.devkit(root)
    (root / "ILSVRC2012_devkit_t12" / "data" / "meta.mat").write_bytes(b"no matlab")
    return root


def _unknown_wnid(root):
    path = photos.kaggle(root) / "LOC_val_solution.csv"
    path.write_text(path.read_text().replace("n01443537 1", "n0144 1", 1))
    return root


def _cut_tar(root):
    path = photos.tar(root)
    path.write_bytes(path.read_bytes()[:3000])
    return path


def _gzip(root):
    root.mkdir()
    (root / "val.tar.gz").write_bytes(b"\x1f\x8b\x08\x00 not a tar")
    return root / "val.tar.gz"


def _shard_without_label(root):
    photos.shards(root)
    import tarfile

    path = root / "imagenet-validation-002.tar"
    with tarfile.open(path, "w") as archive:
        photo = root / photos.name(7).replace(".JPEG", ".jpg")
        photo.write_bytes(photos.jpeg(7))
        archive.add(photo, photo.name)
        photo.unlink()
    return root


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (_removed_label, "photo ILSVRC2012_val_00000003 has no label"),
        (_doubled_photo, "ILSVRC2012_val_00000003 is there 2 times"),
        (_astray, "val_00000005.JPEG lies outside the class folders"),
        (_other_class, "n99999999 is no class of ImageNet-1k"),
        (photos.flat, "no labels: put LOC_val_solution.csv or the devkit's"),
        (_without_meta, "meta.mat is missing; it belongs beside"),
        (_damaged_meta, "meta.mat is not the devkit's"),
        (_unknown_wnid, "line [0-9]+: 'n0144' is no class of ImageNet-1k"),
        (_cut_tar, "val.tar is no uncompressed tar"),
        (_gzip, "unpack it first"),
        (_shard_without_label, "val_00000007.jpg has no .cls"),
        (lambda root: root / "nowhere", "nowhere is missing; name the folder"),
    ],
)
def test_what_is_wrong_is_named(made, said, tmp_path):
    """One line, before any photo is decoded."""
    path = made(tmp_path / "data")

    with pytest.raises(StudyError, match=said) as raised:
        open_photos(path, subset=True)
    assert "\n" not in str(raised.value)


def test_a_part_of_the_set_is_refused_unless_it_is_asked_for(tmp_path):
    """With the first photo that is missing, and a class of which there is none."""
    with pytest.raises(
        StudyError, match=r"has 10 of the 50,000 .*no photo of class n01440764.* is ILSVRC2012_val_00000001"
    ):
        open_photos(photos.class_folders(tmp_path), subset=False)


def test_permuted_labels_of_numbered_photos_are_refused():
    """Half of the labels and more contradict the reassessed ones; right labels pass."""
    pytest.importorskip("timm")
    from senet_lab.data.imagenet_labels import reassessed

    real = reassessed()
    numbers = [n for n in range(1, 1_001) if real[n - 1]]
    names, right = [photos.name(n) for n in numbers], [real[n - 1][0] for n in numbers]
    permuted = np.random.default_rng(0).permutation(right).tolist()

    assert refuse_permuted(names, right, "solution.csv") is None
    with pytest.raises(StudyError, match=r"solution.csv: .* labels agree with the reassessed ones"):
        refuse_permuted(names, permuted, "solution.csv")


@pytest.mark.parametrize("layout", ["folders", "tar"])
def test_photos_of_one_name_in_several_classes_are_told_apart(layout, tmp_path):
    """As in sets that count from 0 in every class. A name that is there twice in one class is still refused."""
    root = tmp_path / "data"
    for wnid in photos.WNIDS[:2]:
        (root / wnid).mkdir(parents=True)
        (root / wnid / "sketch_0.JPEG").write_bytes(photos.jpeg(3))
    path = root
    if layout == "tar":
        path = tmp_path / "data.tar"
        with tarfile.open(path, "w") as file:
            file.add(root, "data")

    assert [(name, label) for name, label, _ in found(path)] == [
        (f"{wnid}/sketch_0", class_index()[wnid]) for wnid in photos.WNIDS[:2]
    ]
    again = tmp_path / "again"
    for inner in "ab":
        shutil.copytree(root, again / inner)
    with pytest.raises(StudyError, match=f"photo {photos.WNIDS[0]}/sketch_0 is there 2 times"):
        found(again)
