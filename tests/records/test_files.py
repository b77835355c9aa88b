"""Absent, empty and unreadable are three things; what is written is whole or not there, on any file system."""

import errno
import os
import threading

import pytest

from senet_lab.errors import StudyError
from senet_lab.records import files as filing
from senet_lab.records.files import remove_file, remove_parts, replace_file, write_once
from senet_lab.records.reading import Unreadable, folders_in, is_file, is_folder, list_folder, read_bytes

READERS = [read_bytes, list_folder, is_file, is_folder, folders_in]


def refuse(monkeypatch, name, number):
    """A file system on which one call is always refused."""

    def refused(*args, **options):
        raise OSError(number, os.strerror(number), args[0] if args else None)

    monkeypatch.setattr(filing.os, name, refused)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_absent_is_not_empty(tmp_path):
    """None for what is not there, however deep; a value for what is empty."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "nothing").write_bytes(b"")

    for absent in (tmp_path / "x", tmp_path / "x" / "y" / "z"):
        assert [reader(absent) for reader in READERS] == [None, None, False, False, []]
    assert list_folder(tmp_path / "empty") == []
    assert read_bytes(tmp_path / "nothing") == b""
    assert (is_file(tmp_path / "nothing"), is_folder(tmp_path / "empty")) == (True, True)


@pytest.mark.parametrize("reader", READERS)
def test_what_cannot_be_read_is_not_nothing(tmp_path, reader):
    """A looping link, a link to nothing at the end or on the way, a file in a folder's place."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("text")

    for path in ("loop", "dangling", "dangling/below", "file/below"):
        with pytest.raises(Unreadable) as caught:
            reader(tmp_path / path)
        assert str(tmp_path / path.partition("/")[0]) in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("name", "reader"), [("open", read_bytes), ("listdir", list_folder), ("stat", is_file)])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_refusal_is_not_nothing(tmp_path, monkeypatch, name, reader, number):
    """Permissions, a bad disk, a file server that forgot."""
    refuse(monkeypatch, name, number)

    with pytest.raises(Unreadable, match=f"{tmp_path}/x cannot be read .*not taken for nothing"):
        reader(tmp_path / "x")


def test_what_is_no_file_is_not_read(tmp_path):
    """A folder, and a FIFO, which would wait for a writer for ever."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()

    for name in ("fifo", "folder"):
        with pytest.raises(StudyError, match=f"{name} is no regular file; move it away"):
            read_bytes(tmp_path / name)
        with pytest.raises(StudyError, match=f"{name} is no file, though one belongs there"):
            is_file(tmp_path / name)


def test_a_folder_of_folders_holds_nothing_else(tmp_path):
    """A file among them is named, a hidden one is nobody's."""
    (tmp_path / "a").mkdir()
    (tmp_path / ".DS_Store").write_text("")
    assert folders_in(tmp_path) == [tmp_path / "a"]
    assert list_folder(tmp_path, hidden=True) == [tmp_path / ".DS_Store", tmp_path / "a"]

    (tmp_path / "b").write_text("")
    with pytest.raises(Unreadable, match=f"{tmp_path}/b is no folder"):
        folders_in(tmp_path)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_hard_links_a_file_is_written_once(tmp_path, monkeypatch, number):
    """The first of two stands, and nothing else is left."""
    refuse(monkeypatch, "link", number)

    assert write_once(tmp_path / "a", "first")
    assert not write_once(tmp_path / "a", "second")
    assert (tmp_path / "a").read_text() == "first"
    assert names(tmp_path) == ["a"]


def test_without_hard_links_one_of_many_writers_is_first(tmp_path, monkeypatch):
    """Sixteen at once: one is told that its text stands, and it does."""
    refuse(monkeypatch, "link", errno.EPERM)
    told, begin = {}, threading.Barrier(16)

    def write(number):
        begin.wait()
        told[number] = write_once(tmp_path / "a", str(number))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [int((tmp_path / "a").read_text())] == [number for number, first in told.items() if first]
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_what_cannot_be_synced_is_written(tmp_path, monkeypatch, number):
    """Folders on many file systems, and everything on some."""
    refuse(monkeypatch, "fsync", number)
    replace_file(tmp_path / "a", b"new")

    assert (tmp_path / "a").read_bytes() == b"new"


def test_modes_are_not_changed(tmp_path, monkeypatch):
    """A new file has the mode that the user's umask gives; nothing calls chmod, which some file systems refuse."""
    refuse(monkeypatch, "chmod", errno.EPERM)
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "a", b"")
        write_once(tmp_path / "b", "")
    finally:
        os.umask(before)

    assert [(tmp_path / name).stat().st_mode & 0o777 for name in "ab"] == [0o640, 0o640]


def test_what_killed_writers_left_is_removed(tmp_path):
    """Of a process that is gone at once, of another machine after an hour; what a living one writes stays."""
    here, there = filing.machine(), "0" * 12
    gone, ours = tmp_path / f".a.{here}-4194999-0.part", tmp_path / f".d.{here}-{os.getpid()}-0.part"
    old, young, other = tmp_path / f".b.{there}-1-0.part", tmp_path / f".c.{there}-1-0.part", tmp_path / ".hidden"
    for path in (gone, old, young, ours, other):
        path.write_text("half")
    os.utime(old, (1, 1))

    assert remove_parts(tmp_path) == [gone, old]
    assert names(tmp_path) == sorted(path.name for path in (young, ours, other))


def test_a_file_that_is_not_there_is_removed_on_a_read_only_file_system(tmp_path, monkeypatch):
    """The system says that it is read-only before it looks; a file that is there stays, and that is said."""
    (tmp_path / "there").touch()
    refuse(monkeypatch, "unlink", errno.EROFS)

    assert not remove_file(tmp_path / "absent")
    with pytest.raises(OSError, match="Read-only"):
        remove_file(tmp_path / "there")
