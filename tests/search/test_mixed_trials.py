"""Trials that cannot stand beside each other, and those that another process took over."""

from dataclasses import replace

import pytest

from senet_lab.errors import StudyError
from senet_lab.search import fair, nuisance
from senet_lab.search import journal as journal_module
from senet_lab.search.journal import Journal, run_trials
from senet_lab.search.space import held_out_protocol
from tests.search.test_searches import SMALL, TABLE, Pretended, fair_search, silent
from tests.tiny import TINY, cell


def test_a_new_row_does_not_decide_the_number_of_seeds(tmp_path):
    """It stands first and has no trial: a wrong number is refused and leaves nothing that refuses the right one."""
    journal = Journal(tmp_path / "s.journal")
    first = replace(TABLE, baseline="SE", rows=TABLE.rows[1:])
    fair.search_table(first, 2, 2, journal, Pretended(), silent)
    for seeds in (1, 3):
        with pytest.raises(StudyError, match="search on with --seeds 2"):
            fair.search_table(TABLE, 2, seeds, journal, Pretended(), silent)

    assert len(fair.search_table(TABLE, 2, 2, journal, Pretended(), silent)) == 2


def test_an_interrupted_first_trial_decides_nothing(tmp_path):
    """No trial is there, so any number of seeds goes."""
    with pytest.raises(KeyboardInterrupt):
        fair_search(tmp_path, Pretended(fail_at=0), seeds=3)

    assert fair_search(tmp_path, Pretended(), seeds=1)


@pytest.mark.parametrize("kind", ["table", "row"])
def test_trials_of_edited_code_are_not_mixed(tmp_path, monkeypatch, kind):
    """A block that was edited is another block under the same key; as it was, the search goes on."""

    def call(digest, trials):
        for module in (fair, nuisance, journal_module):
            monkeypatch.setattr(module, "digests", lambda cell: {"my_table.py": digest})
        if kind == "table":
            return fair_search(tmp_path, Pretended(), trials)
        return nuisance.search(cell(SMALL), trials, tmp_path / "row.journal", Pretended(), silent)

    call("a", 1)
    with pytest.raises(StudyError, match=r"another version of my_table\.py; restore that"):
        call("b", 2)
    assert call("a", 2)


def test_a_trial_that_another_process_took_over_is_its_own(tmp_path):
    """This one was suspended in it: it goes on with the next."""
    study = Journal(tmp_path / "j").study("one")
    values = []

    def work(trial):
        value = trial.suggest_float("x", 0, 1)
        if trial.number == 0:
            study.tell(0, 0.5)  # the other process
        if trial.number == 1:
            study.tell(1, 0.25)
            trial.report(0.5, step=1)
        values.append(value)
        return value

    run_trials(Journal(tmp_path / "j"), study, 3, work)

    assert [trial.value for trial in study.trials[:2]] == [0.5, 0.25]
    assert len(values) == 2


def test_images_by_class_cannot_be_held_out(tmp_path):
    """The message names the user's protocol, not one that the search made."""
    few = replace(TINY, name="few", train_images_per_class=2)
    with pytest.raises(StudyError, match="protocol few trains on a part of each class"):
        held_out_protocol(few)
