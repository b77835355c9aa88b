"""Readable names of classes, from the paper, a file beside the photos, or timm."""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from senet_lab.excitations.statistics import COLUMNS

# The four classes in the paper's figures of excitations, under the paper's names.
WNIDS = {"n01443537": "goldfish", "n02110958": "pug", "n02690373": "plane", "n09246464": "cliff"}
NAME_FILES = ("synset_words.txt", "LOC_synset_mapping.txt")  # each line: WordNet ID, space, names


def readable_names(path: Path, wnids: Sequence[str]) -> tuple[str, ...]:
    """A readable name of each class, no two alike.

    Of classes with one name, that of the paper's figures keeps it; others get the names of their folders.
    A class with the name of a column in a capture's files gets a word before its name, and so does one that begins with
    an underscore, which legends leave out.
    """
    known = _human_names(path, wnids)
    names = [known.get(wnid, wnid) for wnid in wnids]
    counts = Counter(names)
    unique = (
        name if counts[name] == 1 or WNIDS.get(wnid) == name else wnid for name, wnid in zip(names, wnids, strict=True)
    )
    return tuple(f"class {name}" if name in COLUMNS or name.startswith("_") else name for name in unique)


def _human_names(path: Path, wnids: Sequence[str]) -> Mapping[str, str]:
    """Readable names of classes: the paper's, else from a file beside the folders, else timm's if it is installed."""
    names = {}
    with contextlib.suppress(ImportError):
        from timm.data.imagenet_info import ImageNetInfo

        known = ImageNetInfo("imagenet-1k")
        described = {wnid: known.label_name_to_description(wnid) for wnid in wnids if wnid in known.label_names()}
        names = {wnid: text.split(",")[0].strip() for wnid, text in described.items()}
    for file in (path / name for name in NAME_FILES):
        if file.is_file():
            lines = (line.partition(" ") for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
            names |= {wnid: text.split(",")[0].strip() for wnid, _, text in lines}
    return names | WNIDS
