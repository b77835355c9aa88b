"""What processes tell each other, where each of them has a device of its own."""

import pickle

import pytest
import torch
import torch.distributed as dist

from senet_lab.models.registry import build_model
from senet_lab.training.gate_health import GateMeter
from senet_lab.training.ranks import Ranks
from tests.smallest import SMALLEST, cell


class OnItsDevice(torch.Tensor):
    """A tensor as on a GPU that this process alone uses: whoever unpickles it has it there too, and not on the CPU."""

    @property
    def device(self):
        return torch.device("cuda:1")

    def cpu(self, *_, **__):
        return self.as_subclass(torch.Tensor)


@pytest.fixture
def together(monkeypatch):
    """Two processes whose objects are equal. What each of them gets is pickled as torch does it."""

    def all_gather_object(found, mine, group):
        found[:] = [pickle.loads(pickle.dumps(mine)) for _ in found]

    def broadcast_object_list(told, src, group):
        told[:] = pickle.loads(pickle.dumps(told))

    monkeypatch.setattr(dist, "all_gather_object", all_gather_object)
    monkeypatch.setattr(dist, "broadcast_object_list", broadcast_object_list)
    return Ranks(0, 2)


def test_the_fake_tensor_stays_on_its_device_when_it_is_pickled():
    """Otherwise the tests here would prove nothing."""
    there = pickle.loads(pickle.dumps(torch.ones(2).as_subclass(OnItsDevice)))

    assert (type(there), there.device.type) == (OnItsDevice, "cuda")


def test_tensors_arrive_on_the_host_wherever_they_are_in_an_object(together):
    """In what all gather and in what the first one tells; values stay, and so does what is no tensor."""
    one = torch.arange(3.0).as_subclass(OnItsDevice)
    sent = {"a": (1, [one, None]), "b": "text"}
    for came in (*together.gathered(sent), together.told(sent)):
        tensor = came["a"][1][0]
        assert (tensor.device.type, tensor.tolist()) == ("cpu", [0.0, 1.0, 2.0])
        assert (came["a"][0], came["a"][1][1], came["b"]) == (1, None, "text")


def test_the_gates_of_several_devices_are_joined_on_the_host(together):
    """Each process holds its sums on its own device; twice the same images have the health of once."""
    model = build_model(SMALLEST, cell().se, 10).eval()
    alone, meter = GateMeter(model), GateMeter(model)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for one in (alone, meter):
        with torch.no_grad(), one.listening():
            model(images)
    meter._moments = [tuple(sum_C.as_subclass(OnItsDevice) for sum_C in sums) for sums in meter._moments]
    meter._saturated = [counts.as_subclass(OnItsDevice) for counts in meter._saturated]
    meter.take_in(together)

    assert {sum_C.device.type for sums in meter._moments for sum_C in sums} == {"cpu"}
    assert meter._images == [8, 8, 8]
    assert meter.health() == alone.health()
