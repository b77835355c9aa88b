"""A network as ONNX, and that file as a function again. Both need the extra ``onnx``."""

import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from senet_lab.errors import StudyError

OPSET = 17  # that runtimes from 2022 on read
MISSING = "--to onnx needs onnx and onnxruntime, which are not installed: pip install 'senet-lab[onnx]'"


def onnx_bytes(model: nn.Module, pixels: int, metadata: Mapping[str, str]) -> bytes:
    """The network with an input ``images`` (B 3 H W, any B) and an output ``logits`` (B K).

    Raises StudyError where a package is missing, and for a network that cannot be written so.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401  # the file is checked with it
    except ImportError:
        raise StudyError(MISSING) from None
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            file = Path(folder) / "model.onnx"
            warnings.simplefilter("ignore")  # of the exporter's age, and of checks of sizes that are fixed in the file
            torch.onnx.export(
                model,
                (torch.zeros(2, 3, pixels, pixels),),
                file,
                dynamo=False,  # the other exporter needs a further package
                opset_version=OPSET,
                input_names=["images"],
                output_names=["logits"],
                dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}},
            )
            content = onnx.load(file)
    except Exception as error:  # whatever a user's own block makes the exporter raise
        said = " ".join(str(error).split())[:150]
        raise StudyError(f"this network cannot be written as ONNX ({type(error).__name__}: {said})") from None
    for name, value in metadata.items():
        content.metadata_props.add(key=name, value=value)
    data: bytes = content.SerializeToString()
    return data


def onnx_function(data: bytes) -> Callable[[Tensor], Tensor]:
    """What the file computes: images B 3 H W to logits B K, by onnxruntime on the CPU."""
    import onnxruntime

    network = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(network.run(None, {"images": images.numpy()})[0])
