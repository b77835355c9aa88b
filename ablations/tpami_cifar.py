"""The common ground of the journal's two CIFAR tables: a network and its SE counterpart, compared with each other.

ResNet-110 and ResNet-164 are the pre-activation networks of He et al. 2016b: the published plain numbers are that
paper's. Reduction ratio and biases of the FC layers are not stated for these tables; they are taken as everywhere
before the journal's section 6.
"""

from senet_lab.study import Cell, Protocol, Row, SESpec


def with_and_without_se(name: str, backbone: str, protocol: Protocol) -> tuple[Row, Row]:
    """The plain row, a baseline, and the SE row that is compared with it, by their published names."""
    plain = Cell(backbone=backbone, se=None, protocol=protocol)
    se = Cell(backbone=backbone, se=SESpec(bias=True), protocol=protocol)
    return Row(name, plain, name, baseline=name), Row(f"SE-{name}", se, f"SE-{name}", baseline=name)
