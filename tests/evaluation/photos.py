"""A few labelled photos, and the ways in which a validation set is laid out."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

WNIDS = ("n01443537", "n02110958", "n09246464")
LABELS = (1, 254, 972)  # where these stand among the 1000
NUMBERS = (3, 4, 10, 17, 293, 294, 305, 40_000, 49_999, 50_000)
DEVKIT_NUMBERS = {wnid: number for number, wnid in enumerate(reversed(WNIDS), start=1)}  # in an order of its own


def name(number: int) -> str:
    """As the validation set names its photos."""
    return f"ILSVRC2012_val_{number:08}.JPEG"


def wnid(number: int) -> str:
    """The class of a photo."""
    return WNIDS[number % 3]


def jpeg(number: int, size: tuple[int, int] = (70, 52)) -> bytes:
    """Coloured noise, of a shape of its own."""
    pixels = np.random.default_rng(number).integers(0, 256, (size[1] + number % 5, size[0], 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=90)
    return data.getvalue()


def class_folders(root: Path, inner: str = "val") -> Path:
    """``<root>/<inner>/<wnid>/*.JPEG``."""
    for number in NUMBERS:
        folder = root / inner / wnid(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name(number)).write_bytes(jpeg(number))
    return root


def flat(root: Path, inner: str = "val") -> Path:
    """All photos in one folder, without labels."""
    (root / inner).mkdir(parents=True)
    for number in NUMBERS:
        (root / inner / name(number)).write_bytes(jpeg(number))
    return root


def kaggle(root: Path) -> Path:
    """Flat, with Kaggle's solution file beside the photos."""
    flat(root, "ILSVRC/Data/CLS-LOC/val")
    lines = [f"{name(n)[:-5]},{wnid(n)} 1 2 3 4 {wnid(n)} 5 6 7 8" for n in reversed(NUMBERS)]
    (root / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + "\n".join(lines) + "\n")
    return root


def devkit(root: Path) -> Path:
    """Flat, with the development kit unpacked beside the photos."""
    flat(root)
    folder = root / "ILSVRC2012_devkit_t12" / "data"
    folder.mkdir(parents=True)
    truth = [str(DEVKIT_NUMBERS[wnid(n)]) for n in range(1, 50_001)]
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text("\n".join(truth) + "\n")
    kind = np.dtype([("ILSVRC2012_ID", object), ("WNID", object)])
    synsets = np.array([(number, w) for w, number in DEVKIT_NUMBERS.items()], dtype=kind)
    savemat(folder / "meta.mat", {"synsets": synsets})
    return root


def tar_of(folder: Path, path: Path) -> Path:
    """An uncompressed tar of a folder's content."""
    with tarfile.open(path, "w") as archive:
        for inner in sorted(folder.iterdir()):
            archive.add(inner, inner.name)
    return path


def tar(root: Path) -> Path:
    """One tar with class folders in it."""
    root.mkdir()
    class_folders(root / "unpacked")
    return tar_of(root / "unpacked", root / "val.tar")


def flat_tar(root: Path) -> Path:
    """The tar that ImageNet's own site has, with Kaggle's labels beside it."""
    kaggle(root)
    path = tar_of(root / "ILSVRC/Data/CLS-LOC/val", root / "ILSVRC2012_img_val.tar")
    return path


def shards(root: Path) -> Path:
    """Two tars of NAME.jpg and NAME.cls."""
    root.mkdir()
    for shard in (0, 1):
        with tarfile.open(root / f"imagenet-validation-{shard:03}.tar", "w") as archive:
            for number in NUMBERS[shard::2]:
                for suffix, data in (("jpg", jpeg(number)), ("cls", str(LABELS[number % 3]).encode())):
                    member = tarfile.TarInfo(f"{name(number)[:-5]}.{suffix}")
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
    return root


def parquet(root: Path) -> Path:
    """One parquet file with the columns image and label, in rows of groups of four."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (root / "data").mkdir(parents=True)
    rows = [{"bytes": jpeg(n), "path": f"{name(n)[:-5]}_{wnid(n)}.JPEG"} for n in NUMBERS]
    table = pa.table({"image": rows, "label": [LABELS[n % 3] for n in NUMBERS]})
    pq.write_table(table, root / "data" / "validation-00000-of-00001.parquet", row_group_size=4)
    return root
