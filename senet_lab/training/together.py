"""Runs that several processes train together, one run after the other. Each process of torchrun or srun calls this:

    ranks = join()
    train_together(runs, store, settings, ranks)

The first process decides which runs are to do, locks them, writes the files, and tells the others.
"""

from collections.abc import Sequence
from contextlib import ExitStack

from senet_lab.data.coco_data import Source
from senet_lab.records.lease import Lease
from senet_lab.records.record import Record
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training import numerics, provenance
from senet_lab.training.progress import Report, silent
from senet_lab.training.ranks import Ranks
from senet_lab.training.run import make, open_data
from senet_lab.training.settings import Settings
from senet_lab.training.stopping import SavePlan, StopSign


def train_together(
    runs: Sequence[Run],
    store: Store,
    settings: Settings,
    ranks: Ranks,
    stop: StopSign | None = None,
    report: Report = silent,
    opened: dict[str, Source] | None = None,
) -> list[Record]:
    """Trains the runs that have no record and that no other worker holds. Returns their records.

    opened: the data of earlier calls, to which this call adds its own.

    Raises Paused in all processes where the stop sign of any of them asks for the end, and StudyError as ``run.make``.
    """
    numerics.set_switches(settings.threads)
    provenance.revision()
    stop, records = stop or StopSign(), []
    opened = {} if opened is None else opened
    for run in runs:
        with ExitStack() as held:
            lease = _claimed(run, store, held) if ranks.first else None
            if ranks.told(lease is not None):
                data = open_data(run, settings, opened, ranks.share)
                records.append(make(run, data, store, settings, report, SavePlan(stop), ranks, lease))
    return records


def _claimed(run: Run, store: Store, held: ExitStack) -> Lease | None:
    """Locks a run until the stack is closed. None where another worker holds it, or it has a record."""
    lease = held.enter_context(store.lock(run)) if store.read(run) is None else None
    return lease if lease is not None and store.read(run) is None else None
