"""Family: networks of one kind, and the named layout of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from torch import nn

from senet_lab.models.sites import AttentionFactory


class Sized(Protocol):
    """A layout: the values in which the networks of a family differ, among them the input size in pixels."""

    @property
    def image_size(self) -> int: ...


L = TypeVar("L", bound=Sized)


@dataclass(frozen=True, slots=True)
class Family(Generic[L]):
    """Networks of one kind. network: makes one from a layout, an attention factory and a number of classes."""

    network: Callable[[L, AttentionFactory, int], nn.Module]
    layouts: Mapping[str, L]

    def build(self, name: str, attend: AttentionFactory, num_classes: int) -> nn.Module:
        """The network of this name. Raises KeyError for a name that the family does not have."""
        return self.network(self.layouts[name], attend, num_classes)
