"""BlockSpec: a user's own block instead of the SE block, given by its name and its parameters."""

from dataclasses import dataclass
from typing import Literal

from senet_lab.study.se import Integration, stages_of
from senet_lab.study.values import convert_fields


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One argument of a block's factory. 1, 1.0 and True are three values, as in a cell's key.

    Raises ValueError for an invalid name or a value of another type.
    """

    name: str
    value: str | int | float | bool

    def __post_init__(self) -> None:
        convert_fields(self)
        if not self.name.isidentifier():
            raise ValueError(f"parameter {self.name!r} is not a valid name of an argument")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parameter) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, type, str | int | float | bool]:
        return self.name, type(self.value), self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSpec:
    """One form of a user's own block.

    block: the name under which a file or package lists the block's factory in ``BLOCKS``. parameters: the factory's
    arguments. integration, stages: where the blocks sit, as in SESpec. All four fields are part of the cell's key. The
    code is not; its digest is in the record. Raises ValueError for an invalid value.
    """

    block: str
    parameters: tuple[Parameter, ...] = ()
    integration: Integration = Integration.STANDARD
    stages: tuple[int, ...] | Literal["all"] = "all"

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", stages_of(self.stages))
        object.__setattr__(self, "parameters", tuple(sorted(self.parameters, key=lambda one: one.name)))
        convert_fields(self)
        names = [one.name for one in self.parameters]
        if len(set(names)) != len(names):
            raise ValueError(f"block {self.block!r} has a parameter twice: {', '.join(names)}")
        if not self.block.isidentifier():
            raise ValueError(f"block {self.block!r} is no name: letters, digits and underscores")

    @property
    def arguments(self) -> dict[str, str | int | float | bool]:
        """The keyword arguments of the factory, beside the site."""
        return {one.name: one.value for one in self.parameters}

    def covers(self, stage: int) -> bool:
        """Whether units of this stage carry a block."""
        return self.stages == "all" or stage in self.stages


def own_block(
    block: str,
    *,
    integration: Integration | str = Integration.STANDARD,
    stages: tuple[int, ...] | Literal["all"] = "all",
    **parameters: str | int | float | bool,
) -> BlockSpec:
    """A BlockSpec with its parameters as keywords: ``own_block("eca", kernel=5)``. Raises the errors of BlockSpec."""
    return BlockSpec(
        block=block,
        parameters=tuple(Parameter(name, value) for name, value in parameters.items()),
        integration=Integration(integration),
        stages=stages,
    )
