"""A recorded run whose weights are here, made without training."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from senet_lab.models.of_cell import build_cell
from senet_lab.records.publish import RunFiles, publish
from senet_lab.records.store import Store
from senet_lab.study import Run
from senet_lab.training.checkpoint import Checkpoint
from senet_lab.training.final_weights import weights_path
from senet_lab.training.state_file import Kind, Saved, to_bytes
from tests.samples import finished
from tests.tiny import cell

TABLE = """
from dataclasses import replace
from senet_lab.study import Row, SESpec, Table
from tests.tiny import cell

TABLE = Table(
    edition="mine", number="1", topic="mine", caption="Mine", baseline="plain", companions={},
    rows=(Row("plain", replace(cell(), se=None)), Row("r=4", cell(reduction=4))),
)
"""


class Recorded:
    """A store with one run, and the network that its weights are of."""

    def __init__(self, root: Path, run: Run | None = None) -> None:
        self.root = root
        self.run = run or Run(cell=cell(reduction=4), seed=3)
        self.model = build_cell(self.run.cell, self.run.seed).eval()
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for value in self.model.parameters():
                value.add_(0.05 * torch.randn(value.shape, generator=generator))
            for name, value in self.model.named_buffers():
                if name.endswith("running_var"):
                    value.mul_(1.5)
        state = Checkpoint(self.model.state_dict(), {}, (), 1.0)
        weights = to_bytes(Kind.WEIGHTS, self.run, Saved(state, ()))
        record = replace(finished(self.run.cell, self.run.seed), run=self.run)
        publish(Store(root), record, RunFiles(weights=weights))
        self.weights = weights_path(self.run, Store(root))
        self.table = root / "my_table.py"
        self.table.write_text(TABLE)
        self.row = f"{self.table}:r=4"

    def logits(self, model: torch.nn.Module) -> torch.Tensor:
        """Of four images."""
        with torch.no_grad():
            return model(torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)))


@pytest.fixture(scope="session")
def recorded(tmp_path_factory) -> Recorded:
    return Recorded(tmp_path_factory.mktemp("recorded"))
