"""Weights of other projects: read without running code of the file, renamed strictly, and put into a network.

report = load_into(build_model("resnet50", SESpec(bias=True)), read_state(Path("se_resnet50.pth")))
"""

from senet_lab.weights.files import SUFFIXES, is_weights_file, read_state
from senet_lab.weights.loading import Loaded, fitted, load_file, load_into

__all__ = ["SUFFIXES", "Loaded", "fitted", "is_weights_file", "load_file", "load_into", "read_state"]
