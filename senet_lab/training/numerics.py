"""Torch's switches that decide how it computes. Every process whose numbers are compared sets them alike.

A process that trains, searches, evaluates, predicts, captures excitations or measures calls ``set_switches`` once,
before it computes.
"""

import torch


def set_switches(threads: int | None = None) -> None:
    """Makes fp32 mean fp32 everywhere. cuDNN chooses no algorithm by measured time, nor one without a fixed order.

    A protocol's precision decides its numbers. By default cuDNN computes fp32 convolutions in TF32, sums of bf16
    products may be kept in bf16, and a setting of the process may compute a CPU's matrix products in bf16.
    threads: CPU threads of the process, None to leave them as they are. The last bits on a CPU depend on their number.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float32)
    torch.set_flush_denormal(False)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
