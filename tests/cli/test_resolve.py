"""Training until the comparisons are settled: what is trained, when it stops, and the commands."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.cli.resolve import Limits, train_until_resolved
from senet_lab.errors import StudyError
from senet_lab.records.cost import CostModel
from senet_lab.records.sequential import plan_path
from senet_lab.records.store import Store
from senet_lab.study import Run
from senet_lab.study.cell import runs_of
from senet_lab.training.stopping import Paused
from tests.samples import PLAIN, PROVENANCE, SE, TABLE, failed, filled, finished, one_line

COUNTS = Path(__file__).parents[2] / "results" / "complexity.json"


class Trainer:
    """Writes a record where a run would train; rows differ by ``gap`` wrong images of each thousand."""

    def __init__(self, root, gap):
        self.store, self.gap, self.trained, self.fails = Store(root), gap, [], set()

    def __call__(self, runs, minutes):
        for run in self.store.missing(runs):
            random = np.random.default_rng([run.seed, run.cell == SE])
            wrong = 200 + int(random.integers(-2, 3)) - (self.gap if run.cell == SE else 0)
            fails = (run.cell == SE, run.seed) in self.fails
            self.store.write(failed(run.cell, run.seed) if fails else finished(run.cell, run.seed, wrong))
            self.trained.append((run.cell == SE, run.seed))


def until(root, gap, most=6, hours=None):
    """How many comparisons stay open, what was trained, and what was said. The clock stands still."""
    trainer, said = Trainer(root, gap), []
    left = train_until_resolved(TABLE, [], root, Limits(most, hours, 2, clock=lambda: 0.0), trainer, said.append)
    return left, trainer.trained, said


def test_it_stops_where_the_verdict_is_settled(tmp_path):
    """Ten points: settled before the sixth seed, both rows with the same seeds, and said so."""
    left, trained, said = until(tmp_path, gap=100)
    seeds = {seed for _, seed in trained}

    assert left == 0
    assert {(se, seed) for se in (True, False) for seed in seeds} == set(trained)
    assert 2 <= len(seeds) < 6
    assert said[-1] == "1 of 1 comparisons are settled, 0 are open"


def test_called_again_it_trains_nothing(tmp_path):
    """The records tell that all is settled."""
    until(tmp_path, gap=100)

    assert until(tmp_path, gap=100)[:2] == (0, [])


def test_equal_rows_are_trained_to_the_last_look(tmp_path):
    """Nothing is to be found: four seeds of each, and one comparison open."""
    left, trained, _ = until(tmp_path, gap=0, most=4)

    assert left == 1
    assert sorted(trained) == [(se, seed) for se in (False, True) for seed in range(4)]


def test_records_that_were_there_before_enter_no_look(tmp_path):
    """Seeds 0 and 1 could be looked at, so the plan begins with seed 2, and says so."""
    filled(tmp_path, *(finished(cell, seed, 200) for cell in (PLAIN, SE) for seed in (0, 1)))
    _, trained, said = until(tmp_path, gap=0, most=2)

    assert sorted(trained) == [(se, seed) for se in (False, True) for seed in (2, 3)]
    assert "begin with seed 2: earlier records enter intervals, not verdicts" in said[0]


def test_the_next_seed_stands_in_for_one_that_fails(tmp_path):
    """Seed 1 of SE fails: the look at two seeds trains seed 2 of both rows, and ten points decide over 0 and 2."""
    trainer, said = Trainer(tmp_path, gap=100), []
    trainer.fails = {(True, 1)}
    left = train_until_resolved(TABLE, [], tmp_path, Limits(3, None, 2), trainer, said.append)

    assert left == 0
    assert {seed for se, seed in trainer.trained if se} == {0, 1, 2}
    assert [line[:15] for line in said[:2]] == ["look at 2 seeds"] * 2
    assert said[-1] == "1 of 1 comparisons are settled, 0 are open"


def test_runs_that_leave_no_record_end_it(tmp_path):
    """Not asked for again and again."""
    with pytest.raises(StudyError, match="none of 4 runs of table99 left a record"):
        train_until_resolved(TABLE, [], tmp_path, Limits(3, None, 2), lambda runs, minutes: None, print)


def test_it_begins_no_seed_that_does_not_fit_into_the_hours(tmp_path):
    """A run takes 12.5 seconds: two are begun without knowing it, a third seed not within 3.6 seconds."""
    left, trained, said = until(tmp_path, gap=0, hours=0.001)

    assert left == 1
    assert {seed for _, seed in trained} == {0, 1}
    assert "do not fit into 0.001 hours" in said[-2]


def test_hours_are_judged_by_this_machine_and_end_runs_of_unknown_time(tmp_path):
    """A model of the machine says ten hours a run, so nothing begins; without any, runs get the hours that are left."""
    slow = CostModel(
        [replace(finished(cell), provenance=replace(PROVENANCE, train_seconds=36_000.0)) for cell in (PLAIN, SE)], {}
    )
    said, minutes = list[str](), list[float]()

    by_signal = True

    def pauses(runs, left):
        minutes.append(left)
        paused = Paused("saved")
        paused.by_signal = by_signal
        raise paused

    def until(limits):
        return train_until_resolved(TABLE, [], tmp_path, replace(limits, clock=lambda: 0.0), pauses, said.append)

    assert until(Limits(3, 8.0, 2, lambda runs: slow)) == 1
    assert (minutes, "do not fit into 8 hours" in said[0]) == ([], True)
    with pytest.raises(Paused):  # by a signal, since hours are left
        until(Limits(3, 8.0, 2))
    assert minutes == [480.0]
    by_signal = False  # the hours are over, or too few are left to start another run
    assert until(Limits(3, 0.01, 2)) == 1
    assert said[-2].startswith("the 0.01 hours are over; what was trained is saved")


def test_another_plan_is_refused(tmp_path):
    """More seeds after a look would spend the error rate twice."""
    until(tmp_path, gap=0, most=3)

    assert plan_path(tmp_path, TABLE.slug, "sample").exists()
    with pytest.raises(StudyError, match="begun with at most 3 seeds"):
        until(tmp_path, gap=0, most=5)


def test_plan_with_a_resolution_needs_a_pilot(senet_lab, tmp_path):
    """One line, exit status 2; with one, the seeds of each comparison."""
    status, _, err = senet_lab("plan", "table7", "--resolve", "0.5", "--results", str(tmp_path))

    assert status != 0
    assert "train a pilot first: --seeds 2" in one_line(err)


def test_plan_begins_where_training_begins(senet_lab, tmp_path):
    """In another folder, after the seeds of ``results``, as --until-resolved does there."""
    gates = studies.table_under(catalogue.find_table("gate"), "demo")
    for folder, seeds in (("results", 4), ("other", 2)):
        runs = runs_of(gates.cells, seeds)
        filled(tmp_path / folder, *(finished(run.cell, run.seed, 200 + 5 * run.seed) for run in runs))
    status, out, _ = senet_lab("plan", "gate", "--protocol", "demo", "--resolve", "5", "--results", "other")

    assert status == 0
    assert "a plan begins with seed 4" in out


def test_plan_with_the_spread_of_another_table(senet_lab, tmp_path):
    """The gates have one seed, the squeezes two: their spread tells how many seeds the gates need."""
    squeezes, gates = (studies.table_under(catalogue.find_table(name), "demo") for name in ("squeeze", "gate"))
    runs = [*runs_of(squeezes.cells, 2), *runs_of(gates.cells, 1)]
    filled(tmp_path, *{run: finished(run.cell, run.seed, 200 + 5 * run.seed) for run in runs}.values())
    words = ["plan", "gate", "--protocol", "demo", "--results", str(tmp_path), "--resolve", "5"]
    _, _, alone = senet_lab(*words)
    status, out, _ = senet_lab(*words, "--pilot", "squeeze")

    assert "or take another table's: --pilot TABLE" in one_line(alone)
    assert status == 0
    assert "spread of a paired difference in tpami-table11, taken to be that of these rows" in out
    assert "(n = 1, images only)" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--max-hours", "1"], "--max-hours belongs to --until-resolved"),
        (["--until-resolved", "--row", "r=16"], "leave --row out"),
        (["--until-resolved", "--seeds", "1"], "take --seeds 2 or more"),
        (["--until-resolved", "--max-hours", "8", "--dry-run"], "senet-lab plan TABLE --resolve foresees them"),
    ],
)
def test_options_that_contradict_each_other_are_refused(senet_lab, words, said):
    """Before anything is trained."""
    status, _, err = senet_lab("train", "table7", *words)

    assert status != 0
    assert said in one_line(err)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("--max-hours", ["plan", "table7", "--max-hours", "3"]),
        ("--row", ["plan", "table7", "--row", "r=16", "--resolve", "1"]),
        ("--seeds", ["plan", "table7", "--seeds", "1", "--resolve", "1"]),
        ("--latex", ["report", "table7", "--latex", "--json"]),
        ("--columns", ["report", "table7", "--columns", "row", "--json"]),
        ("--partition", ["submit", "table7", "--executor", "local", "--partition", "gpu"]),
        ("--account", ["submit", "table7", "--executor", "debug", "--account", "lab"]),
        ("--dry-run", ["submit", "table7", "--status", "--dry-run"]),
    ],
)
def test_a_command_ignores_no_option(senet_lab, named, words):
    """It names the one that it would ignore, and does nothing."""
    status, out, err = senet_lab(*words)

    assert (status, out) == (2, "")
    assert f"{named} " in one_line(err)


def test_claims_from_an_empty_folder(senet_lab, tmp_path):
    """The page is printed and written, with no verdict but those that are counted."""
    (tmp_path / "results").mkdir()
    shutil.copy(COUNTS, tmp_path / "results")
    status, out, _ = senet_lab("claims", "--results", str(tmp_path / "mine"))

    assert status == 0
    assert "## The paper's own protocols" in out
    assert (tmp_path / "mine" / "claims.md").read_text() == out.removesuffix("\n")


def test_a_damaged_record_stops_the_page(senet_lab, tmp_path):
    """One line that names the file, where it is of a cell that the page shows."""
    shown = studies.table_under(catalogue.find_table("table7"), "demo").rows[0].cell
    run = Run(cell=shown, seed=0)
    path = filled(tmp_path, finished(shown, 0)).path(run)
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    status, _, err = senet_lab("claims", "--results", str(tmp_path))

    assert status == 2
    assert path.name in one_line(err)


def test_the_pilot_is_under_the_protocol_of_the_table(senet_lab, tmp_path):
    """Without --protocol a table of this project has its own, and the paper's table takes that one, not the demo's."""
    table = catalogue.find_table("gate-start")
    pilot = studies.table_under(catalogue.find_table("squeeze"), table.paper_protocol.name)
    filled(tmp_path, *(finished(run.cell, run.seed, 200 + 5 * run.seed) for run in runs_of(pilot.cells, 2)))
    words = ["plan", "gate-start", "--resolve", "5", "--pilot", "squeeze", "--results", str(tmp_path)]
    status, out, _ = senet_lab(*words)

    assert status == 0
    assert "spread of a paired difference in tpami-table11" in out


def test_a_pilot_without_a_resolution_is_refused(senet_lab):
    """It would be ignored otherwise."""
    status, _, err = senet_lab("plan", "table7", "--pilot", "squeeze")

    assert status == 2
    assert "--pilot belongs to --resolve" in one_line(err)


def test_a_plan_in_another_folder_begins_after_the_seeds_of_the_results(tmp_path, monkeypatch):
    """On one machine equal seeds give equal runs, which were seen before the plan."""
    monkeypatch.chdir(tmp_path)
    filled(tmp_path / "results", *(finished(cell, seed) for cell in (PLAIN, SE) for seed in range(3)))
    _, trained, said = until(tmp_path / "again", 100)

    assert min(seed for _, seed in trained) == 3
    assert said[0] == "the plan's looks begin with seed 3: earlier records enter intervals, not verdicts"
