"""Which recorded run a name means, and what is said where its weights are not there."""

import pytest

from senet_lab.errors import StudyError
from senet_lab.exporting.which_run import run_of_row
from senet_lab.records.store import Store


def test_the_hint_trains_the_run_that_is_missing(tmp_path):
    """Its seed, into the folder that was asked for; names with spaces are quoted for a shell."""
    with pytest.raises(StudyError) as caught:
        run_of_row("tpami-table13:SE_All", 4, None, Store(tmp_path / "my runs"))

    assert str(caught.value).endswith(
        f"senet-lab train tpami-table13 --row SE_All --protocol NAME --seeds 5 --results '{tmp_path}/my runs' trains it"
    )
