"""Files that a person may have edited: whole, or one line that names file, line and mend."""

import os
from dataclasses import asdict

import pytest

from senet_lab.errors import StudyError
from senet_lab.records.checked_files import csv_text, read_csv, read_json, read_text
from senet_lab.records.curves import COLUMNS, read_curve
from senet_lab.records.gate_health import COLUMNS as GATES
from senet_lab.records.gate_health import constant_blocks, gates_path
from senet_lab.records.store import Store
from tests.samples import SE, filled, finished

MEND = "restore it"


def test_a_pipe_and_a_folder_are_no_files(tmp_path):
    """A pipe that nobody writes to would block its reader for ever; it is refused unopened."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()

    for name in ("pipe", "folder"):
        with pytest.raises(StudyError, match=f"{name} is no regular file; restore it"):
            read_text(tmp_path / name, MEND)


def test_bytes_that_are_no_text_are_named(tmp_path):
    """The place of the first one."""
    (tmp_path / "x").write_bytes(b"abc\xff")

    with pytest.raises(StudyError, match="x: byte 3 is not UTF-8; restore it"):
        read_text(tmp_path / "x", MEND)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n "a": 1,\n}', "line [23]: "),
        ("[]", "holds no JSON object"),
        ('{"a": NaN}', "NaN is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"a": ' + "9" * 5_000 + "}", "is no JSON"),
    ],
)
def test_json_is_one_object(tmp_path, text, said):
    """Not a list, no NaN, no depth that breaks the reader."""
    (tmp_path / "x.json").write_text(text)

    with pytest.raises(StudyError, match=f"x.json.*{said}.*; restore it"):
        read_json(tmp_path / "x.json", MEND)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "its columns are not a, b"),
        ("b,a\n", "its columns are not a, b"),
        ("a,b\n1,2\n3\n", "line 3: it has not 2 fields"),
        ("a,b\n1,2,3\n", "line 2: it has not 2 fields"),
        ('a,b\n1,"2\n', "line 2: unexpected end of data"),
    ],
)
def test_a_table_of_another_form_is_refused(tmp_path, text, said):
    """Header and number of fields are checked before anything is used."""
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(StudyError, match=f"x.csv.*{said}.*; restore it"):
        read_csv(tmp_path / "x.csv", ("a", "b"), MEND)


def test_columns_may_be_any_but_not_twice(tmp_path):
    """Two columns of one name would hide each other."""
    (tmp_path / "x.csv").write_text("a,a\n1,2\n")

    with pytest.raises(StudyError, match="its columns are not given once each"):
        read_csv(tmp_path / "x.csv", None, MEND)


def test_what_is_written_is_read(tmp_path):
    """Commas, quotes and line feeds in a field come back."""
    lines = [{"a": 'x, "y"', "b": "two\nlines"}, {"a": "z"}]
    (tmp_path / "x.csv").write_text(csv_text(("a", "b"), lines))

    assert [lines[0], {"a": "z", "b": ""}] == read_csv(tmp_path / "x.csv", ("a", "b"), MEND)


def curve_file(tmp_path, *changes):
    """The path of a curve of two epochs after some replacements in its text."""
    filled(tmp_path, finished(), epochs=2)
    path = Store(tmp_path).path(finished().run, "curves", ".csv")
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


def test_a_curve_comes_back(tmp_path):
    """Two epochs with their numbers; no file is no curve."""
    first, second = read_curve(curve_file(tmp_path))

    assert (first.epoch, second.epoch, second.train_top1_error_pct) == (1, 2, 40.0)
    assert set(COLUMNS) == set(asdict(first))
    assert read_curve(tmp_path / "none.csv") is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("60.0", "nan", "line 2: 'nan' is no finite number"),
        ("60.0", "sixty", "line 2: could not convert"),
        ("2,0.025", "3,0.025", "line 3: epoch 3 stands where epoch 2 belongs"),
        ("seconds", "minutes", "its columns are not epoch"),
    ],
)
def test_a_curve_that_is_not_whole_is_refused(tmp_path, old, new, said):
    """The line is named, and that the record stands without it."""
    with pytest.raises(StudyError, match=f"seed-0.csv.*{said}.*; restore it from git, or delete it"):
        read_curve(curve_file(tmp_path, (old, new)))


def test_a_cut_file_of_gates_is_refused(tmp_path):
    """Where its last line lacks a field, the blocks of the last epoch are not known."""
    store = Store(tmp_path)
    path = gates_path(finished(SE).run, store)
    path.parent.mkdir(parents=True)
    path.write_text(",".join(GATES) + "\n1,SE_2_1,0.5,0.1,0.0,0.0,\n1,SE_2")

    with pytest.raises(StudyError, match=r"gates\.csv, line 3: it has not 7 fields"):
        constant_blocks(finished(SE), store)
