"""Pairs of rows: a network and its SE counterpart."""

from senet_lab.study import Cell, Protocol, Row, SESpec


def with_and_without_se(name: str, backbone: str, protocol: Protocol) -> tuple[Row, Row]:
    """The plain row, and the SE row (r=16) that is compared with it.

    name: the plain row's published name. The FC layers have biases, as in the authors' released networks. The journal
    drops biases in its ablations only (section 6).
    """
    plain = Cell(backbone=backbone, se=None, protocol=protocol)
    se = Cell(backbone=backbone, se=SESpec(bias=True), protocol=protocol)
    return Row(name, plain, name, baseline=name), Row(f"SE-{name}", se, f"SE-{name}", baseline=name)
