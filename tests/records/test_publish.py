"""A record, its curve, its gates and its weights are of one run, whoever else writes and whoever is killed."""

import os
from dataclasses import replace

import pytest

from senet_lab.errors import StudyError
from senet_lab.records import publish as publishing
from senet_lab.records.curves import curve_csv, curve_of
from senet_lab.records.gate_health import GateHealth, constant_blocks, gates_csv
from senet_lab.records.publish import RunFiles, file_of, publish, put_in_place, read_file, tidy
from senet_lab.records.reading import Unreadable
from senet_lab.records.record import RecordError, to_json
from senet_lab.records.store import Store
from tests.samples import finished

OURS = RunFiles(curve=b"our curve", gates=b"our gates", weights=b"our weights")
THEIRS = RunFiles(curve=b"their curve", gates=b"our gates", weights=b"their weights")
OURS_NAMES = ("curve", "gates", "weights")  # boxes are a detector's
RUN = finished().run
GATES = GateHealth(epoch=1, block="SE_2_1", mean=0.5, spread=0.1, share_low=0.0, share_high=0.0)


def files(folder):
    """Every file below a folder, with its text."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def places(store):
    return [file_of(store, RUN, name) for name in OURS_NAMES]


def test_the_record_names_its_files(tmp_path):
    """Four files in their places, and nothing else; the record has the digests of three."""
    store = Store(tmp_path)
    published = publish(store, finished(), OURS)

    assert published.taken
    assert [path.read_bytes() for path in places(store)] == [b"our curve", b"our gates", b"our weights"]
    assert len(files(tmp_path)) == 4
    assert store.read(RUN).files == OURS.digests()
    assert len(set(map(str, (OURS.digests().curve, OURS.digests().gates, OURS.digests().weights)))) == 3
    assert [read_file(store, published.record, name) for name in OURS_NAMES] == [
        b"our curve",
        b"our gates",
        b"our weights",
    ]


def test_another_record_stands_with_its_files(tmp_path):
    """Who comes second changes nothing, learns what stands, and leaves nothing behind."""
    store = Store(tmp_path)
    publish(store, finished(wrong=520), THEIRS)
    before = files(tmp_path)
    published = publish(store, finished(wrong=120), OURS)

    assert (published.taken, published.record.top1_error_pct) == (False, 52.0)
    assert files(tmp_path) == before


def test_another_record_that_comes_between_stands_too(tmp_path, monkeypatch):
    """The same where theirs appears after we looked and before ours is added."""
    store = Store(tmp_path)
    write = publishing.write_once

    def late(path, text):
        monkeypatch.setattr(publishing, "write_once", write)
        publish(store, finished(wrong=520), THEIRS)
        return write(path, text)

    monkeypatch.setattr(publishing, "write_once", late)
    published = publish(store, finished(wrong=120), OURS)

    assert (published.taken, published.record.top1_error_pct) == (False, 52.0)
    assert [path.read_bytes() for path in places(store)] == [b"their curve", b"our gates", b"their weights"]
    assert len(files(tmp_path)) == 4


def test_a_record_is_checked_before_anything_is_written(tmp_path):
    """One whose error is not that of its images is not written, nor are its files."""
    wrong = replace(finished(), top1_error_pct=1.0)

    for write in (lambda: publish(Store(tmp_path), wrong, OURS), lambda: Store(tmp_path).write(wrong)):
        with pytest.raises(RecordError, match=r"\(top1_error_pct is not that of its images\); nothing is recorded"):
            write()
    assert files(tmp_path) == {}


def test_a_link_to_nothing_is_no_missing_record(tmp_path):
    """It is named, before training and when a record is written, and left as it is."""
    store = Store(tmp_path)
    path = store.path(RUN)
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "nowhere")

    for use in (lambda: store.missing([RUN]), lambda: publish(store, finished(), OURS), lambda: tidy(store, [RUN])):
        with pytest.raises(Unreadable, match=f"{path} is a link to nothing; mend or remove it"):
            use()
    assert path.is_symlink()
    assert files(tmp_path) == {}


def test_a_file_of_another_run_is_refused(tmp_path):
    """A curve that was overwritten is not shown as that of the record."""
    store = Store(tmp_path)
    record = publish(store, finished(), OURS).record
    for name in ("curve", "gates", "weights"):
        file_of(store, RUN, name).write_bytes(b"another")
        with pytest.raises(StudyError, match="is not the file that its record names"):
            read_file(store, record, name)
    for read in (lambda: curve_of(record, store), lambda: constant_blocks(record, store)):
        with pytest.raises(StudyError, match="is not the file that its record names"):
            read()


@pytest.mark.parametrize("name", ["curve", "gates"])
@pytest.mark.parametrize("text", [b"epoch,other\n1,2\n", b"", b"\xff", None])
def test_a_damaged_file_is_named_with_its_line(tmp_path, name, text):
    """Other columns, nothing at all, no text, a line that is cut."""
    store, record = Store(tmp_path), finished()
    path = file_of(store, RUN, name)
    path.parent.mkdir(parents=True)
    whole = {"curve": curve_csv([]), "gates": gates_csv([GATES]).splitlines()[0] + b"\n"}[name]
    path.write_bytes(whole + b"1,0.5\n" if text is None else text)

    with pytest.raises(StudyError, match=f"{path}.*restore it from git, or delete it: the record does not need it"):
        {"curve": curve_of, "gates": constant_blocks}[name](record, store)


def killed(monkeypatch, store, before):
    """A process that ends just before it puts the record, or its files, in place."""

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as context:
        context.setattr(*before, die)
        with pytest.raises(Killed):
            publish(store, finished(), OURS)


def test_the_next_command_puts_the_files_of_a_record_in_place(tmp_path, monkeypatch):
    """Its writer was killed after the record stood."""
    store = Store(tmp_path)
    killed(monkeypatch, store, (publishing, "put_in_place"))
    assert not any(path.exists() for path in places(store))

    tidy(store, [RUN])
    assert [path.read_bytes() for path in places(store)] == [b"our curve", b"our gates", b"our weights"]
    assert len(files(tmp_path)) == 4


def test_files_that_wait_without_a_record_are_written_again(tmp_path, monkeypatch):
    """Its writer was killed before; the run is made again, by whomever, and its files are the ones that stand."""
    store = Store(tmp_path)
    killed(monkeypatch, store, (publishing, "write_once"))
    tidy(store, [RUN])
    publish(store, finished(wrong=520), THEIRS)

    assert [path.read_bytes() for path in places(store)] == [b"their curve", b"our gates", b"their weights"]
    assert len(files(tmp_path)) == 4


def test_leftovers_go_and_what_is_needed_stays(tmp_path):
    """A checkpoint and lock of a recorded run, half-written files; not those of a run that is not recorded."""
    store, other = Store(tmp_path), replace(RUN, seed=1)
    publish(store, finished(), OURS)
    before = files(tmp_path)
    for run in (RUN, other):
        for folder, suffix in (("cache/checkpoints", ".safetensors"), ("cache/locks", ".lock")):
            path = store.path(run, folder, suffix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"state")
    (tmp_path / "curves" / f".x.{publishing.lease.machine()}-4194999-3.part").write_bytes(b"ha")
    tidy(store, [RUN, other])

    kept = {str(store.path(other, *place).relative_to(tmp_path)): b"state" for place in LEFT}
    assert files(tmp_path) == before | kept


LEFT = (("cache/checkpoints", ".safetensors"), ("cache/locks", ".lock"))


def test_the_lock_of_a_worker_stays(tmp_path):
    """A worker that has just recorded a run still holds it."""
    store = Store(tmp_path)
    with store.lock(RUN):
        store.write(finished())
        tidy(store, [RUN])
        assert store.holder(RUN).process == os.getpid()
    assert store.holder(RUN) is None


def test_put_in_place_may_be_repeated(tmp_path):
    """By two processes, or twice by one."""
    store = Store(tmp_path)
    record = publish(store, finished(), OURS).record
    before = files(tmp_path)
    put_in_place(store, record)

    assert files(tmp_path) == before
    assert to_json(store.read(RUN)) == to_json(record)
