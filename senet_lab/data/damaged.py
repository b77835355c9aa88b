"""Training photos that cannot be read: what a run does with them."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from senet_lab.errors import StudyError

PACK = ".pack"  # the end of the names of files that hold resized photos


class Skipped(dict[str, str]):
    """The damaged photos that were left out: why, by their path below ``root``. allowed: whether any may be."""

    def __init__(self, root: str | Path, allowed: bool) -> None:
        super().__init__()
        self.root, self.allowed = root, allowed

    def note(self, damaged: Iterable[tuple[str, str]], lacking: bool) -> None:
        """Leaves out photos, each a path and its damage, and says so once for each.

        lacking: whether no other photo could stand for them. Raises StudyError then, and where none may be left out.
        """
        for path, why in damaged:
            if path.endswith(PACK):
                raise StudyError(f"{path} is damaged ({why}); remove this file, and it is made again from the photos")
            if lacking:
                raise StudyError(f"{path} is damaged ({why}); copy it again: no other photo may stand for it")
            if not self.allowed:
                raise StudyError(f"{path} is damaged ({why}); copy it again, or train without it by --skip-damaged")
            name = os.path.relpath(path, self.root)
            if name not in self:
                self[name] = why
                print(f"skipped: {path} is damaged ({why})", file=sys.stderr)
