"""What each of two processes does in the tests of training together; they tell their findings through files."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

from senet_lab.data.open import open_source
from senet_lab.models.registry import build_model, channels_last
from senet_lab.records.store import Store
from senet_lab.study.cell import Cell, Run
from senet_lab.study.se import SESpec
from senet_lab.training import device_loop
from senet_lab.training.final_weights import load_final_weights
from senet_lab.training.progress import silent
from senet_lab.training.ranks import join
from senet_lab.training.run import make
from senet_lab.training.settings import Executor, Settings
from senet_lab.training.stopping import Paused, SavePlan, Wish
from senet_lab.training.together import train_together
from tests.tiny import AUGMENTED, BACKBONE

SMALL = replace(AUGMENTED, name="small", train_images=12, batch_size=4, test_images=9, epochs=2)
CELL = Cell(backbone=BACKBONE, se=SESpec(), protocol=SMALL)
RUN = Run(cell=CELL, seed=0)


class StopAt(SavePlan):
    """The wish of one process alone to stop at one of its looks."""

    def __init__(self, look):
        super().__init__()
        self.look, self.looks = look, 0

    def wish(self):
        self.looks += 1
        if self.looks == self.look:
            self.stop.ask("a test")
        return Wish.STOP if self.stop.reason else Wish.GO_ON


def final(store):
    model = build_model(BACKBONE, SESpec(), 10)
    load_final_weights(model, RUN, store)
    return model.state_dict()


def interrupted(ranks, root, executor, look):
    """Stopped at a look that only the last process wishes for, then gone on."""
    source, store, settings = (
        open_source(SMALL, torch.device("cpu"), share=ranks.share),
        Store(root),
        Settings(executor=executor),
    )
    plan = StopAt(look if ranks.rank == ranks.count - 1 else None)
    try:
        make(RUN, source, store, settings, silent, plan, ranks)
    except Paused:
        paused = True
    else:
        paused = False
    return paused, make(RUN, source, store, settings, silent, None, ranks), store


def main(folder):
    torch.set_num_threads(1)
    ranks = join(init_method=f"file://{folder}/meet")
    source = open_source(SMALL, torch.device("cpu"), share=ranks.share)
    found = {"rank": ranks.rank, "share": [len(labels) for _, labels in source.training_batches(0, 0)]}
    records = train_together([RUN], Store(folder / "whole"), Settings(), ranks)
    found["recorded"], found["again"] = (
        len(records),
        len(train_together([RUN], Store(folder / "whole"), Settings(), ranks)),
    )
    whole = final(Store(folder / "whole"))
    part = records[0].provenance.parts[0]
    found["part"] = [part.processes, part.batch_norm_images, part.steps]
    found["images"] = len(records[0].correct_top1)
    found["same"] = []
    for executor in (Executor.DEVICE, Executor.LIGHTNING):
        for look in (1, 3, 4, 6):
            paused, record, store = interrupted(ranks, folder / f"{executor}-{look}", executor, look)
            same = all(torch.equal(tensor, whole[name]) for name, tensor in final(store).items())
            found["same"].append([paused, same, record.correct_top1 == records[0].correct_top1])
    model = channels_last(build_model(BACKBONE, SESpec(), 10, 0))
    trained = device_loop.train(model, source, SMALL, 0, ranks=ranks)
    found["weights"] = float(sum(p.double().abs().sum() for p in model.parameters()))
    found["curve"] = [[p.train_loss, p.test_loss, p.test_top1_error_pct] for p in trained.curve]
    found["gates"] = [[g.mean, g.spread] for g in trained.state.gates]
    try:
        make(
            Run(cell=replace(CELL, backbone="cifar_shake26_2x96d"), seed=0),
            source,
            Store(folder / "r"),
            Settings(),
            silent,
            None,
            ranks,
        )
    except Exception as error:
        found["refused"] = str(error)
    (folder / f"found-{ranks.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
