"""The room of excitations has one direction: from images and networks to statistics, files, frames, pages."""

from pathlib import Path

from tests.test_house import SOURCES, imports, module_of

ROOM = "senet_lab.excitations."
ORDER = (
    "statistics",
    "running",
    "capture",
    "class_names",
    "labelled_images",
    "trained_network",
    "recorded_runs",
    "networks_of_others",
    "card",
    "files",
    "chosen_blocks",
    "frames",
    "figures",
    "statements",
    "look",
)


def test_a_file_imports_only_files_before_it():
    """Nothing points back, and every file of the room is in the order."""
    files = {module_of(path).removeprefix(ROOM): path for path in SOURCES if module_of(path).startswith(ROOM)}
    backwards = {
        (name, other.removeprefix(ROOM))
        for name, path in files.items()
        for other in imports(path)
        if other.startswith(ROOM) and ORDER.index(other.removeprefix(ROOM)) >= ORDER.index(name)
    }

    assert set(ORDER) == set(files)
    assert set() == backwards


def test_only_pages_draw():
    """The figures, and nothing before them, know matplotlib or the reports."""
    files = [Path(path) for path in SOURCES if module_of(path).startswith(ROOM)]
    drawing = {
        path.stem
        for path in files
        for name in imports(path)
        if name.partition(".")[0] == "matplotlib" or name.startswith("senet_lab.report")
    }

    assert {"figures"} == drawing
