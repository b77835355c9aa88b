"""Networks, the SE block, and their complexity."""

from senet_lab.models.registry import build_model, model_names

__all__ = ["build_model", "model_names"]
