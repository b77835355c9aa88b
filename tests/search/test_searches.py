"""Searches on held-out images: equal budgets, nothing lost to a kill, seeds and versions in the journal."""

import json
from dataclasses import replace

import pytest
import torch

from ablations.protocols import IMAGENET_100EP
from senet_lab.data.open import open_arrays
from senet_lab.errors import StudyError
from senet_lab.records.lease import take
from senet_lab.search import fair, nuisance
from senet_lab.search.journal import Journal, run_trials
from senet_lab.search.space import PEAK_LR, WEIGHT_DECAY, Point, guessing_error_pct, held_out_protocol
from senet_lab.search.trial import Trainer
from senet_lab.study import Row, Table
from senet_lab.study.protocol import HELD_OUT
from tests import smallest
from tests.samples import one_line
from tests.tiny import TINY, cell

SMALL = replace(TINY, epochs=1)
TABLE = Table(
    edition="mine",
    number="1",
    topic="search",
    caption="A search",
    baseline="plain",
    rows=(
        Row("plain", replace(cell(SMALL), se=None)),
        Row("SE", cell(SMALL)),
        Row("the same again", cell(SMALL)),
    ),
    companions={},
)


class Pretended:
    """Trains nothing: the error follows from the point, and every call is noted."""

    machine = "a processor (1 thread)"

    def __init__(self, fail_at: int | None = None) -> None:
        self.calls: list[tuple[str, Point, tuple[int, ...]]] = []
        self.fail_at = fail_at

    def error_pct(self, trained, seeds, after_epoch=lambda epoch, error: None):
        if len(self.calls) == self.fail_at:
            raise KeyboardInterrupt
        point = Point(trained.protocol.schedule.peak_lr, trained.protocol.weight_decay)
        self.calls.append(("plain" if trained.se is None else "SE", point, tuple(seeds)))
        assert trained.protocol.evaluation_split == HELD_OUT
        design = 1.0 if trained.se is None else (trained.se.reduction - 16) / 100
        error = 100 * abs(point.peak_lr - 0.1) / 2 + design
        after_epoch(1, error)
        return [error + seed for seed in seeds]

    def step_seconds(self, trained):
        return 0.01 if trained.se is None else 0.01 + 0.001 * len(trained.se.gate)


def silent(text: str) -> None:
    """Nothing is told."""


def fair_search(root, trainer, trials=3, seeds=2):
    return fair.search_table(TABLE, trials, seeds, Journal(root / "s.journal"), trainer, silent)


def test_held_out_images_are_training_images_that_are_not_trained_on():
    """Every tenth training image; of the data set's test images none is there."""
    whole, split = open_arrays(TINY), open_arrays(held_out_protocol(TINY))
    images = [{image.tobytes() for image in part.images} for part in (split.train, split.test, whole.test)]

    assert (len(split.train.labels), len(split.test.labels)) == (21, 3)
    assert set() == images[0] & images[1]
    assert set() == (images[0] | images[1]) & images[2]
    assert {image.tobytes() for image in whole.train.images} == images[0] | images[1]


def test_a_protocol_that_holds_images_out_already_is_searched_as_it_is():
    """It is not split a second time; another one says in its name and split what it evaluates on."""
    protocol = held_out_protocol(TINY)

    assert (protocol.name, protocol.train_images, protocol.test_images) == ("tiny-search", 21, 3)
    assert protocol.evaluation_split == HELD_OUT
    assert held_out_protocol(protocol) == protocol


def test_every_row_gets_the_same_points_trials_and_seeds(tmp_path):
    """Two rows that share a cell are one; points lie in the ranges and differ; errors are means over seeds."""
    trainer = Pretended()
    plain, se = fair_search(tmp_path, trainer)

    assert plain.points == se.points
    assert [len(set(one.points)) for one in (plain, se)] == [3, 3]
    assert {(0, 1)} == {seeds for _, _, seeds in trainer.calls}
    assert [name for name, _, _ in trainer.calls] == ["plain", "SE"] * 3
    assert all(PEAK_LR[0] <= p.peak_lr <= PEAK_LR[1] for p in se.points)
    assert all(WEIGHT_DECAY[0] <= p.weight_decay <= WEIGHT_DECAY[1] for p in se.points)
    assert plain.errors_pct == pytest.approx([error + 1 for error in se.errors_pct])
    assert se.errors_pct[0] == pytest.approx(50 * abs(se.points[0].peak_lr - 0.1) + 0.5)


def test_a_search_that_is_killed_loses_no_trial(tmp_path):
    """Killed in its fourth training and called again, it makes the other three, and the same as without a kill."""
    with pytest.raises(KeyboardInterrupt):
        fair_search(tmp_path, Pretended(fail_at=3))
    again = Pretended()
    found = fair_search(tmp_path, again)

    assert len(again.calls) == 3
    assert found == fair_search(tmp_path / "other", Pretended())


def test_more_trials_go_on_where_the_first_ended(tmp_path):
    """The first points stay, further ones are new; nothing is trained where there are enough."""
    first = fair_search(tmp_path, Pretended(), trials=2)
    more = Pretended()
    second = fair_search(tmp_path, more, trials=4)
    none = Pretended()
    fair_search(tmp_path, none, trials=4)

    assert second[0].points[:2] == first[0].points
    assert (len(set(second[0].points)), len(more.calls), none.calls) == (4, 4, [])


def test_a_trial_of_a_living_process_is_left_to_it(tmp_path):
    """No row's result is told before all have as many trials; what a dead process held is made."""
    journal = Journal(tmp_path / "s.journal")
    lease = journal.claim(f"{TABLE.row('SE').cell.key}-1")
    trainer = Pretended()

    assert fair_search(tmp_path, trainer) is None
    assert len(trainer.calls) == 5
    lease.give_back()
    assert len(fair_search(tmp_path, trainer)[1].points) == 3


def test_trials_of_other_seeds_are_not_mixed(tmp_path):
    """Another number of seeds is another search."""
    fair_search(tmp_path, Pretended(), seeds=2)

    with pytest.raises(StudyError, match="has trials of 2 seeds"):
        fair_search(tmp_path, Pretended(), seeds=1)


def test_the_journal_says_what_drew_the_points(tmp_path):
    """Sampler, arguments, seed, versions and revision stand in the study's user attributes."""
    fair_search(tmp_path, Pretended())
    attributes = Journal(tmp_path / "s.journal").study(TABLE.row("SE").cell.key).user_attrs
    said = attributes["from-trial-00000"]

    assert {"sampler": "QMCSampler", "scramble": True, "seed": 0}.items() <= said.items()
    assert {"optuna", "scipy", "torch"} <= said["versions"].keys()
    assert len(said["revision"]) > 6


def test_tuned_rows_differ_from_the_table_in_their_point_alone(tmp_path):
    """Each row has its own best rate and decay, all training images and its protocol's own split."""
    found = fair_search(tmp_path, Pretended())
    tuned = fair.tuned_table(TABLE, found)
    protocol = tuned.row("SE").cell.protocol

    assert protocol.schedule.peak_lr == found[1].best.peak_lr
    assert (protocol.train_images, protocol.evaluation_split) == (SMALL.train_images, SMALL.evaluation_split)
    assert tuned.row("SE").cell.se == TABLE.row("SE").cell.se
    assert tuned.row("the same again").cell == tuned.row("SE").cell


def test_a_long_caption_is_cut_before_what_the_search_adds(tmp_path):
    """A caption may have 120 characters, and so may that of the tuned table."""
    table = replace(TABLE, caption="c" * 120)
    tuned = fair.tuned_table(table, fair_search(tmp_path, Pretended()))

    assert len(tuned.caption) == 120
    assert "c…; every row at its own best of " in tuned.caption


def test_one_row_is_searched_by_tpe_with_a_new_seed_each_trial(tmp_path):
    """Trials count in all; a later call draws other points, and the seed of each is in the journal."""
    trainer, path = Pretended(), tmp_path / "row.journal"
    first = nuisance.search(cell(SMALL), 2, path, trainer, silent)
    second = nuisance.search(cell(SMALL), 4, path, trainer, silent)
    attributes = Journal(path).study(cell(SMALL).key).user_attrs
    seeds = [attributes[f"trial-{number:05d}"]["seed"] for number in range(4)]

    assert (first.trials, second.trials, len(trainer.calls)) == (2, 4, 4)
    assert len({point for _, point, _ in trainer.calls}) == len(set(seeds)) == 4
    assert attributes["trial-00003"]["multivariate"] is True
    assert second.top1_error_pct == min(50 * abs(point.peak_lr - 0.1) for _, point, _ in trainer.calls)


def test_a_trial_whose_process_died_is_worked_on_again(tmp_path):
    """The point of a killed trial is not lost: the next call trains it, and the count in all stays."""
    path = tmp_path / "row.journal"
    with pytest.raises(KeyboardInterrupt):
        nuisance.search(cell(SMALL), 3, path, Pretended(fail_at=1), silent)
    trainer = Pretended()
    found = nuisance.search(cell(SMALL), 3, path, trainer, silent)

    assert (found.trials, len(trainer.calls)) == (3, 2)
    assert [trial.number for trial in Journal(path).study(cell(SMALL).key).trials] == [0, 1, 2]


def test_two_processes_never_work_on_one_trial(tmp_path):
    """While another is at a trial, a new one is drawn; beyond the number in all nothing is."""
    journal = Journal(tmp_path / "j")
    study = journal.study("shared")
    inside: list[int] = []

    def work(trial):
        value = trial.suggest_float("x", 0, 1)
        if not inside:
            inside.append(trial.number)
            run_trials(Journal(tmp_path / "j"), Journal(tmp_path / "j").study("shared"), 3, work)
        else:
            inside.append(trial.number)
        return value

    run_trials(journal, study, 3, work)

    assert inside == [0, 1, 2]
    assert len(journal.study("shared").trials) == 3


def test_a_torn_end_is_cut_off_and_other_damage_is_one_line(tmp_path):
    """A last entry that its writer did not finish is nobody's; a line that is no entry is named."""
    fair_search(tmp_path, Pretended())
    path = tmp_path / "s.journal"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code": 4, "worker')
    again = Pretended()
    fair_search(tmp_path, again)
    assert again.calls == []
    for spoiled, said in ((b"hello\n" + whole, "line 1 is no entry"), (whole + b"[1]\n", "is no entry")):
        path.write_bytes(spoiled)
        with pytest.raises(StudyError) as refused:
            fair_search(tmp_path, Pretended())
        assert said in one_line(str(refused.value))


def test_photos_are_refused_before_any_data_is_opened(tmp_path):
    """No journal is begun and nothing is downloaded."""
    photos = replace(TABLE, rows=tuple(replace(r, cell=replace(r.cell, protocol=IMAGENET_100EP)) for r in TABLE.rows))
    trainer = Pretended()
    for call in (
        lambda: fair.search_table(photos, 1, 1, Journal(tmp_path / "j"), trainer, silent),
        lambda: nuisance.search(photos.rows[0].cell, 1, tmp_path / "j", trainer, silent),
    ):
        with pytest.raises(StudyError, match="32 x 32"):
            call()
    assert (list(tmp_path.iterdir()), trainer.calls) == ([], [])


def test_a_trial_trains_as_a_run_does():
    """The error of a real training on held-out images; that of guessing where the loss is no number."""
    trainer = Trainer(torch.device("cpu"), 1)
    protocol = held_out_protocol(SMALL)
    with smallest.registered():
        (error,) = trainer.error_pct(smallest.cell(protocol), [0])
        (diverged,) = trainer.error_pct(smallest.cell(Point(1e30, 1e-5).under(protocol)), [0])
        seconds = trainer.step_seconds(smallest.cell(protocol, reduction=4))

    assert error in [round(100 * wrong / 6, 4) for wrong in range(7)]
    assert diverged == guessing_error_pct(protocol) == pytest.approx(90.0)
    assert seconds > 0


def test_a_journal_is_lines_of_json_as_a_dashboard_reads_them(tmp_path):
    """Every line is one entry; beside it lies that of the points, which was given back, and no trial's."""
    fair_search(tmp_path, Pretended())
    entries = [json.loads(line) for line in (tmp_path / "s.journal").read_text().splitlines()]

    assert len([entry for entry in entries if entry["op_code"] == 4]) == 6  # a trial each
    assert [path.name for path in (tmp_path / "s.journal.leases").iterdir()] == ["points.lease-1"]
    assert take(tmp_path / "s.journal.leases" / "points") is not None
