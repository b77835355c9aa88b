"""The network of a cell: one of this project's or a user's own; plain, with SE, or with a user's own block.

For a cell of detection it is a detector, and that network is its trunk.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from senet_lab.errors import StudyError
from senet_lab.extensions import find_block, find_network
from senet_lab.models.own_blocks import own_factory
from senet_lab.models.own_networks import own_network
from senet_lab.models.registry import build_model, model_names
from senet_lab.models.sites import noting_stages, refuse_missing_sites, se_factory
from senet_lab.study.block import BlockSpec
from senet_lab.study.cell import Cell
from senet_lab.study.names import nearest
from senet_lab.study.protocol import Protocol

TRUNK_CLASSES = 1000  # ImageNet's: the size of a trunk's classifier, which the detector does not use


def build_cell(cell: Cell, seed: int = 0, device: str = "cpu", trunk: Mapping[str, Tensor] | None = None) -> nn.Module:
    """The network of a cell. Its weights are drawn from ``seed`` alone, as by ``build_model``.

    trunk: for a detector, the state dict of the network under it, with the names that ``build_network`` gives.

    Raises ValueError as ``build_model`` does, also for a user's block, and for a network that cannot be a trunk.
    Raises StudyError, which names file and line, for a user's block or network that is not loaded, that raises an
    error, that is no module, or whose output is of the wrong shape or type.
    """
    if cell.protocol.detection is None:
        return build_network(cell, cell.protocol.num_classes, seed, device)
    from senet_lab.models.detector import detector_on  # loads torchvision, and with it the compiler

    classes = TRUNK_CLASSES if trunk is None else classes_of_trunk(trunk)
    network = build_network(cell, classes, seed, device)
    if trunk is not None:
        network.load_state_dict(trunk)
    with torch.device(device):
        return detector_on(network, cell.backbone, cell.protocol, seed)


def can_be_built(cell: Cell) -> bool:
    """Whether the network and the block of a cell are this project's, or a user's that are loaded."""
    block = not isinstance(cell.se, BlockSpec) or find_block(cell.se.block) is not None
    return block and (cell.backbone in model_names() or find_network(cell.backbone) is not None)


def countable(model: nn.Module, protocol: Protocol) -> nn.Module:
    """What runs on the meta device in a network's place: itself, or for a detector its ``DetectorWork``."""
    if protocol.detection is None:
        return model
    from senet_lab.models.detector import DetectorWork

    return DetectorWork(model, protocol)


def classes_of_trunk(state: Mapping[str, Tensor]) -> int:
    """The number of classes of a network, read from the classifier in its state dict; 1000 without that entry."""
    return len(state["classifier.bias"]) if "classifier.bias" in state else TRUNK_CLASSES


def build_network(cell: Cell, num_classes: int, seed: int = 0, device: str = "cpu") -> nn.Module:
    """The classification network of a cell; a detector's trunk is one. Raises as ``build_cell``."""
    own, spec = find_network(cell.backbone), cell.se
    if own is None and cell.backbone not in model_names():
        raise StudyError(
            f"no network is called {cell.backbone!r}; the nearest name is {nearest(cell.backbone, model_names())!r}. A "
            "network of your own is known by the file that has it: name that, as in my_table.py:ROW"
        )
    if own is None and not isinstance(spec, BlockSpec):
        return build_model(cell.backbone, spec, num_classes, seed, device)
    attend, stages = noting_stages(own_factory(spec) if isinstance(spec, BlockSpec) else se_factory(spec), spec)
    if own is not None:
        model = own_network(own, spec, attend, num_classes, seed, device)
    else:
        model = build_model(cell.backbone, None, num_classes, seed, device, attention=attend)
    if spec is not None:
        refuse_missing_sites(cell.backbone, stages, spec)
    return model
