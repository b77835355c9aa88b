"""Writes a network as ONNX, and runs such a file. Both need the extra ``onnx``."""

import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from senet_lab.errors import StudyError, to_install

OPSET = 17  # read by runtimes from 2022 on
MISSING = f"--to onnx needs onnx and onnxruntime, which are not installed; {to_install('onnx')}"


def onnx_bytes(model: nn.Module, pixels: int, metadata: Mapping[str, str]) -> bytes:
    """The bytes of an ONNX file with an input ``images`` (B 3 H W, any B) and an output ``logits`` (B K).

    pixels: H and W. Raises StudyError where a package is missing, and for a network that ONNX cannot express.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401  # checks the file later
    except ImportError:
        raise StudyError(MISSING) from None
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            file = Path(folder) / "model.onnx"
            warnings.simplefilter("ignore")  # about the exporter's age, and about checks of fixed image sizes
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
    """The network of an ONNX file: images B 3 H W -> logits B K, computed by onnxruntime on the CPU."""
    import onnxruntime

    network = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(network.run(None, {"images": images.numpy()})[0])
