"""senet_lab: an ablation and reproduction study of Squeeze-and-Excitation Networks."""

from typing import TYPE_CHECKING, Any

from senet_lab.study.se import SESpec

if TYPE_CHECKING:
    from senet_lab.models.registry import build_model

__all__ = ["SESpec", "build_model"]


def __getattr__(name: str) -> Any:
    if name == "build_model":  # torch is loaded when a network is built, not before
        from senet_lab.models.registry import build_model

        return build_model
    raise AttributeError(f"module 'senet_lab' has no attribute {name!r}")
