"""A network and its SE counterpart, compared with each other."""

from senet_lab.study import Cell, Protocol, Row, SESpec


def with_and_without_se(name: str, backbone: str, protocol: Protocol) -> tuple[Row, Row]:
    """The plain row, a baseline, and the SE row (r=16) that is compared with it, by their published names.

    The FC layers have biases, as those of the authors' released networks. The journal drops them for its ablations only
    (section 6).
    """
    plain = Cell(backbone=backbone, se=None, protocol=protocol)
    se = Cell(backbone=backbone, se=SESpec(bias=True), protocol=protocol)
    return Row(name, plain, name, baseline=name), Row(f"SE-{name}", se, f"SE-{name}", baseline=name)
