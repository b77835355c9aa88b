"""Which recorded run a name means, and what is said where its weights are not there."""

from dataclasses import replace

import pytest

from ablations.protocols import IMAGENETTE
from senet_lab.cli import catalogue, studies
from senet_lab.errors import StudyError
from senet_lab.exporting.which_run import run_of_row, weights_path
from senet_lab.records.store import Store
from senet_lab.study import Run
from senet_lab.study.protocol import PhotoSet
from tests.samples import filled, finished


def test_the_hint_trains_the_run_that_is_missing(tmp_path):
    """Its seed, into the folder that was asked for; names with spaces are quoted for a shell."""
    with pytest.raises(StudyError) as caught:
        run_of_row("tpami-table13:SE_All", 4, None, Store(tmp_path / "my runs"))

    assert str(caught.value).endswith(
        f"senet-lab train tpami-table13 --row SE_All --protocol NAME --seeds 5 --results '{tmp_path}/my runs' trains it"
    )


def test_the_hint_names_another_folder_where_the_run_is_recorded(tmp_path):
    """As in a clone, which has records and no weights: in its own folder nothing would be trained."""
    cell = studies.table_under(catalogue.find_table("tpami-table13"), "cifar10-short").row("SE_All").cell
    with pytest.raises(StudyError, match=r"--seeds 1 --results mine trains it; then say --results mine$"):
        run_of_row("tpami-table13:SE_All", 0, None, filled(tmp_path, finished(cell)))


def test_a_row_that_was_trained_on_own_photos_is_found(tmp_path):
    """Its protocol is not declared: the records have it."""
    pets = replace(IMAGENETTE, name="pets-by-imagenette", dataset="folder", photos=PhotoSet("pets", "0" * 64))
    cell = catalogue.find_table("table7").under(pets).row("r=16").cell
    run = Run(cell=cell, seed=0)
    store = filled(tmp_path, finished(cell))
    path = weights_path(run, store)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")

    assert run_of_row("table7:r=16", 0, None, store) == run
