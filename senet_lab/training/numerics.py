"""The switches of torch that decide how it computes, set alike in every process whose numbers are compared.

A process that trains, searches, captures excitations or measures calls ``set_switches`` once, before it computes.
"""

import torch


def set_switches(threads: int | None = None) -> None:
    """Makes fp32 mean fp32 everywhere, and takes the choice of an algorithm away from stopwatches.

    A protocol's precision is part of its numbers. By default cuDNN makes convolutions in fp32 with TF32, sums of bf16
    products may be kept in bf16, and a setting of the process may send matrix products of a CPU through bf16.
    threads: CPU threads of the process, where it decides them; the last bits on a CPU depend on their number.
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
