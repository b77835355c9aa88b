"""How many runs share a GPU: by gain and by memory, on devices that are described here; and on a real one."""

import pytest
import torch

from senet_lab.fleet.fleet import train_all
from senet_lab.fleet.gpu_capacity import doubled, has_random_parts, measured
from senet_lab.records.curves import read_curve
from senet_lab.records.store import Store
from senet_lab.training.settings import Settings
from tests.tiny import run

from .test_fleet import Listener


class Device:
    """A device that gives each run its full rate up to ``full`` runs, and has room for ``room`` of them."""

    def __init__(self, full, room, size=100):
        self.full, self.room, self.size, self.runs = full, room, size, 0

    def add(self):
        self.runs += 1
        assert self.runs <= self.room, "out of memory"
        return self.size

    def rate(self):
        return float(min(self.runs, self.full))

    def free(self):
        return (self.room - self.runs) * self.size


@pytest.mark.parametrize(
    ("full", "room", "most", "expected"),
    [
        (1, 100, 100, 1),  # the first run fills it
        (8, 100, 100, 8),
        (6, 100, 100, 8),  # six of eight are more than four
        (100, 11, 100, 8),  # 4 more fit into 80 % of the 7 that are left, 8 more do not fit into the 3 beside 8
        (100, 13, 100, 8),  # 8 more do not fit into 5
        (100, 17, 100, 8),  # 8 more fit into the 9 that are left, and not into 80 % of them
        (100, 18, 100, 16),  # 8 are 80 % of 10
        (100, 100, 5, 4),
        (100, 100, 1, 1),
    ],
)
def test_runs_are_doubled_as_long_as_it_pays_and_fits(full, room, most, expected):
    """Up to the rate's end, the memory's, or the number of runs there are."""
    device = Device(full, room)

    found = doubled(device.add, device.rate, device.free, most)
    assert found == expected


@pytest.mark.slow
def test_a_device_that_cannot_be_measured_takes_one_run(tmp_path):
    """The measuring process ends without an answer where there is no such device, and says why in its log only."""
    if torch.cuda.is_available():
        pytest.skip("there is a device")
    log = tmp_path / "capacity.log"

    assert measured([run(0).cell], Settings(device="cuda"), 8, log) == 1
    assert "Traceback" in log.read_text()


def test_a_single_run_is_not_measured(tmp_path):
    """It would cost more than it brings."""
    assert measured([run(0).cell], Settings(device="cuda"), 1, tmp_path / "log") == 1
    assert not (tmp_path / "log").exists()


def test_random_parts_are_found_in_any_cell():
    """Shake-Shake draws numbers of its own in training; a ResNet does not."""
    assert has_random_parts(run(0, backbone="cifar_shake26_2x96d").cell)
    assert not has_random_parts(run(0).cell)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_four_runs_on_one_gpu_have_the_curves_that_each_has_alone(tmp_path):
    """To what cuDNN's order of sums leaves, which grows from step to step; every run has its record."""
    runs = [run(seed) for seed in range(4)]
    for workers, name in ((4, "together"), (1, "alone")):
        assert train_all(runs, Store(tmp_path / name), Settings(device="cuda"), workers, Listener()) == []
    for of in runs:
        stores = [Store(tmp_path / name) for name in ("together", "alone")]
        first = [read_curve(store.path(of, "curves", ".csv"))[0].train_loss for store in stores]
        assert first[0] == pytest.approx(first[1], rel=0.02)
        assert [store.read(of).provenance.executor for store in stores] == ["device"] * 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_is_measured(tmp_path):
    """Between one run and as many as there are."""
    assert 1 <= measured([run(0).cell], Settings(device="cuda"), 8, tmp_path / "log") <= 8
