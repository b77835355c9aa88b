"""The retest of a search's best points on fresh seeds."""

from dataclasses import replace

from senet_lab.search.retest import Retest
from senet_lab.stats.verdicts import Verdict
from senet_lab.study import Row
from tests.samples import PROTOCOL, TABLE, failed, filled, finished


def test_fresh_seeds_that_all_failed_are_not_called_not_run(tmp_path):
    """A tuned row that diverges has runs, and none to compare."""
    own = replace(PROTOCOL, name="tuned", weight_decay=0.01)
    tuned = replace(TABLE, rows=tuple(Row(row.label, replace(row.cell, protocol=own)) for row in TABLE.rows))
    plain, se = tuned.cells
    store = filled(tmp_path, *(finished(plain, seed) for seed in (1, 2)))
    retest = Retest(TABLE, tuned, (1, 2))

    assert retest.judgement(store).rows["SE"].verdict is Verdict.NOT_RUN
    filled(tmp_path, *(failed(se, seed) for seed in (1, 2)))
    assert retest.judgement(store).rows["SE"].verdict is Verdict.NOT_PAIRED
