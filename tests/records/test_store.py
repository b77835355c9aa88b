"""Files of the store appear whole, once, or not at all; a lock lives as long as its process."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from senet_lab.errors import StudyError
from senet_lab.records import files as filing
from senet_lab.records.files import replace_file, write_once
from senet_lab.records.record import RecordError, to_json
from senet_lab.records.store import Store
from senet_lab.study import Run
from senet_lab.study.cell import runs_of
from tests.samples import PLAIN, PROTOCOL, SE, TABLE, failed, filled, finished

HOLDER = """
import sys, time
from pathlib import Path
from senet_lab.records.store import Store
from senet_lab.study import Run
from tests.samples import SE
with Store(Path(sys.argv[1])).lock(Run(cell=SE, seed=0)) as held:
    print(held is not None, flush=True)
    time.sleep(60)
"""


def files(folder):
    """Every file below a folder, the hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_record_comes_back(tmp_path):
    """What was written is read; what was not written is None."""
    store = filled(tmp_path, finished(seed=2))

    assert to_json(finished(seed=2)) == to_json(store.read(Run(cell=SE, seed=2)))
    assert store.read(Run(cell=SE, seed=0)) is None
    assert store.read(Run(cell=PLAIN, seed=2)) is None


def test_a_record_lies_where_its_protocol_key_and_seed_say(tmp_path):
    """One file a run, and nothing else."""
    filled(tmp_path, finished(seed=2), epochs=2)

    assert [
        f"{folder}/sample/{SE.key}/seed-2{suffix}" for folder, suffix in (("curves", ".csv"), ("records", ".json"))
    ] == (files(tmp_path))


def test_the_first_record_stands(tmp_path):
    """A second one for the same run changes nothing, and its writer is told."""
    store = filled(tmp_path, finished(wrong=200))
    assert not store.write(finished(wrong=100))

    assert store.read(Run(cell=SE, seed=0)).top1_error_pct == 20.0


def test_write_once_never_overwrites(tmp_path):
    """It says whether it wrote; the old text stays, and nothing else is left."""
    path = tmp_path / "folder" / "file"

    assert write_once(path, "first")
    assert not write_once(path, "second")
    assert path.read_text() == "first"
    assert files(tmp_path) == ["folder/file"]


def test_replace_file_replaces(tmp_path):
    """The new bytes stand, and nothing else is left."""
    path = tmp_path / "file"
    replace_file(path, b"first")
    replace_file(path, b"second")

    assert path.read_bytes() == b"second"
    assert files(tmp_path) == ["file"]


@pytest.mark.parametrize("breaking", ["fsync", "link", "replace"])
@pytest.mark.parametrize("before", [None, "old"])
def test_nothing_half_written_remains(tmp_path, monkeypatch, breaking, before):
    """Where the disk fails in the middle, the old file or none is there, and no temporary one."""
    path = tmp_path / "file"
    if before:
        path.write_text(before)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(filing.os, breaking, fail)
    write = (lambda: replace_file(path, b"new")) if breaking == "replace" else (lambda: write_once(path, "new"))
    with pytest.raises(OSError, match="No space left"):
        write()

    assert ([] if before is None else ["file"]) == files(tmp_path)
    assert before is None or before == path.read_text()


def test_a_half_written_record_is_no_record(tmp_path):
    """A temporary file that a killed process left is neither read nor reported."""
    store = filled(tmp_path, finished(seed=0))
    folder = store.path(Run(cell=SE, seed=0)).parent
    (folder / ".seed-1.json.abc123").write_text(to_json(finished(seed=1))[:100])

    assert [record.run.seed for record in store.read_all()] == [0]
    assert [run.seed for run in store.missing([Run(cell=SE, seed=0), Run(cell=SE, seed=1)])] == [1]


def test_only_what_is_missing_is_missing(tmp_path):
    """Of two rows with three seeds, four runs are left after two; a failed run counts as made. The order stays."""
    store = filled(tmp_path, finished(SE, seed=1), failed(PLAIN, seed=0))

    found = store.missing(runs_of(TABLE.cells, 3))

    assert [(run.cell, run.seed) for run in found] == [(SE, 0), (PLAIN, 1), (PLAIN, 2), (SE, 2)]


def test_a_damaged_record_is_not_trained_over(tmp_path):
    """It is neither missing nor there: the error names its path."""
    store = filled(tmp_path, finished())
    path = store.path(Run(cell=SE, seed=0))
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(RecordError, match=f"{path} is no valid record"):
        store.missing([Run(cell=SE, seed=0)])


@pytest.mark.parametrize("reader", [lambda s: s.read(Run(cell=SE, seed=1)), lambda s: s.read_all()])
def test_a_copied_record_is_no_second_seed(tmp_path, reader):
    """A record under another run's name is refused, one by one and all together."""
    store = filled(tmp_path, finished(seed=0))
    copy = store.path(Run(cell=SE, seed=1))
    copy.write_bytes(store.path(Run(cell=SE, seed=0)).read_bytes())

    with pytest.raises(RecordError, match=f"{copy} is the record of another run"):
        reader(store)


def test_only_the_cells_that_are_asked_for_are_read(tmp_path):
    """In the order of all; a damaged record of another cell does not matter, one of these does."""
    store = filled(tmp_path, finished(PLAIN, seed=1), finished(PLAIN), finished(SE))
    store.path(Run(cell=SE, seed=0)).write_text("damaged")

    assert [record.run.seed for record in store.read_cells([PLAIN, PLAIN])] == [0, 1]
    assert store.read_cells([replace(SE, backbone="other")]) == []
    with pytest.raises(RecordError, match="is no valid record"):
        store.read_cells([SE])


def test_protocols_are_those_of_the_records(tmp_path):
    """Each as it was, by name and version; a record that says none is an error and not a protocol less."""
    newer = replace(SE, protocol=replace(PROTOCOL, version=2, epochs=3))
    store = filled(tmp_path, finished(newer), finished(PLAIN), finished(SE))
    assert Store(tmp_path / "none").protocols() == []
    assert store.protocols() == [PROTOCOL, newer.protocol]

    store.path(Run(cell=SE, seed=0)).write_text("{}")
    with pytest.raises(RecordError, match="is no valid record"):
        store.protocols()


@pytest.mark.parametrize("place", ["records", "records/sample"])
def test_a_file_in_a_folders_place_is_not_no_records(tmp_path, place):
    """Nor is a link that leads nowhere, or to itself: whoever lists records hears of it."""
    store = Store(tmp_path)
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    for spoil in (Path.touch, lambda p: p.symlink_to(p), lambda p: p.symlink_to(tmp_path / "nowhere")):
        spoil(tmp_path / place)
        for use in (store.read_all, store.protocols, lambda: store.missing([finished().run])):
            with pytest.raises(StudyError, match=str(tmp_path / place)):
                use()
        (tmp_path / place).unlink()


def test_bytes_that_are_no_text_are_refused(tmp_path):
    """Not a UnicodeDecodeError."""
    store = filled(tmp_path, finished())
    store.path(Run(cell=SE, seed=0)).write_bytes(b"\xff\xfe\x00")

    with pytest.raises(RecordError, match="is no valid record"):
        store.read_all()


def test_a_curve_is_one_line_an_epoch(tmp_path):
    """Header and two epochs, every number with its name."""
    store = filled(tmp_path, finished(), epochs=2)
    lines = store.path(Run(cell=SE, seed=0), "curves", ".csv").read_text().splitlines()

    errors = "test_top1_error_pct,test_top5_error_pct"
    assert lines[0] == f"epoch,learning_rate,train_loss,train_top1_error_pct,test_loss,{errors},seconds"
    assert lines[1:] == ["1,0.05,2.0,80.0,1.5,60.0,20.0,6.25", "2,0.025,1.0,40.0,0.75,30.0,10.0,6.25"]


def test_a_folder_that_cannot_be_written_is_found_before_training(tmp_path):
    """A file in its place, or a file system that takes none: one line that names the folder and --results."""
    (tmp_path / "results").write_text("a file")

    for root in (tmp_path / "results", tmp_path / "results" / "below"):
        with pytest.raises(StudyError, match=f"cannot write to {root} .*--results") as caught:
            Store(root).prepare()
        assert len(str(caught.value).splitlines()) == 1
    Store(tmp_path / "new").prepare()
    assert files(tmp_path) == ["results"]


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the run of seed 0."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
    )
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_run_is_held_by_one_process(tmp_path, holder):
    """While another process holds a run the lock says False, for that run only; when it is killed the run is free."""
    store = Store(tmp_path)
    with store.lock(Run(cell=SE, seed=0)) as same, store.lock(Run(cell=SE, seed=1)) as other:
        assert (same is None, other is None) == (True, False)

    holder.send_signal(signal.SIGKILL)
    holder.wait()
    until = time.monotonic() + 60
    held = None
    while held is None and time.monotonic() < until:
        with store.lock(Run(cell=SE, seed=0)) as held:
            time.sleep(0.01)
    assert held is not None


def test_a_run_is_free_after_its_holder(tmp_path):
    """The lock is given back at the end of the block, and when what is in it breaks."""
    store, run = Store(tmp_path), Run(cell=SE, seed=0)
    with pytest.raises(RuntimeError), store.lock(run):  # noqa: PT012 - the lock is what is tested
        with store.lock(run) as again:
            assert again is None
        raise RuntimeError
    with store.lock(run) as held:
        assert held is not None


def test_locks_lie_outside_git(tmp_path):
    """Below cache, which .gitignore names: the file that is locked, and the lease, which was given back."""
    with Store(tmp_path).lock(Run(cell=SE, seed=0)):
        pass
    lock = f"cache/locks/{PROTOCOL.name}/{SE.key}/seed-0.lock"

    assert [lock, f"{lock}.lease-1"] == files(tmp_path)
    assert Store(tmp_path).holder(Run(cell=SE, seed=0)) is None


def test_a_recorded_run_needs_no_lock(tmp_path):
    """Its lock and lease go with whoever recorded it."""
    store = Store(tmp_path)
    with store.lock(finished().run):
        store.write(finished())

    assert [f"records/{PROTOCOL.name}/{SE.key}/seed-0.json"] == files(tmp_path)
