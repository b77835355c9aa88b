"""``verify``: which record it takes, what it says, and that it writes nothing where results lie."""

import json
from dataclasses import replace

import pytest

from senet_lab.cli import catalogue, commands_verify, studies
from senet_lab.errors import StudyError
from senet_lab.records.record import FileDigests
from senet_lab.records.store import Store
from senet_lab.study import Run
from senet_lab.study.protocol import PhotoSet
from senet_lab.training.stopping import Paused
from tests.samples import PART, PROTOCOL, PROVENANCE, filled, finished, one_line

ROWS = studies.table_under(catalogue.find_table("table7"), "demo").rows
FIRST, SECOND = ROWS[0].cell, ROWS[1].cell


@pytest.fixture
def store(tmp_path):
    """Two cells with two seeds; the second one takes ten times as long."""
    slow = replace(PROVENANCE, train_seconds=125.0)
    quick = [finished(FIRST, seed) for seed in (0, 1)]
    return filled(
        tmp_path / "results", *quick, *(replace(finished(SECOND, s), provenance=slow) for s in (0, 1)), epochs=2
    )


@pytest.fixture
def trained(monkeypatch):
    """Stands for training: what is asked for, and the record that comes of it."""
    asked = []

    def train(label, run, root, options):
        asked.append((label, root, options))
        filled(root, finished(run.cell, run.seed, asked_wrong[0]), epochs=2)

    asked_wrong = [200]
    monkeypatch.setattr(commands_verify, "train_run", train)
    asked_for = asked
    return asked_for, asked_wrong


def files(root):
    return sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))


def test_a_record_by_its_key(senet_lab, store, trained):
    """Trained elsewhere under its own circumstances; status 0; nothing under results is touched."""
    before = files(store.root)
    status, out, err = senet_lab("verify", f"{FIRST.key}/1")
    ((label, root, options),) = trained[0]

    assert (0, f"{FIRST.key}/1: all 2,000 bits equal") == (status, out.splitlines()[0])
    assert label == f"{FIRST.key}/1"
    assert (options.device, options.executor, options.threads) == ("cpu", "device", 1)
    assert options.settings().trunk_results.resolve() == store.root  # a detector's trunk is recorded where its run is
    assert before == files(store.root)
    assert not root.exists()
    assert "table7 original" in err


def test_a_curve_of_another_digest_is_refused_before_training(senet_lab, tmp_path, trained):
    """It took hours to find that nothing can be compared."""
    filled(tmp_path / "results", replace(finished(FIRST), files=FileDigests(curve="0" * 64)), epochs=2)
    status, _, err = senet_lab("verify", f"{FIRST.key}/0")

    assert (status, trained[0]) == (2, [])
    assert "is not the file that its record names; restore it from git" in err.splitlines()[-1]


def test_other_bits_end_with_status_1(senet_lab, store, trained):
    """On the same machine one is enough."""
    trained[1][0] = 201
    status, out, _ = senet_lab("verify", f"{FIRST.key}/0", "--json")

    assert (status, json.loads(out)["outcome"], json.loads(out)["differing_bits"]) == (1, "different", 1)


def test_a_table_stands_for_its_records(senet_lab, store, trained, monkeypatch):
    """One is drawn of both cells with the seed that is asked for."""
    drawn = []
    monkeypatch.setattr(commands_verify.random, "choice", lambda found: drawn.extend(found) or found[0])
    status, _, _ = senet_lab("verify", "table7", "--seed", "1")

    assert status == 0
    assert {(record.run.cell.key, record.run.seed) for _, record in drawn} == {
        (cell.key, 1) for cell in (FIRST, SECOND)
    }
    assert len(trained[0]) == 1


def test_minutes_choose_by_the_plans_estimate(senet_lab, store, trained):
    """12.5 seconds fit into a minute, 125 do not; training is given no more than that either."""
    for _ in range(8):
        senet_lab("verify", "--minutes", "1")

    assert {label.partition("/")[0] for label, *_ in trained[0]} == {FIRST.key}
    assert {options.max_minutes for *_, options in trained[0]} == {1.0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--minutes", "0.1"], "none of 4 records can be trained in 0.1 minutes: the quickest takes about 12 seconds"),
        (["table12"], "no table is called 'table12'"),
        (["tpami-table5"], "results has no record of tpami-table5 to verify"),
        (["--seed", "7"], "results has no record with seed 7 to verify"),
        (["0123456789abcdef"], "no record of '0123456789abcdef' is in results"),
        (["--scratch", "results"], "results is a folder of results; choose another folder for --scratch"),
    ],
)
def test_what_cannot_be_verified_is_one_line(senet_lab, store, trained, words, said):
    """And status 2; nothing is trained."""
    status, out, err = senet_lab("verify", *words)

    assert (status, out, trained[0]) == (2, "", [])
    assert said in err


def test_when_the_time_is_over_nothing_is_said(senet_lab, store, monkeypatch):
    """Status 75, as of every run that was asked to end, and how to go on."""

    def train(*_):
        raise Paused("stopped")

    monkeypatch.setattr(commands_verify, "train_run", train)
    store.root.rename(store.root.with_name("my results"))
    status, out, err = senet_lab("verify", f"{FIRST.key}/0", "--minutes", "5", "--results", "my results")

    assert (status, out) == (75, "")
    assert f"senet-lab verify {FIRST.key}/0 --scratch DIR --results 'my results' keeps" in one_line(
        err.splitlines()[-1]
    )


def test_code_of_ones_own_is_named_by_its_file(senet_lab, tmp_path, monkeypatch):
    """A key alone does not say where the code lies; the answer does."""
    part = replace(PART, extensions={"my_table": "ab" * 32})
    record = replace(finished(FIRST), provenance=replace(PROVENANCE, parts=(part,)))
    filled(tmp_path / "results", record)

    def train(*_):
        raise StudyError("no block is called 'eca'")

    monkeypatch.setattr(commands_verify, "train_run", train)
    status, _, err = senet_lab("verify", f"{FIRST.key}/0")

    assert status == 2
    assert "no block is called 'eca'; the record has code of its user's own: senet-lab verify my_table.py" in err


def test_a_run_with_code_of_ones_own_goes_on_by_its_file(senet_lab, tmp_path, monkeypatch):
    """Of two records with one seed, it is the one that the scratch folder has begun, whatever the minutes."""
    part = replace(PART, extensions={"my_table": "ab" * 32})
    own = replace(PROVENANCE, parts=(part,))
    filled(tmp_path / "results", *(replace(finished(cell), provenance=own) for cell in (FIRST, SECOND)))
    begun = Store(tmp_path / "again").path(Run(cell=SECOND, seed=0), "cache/checkpoints", ".safetensors")
    begun.parent.mkdir(parents=True)
    begun.touch()
    labels = []

    def train(label, *_):
        labels.append(label)
        raise Paused("stopped")

    monkeypatch.setattr(commands_verify, "train_run", train)
    monkeypatch.setattr(commands_verify.random, "choice", lambda found: found[0])
    (tmp_path / "my_table.py").write_text(
        "from dataclasses import replace\nfrom ablations import cvpr2018_table7_reduction as paper\n"
        "TABLE = replace(paper.TABLE, edition='mine')"
    )
    status, _, err = senet_lab("verify", "my_table.py", "--scratch", "again", "--minutes", "0.01")

    assert (status, labels) == (75, [f"{SECOND.key}/0"])
    assert "senet-lab verify my_table.py --seed 0 --scratch again goes on" in one_line(err.splitlines()[-1])


def test_scratch_is_kept(senet_lab, store, trained, tmp_path):
    """What is trained there stays."""
    assert senet_lab("verify", f"{FIRST.key}/0", "--scratch", "again")[0] == 0
    assert commands_verify.RESULTS.joinpath("records").exists()
    assert filled(tmp_path / "again").has_record(Run(cell=FIRST, seed=0))


def test_a_run_that_the_scratch_folder_has_is_not_compared_again(senet_lab, store, trained, tmp_path):
    """Nothing would be trained, and the bits of an earlier call would stand for those of the code as it is now."""
    words = ["verify", f"{FIRST.key}/0", "--scratch", "again"]
    senet_lab(*words)
    status, out, err = senet_lab(*words)

    assert (status, out) == (2, "")
    assert "senet-lab: again has a record of this run, so nothing would be trained; name another folder" in err
    assert len(trained[0]) == 1


def test_a_draw_leaves_out_runs_whose_photos_are_not_named(senet_lab, tmp_path, trained):
    """Where others can be drawn. By its key such a run is verified, or asks for its photos."""
    photos = replace(PROTOCOL, name="pets-by-mine", dataset="folder", photos=PhotoSet("pets", "0" * 64))
    own = replace(FIRST, protocol=photos)
    filled(tmp_path / "results", *(finished(own, seed) for seed in range(20)), finished(FIRST, 0), epochs=2)
    senet_lab("verify")
    senet_lab("verify", f"{own.key}/3")

    assert [label for label, *_ in trained[0]] == [f"{FIRST.key}/0", f"{own.key}/3"]


@pytest.mark.slow
def test_the_whole_way(senet_lab, tmp_path):
    """A row of the demonstration is trained, then verified by the command."""
    senet_lab("train", "table7", "--row", "original")
    status, out, _ = senet_lab("verify")

    assert (status, "bits equal" in out) == (0, True)
