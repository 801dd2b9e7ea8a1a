"""The choice of the implementation of the loss by device."""

import functools
import importlib.util

import torch
from torch import Tensor


def uses_triton(tensor: Tensor) -> bool:
    """Whether the Triton kernels take this tensor: on CUDA, below float64, with Triton installed (`isogloss[gpu]`)."""
    return tensor.is_cuda and tensor.dtype != torch.float64 and _triton_is_installed()


@functools.cache
def _triton_is_installed() -> bool:
    """Looked up without importing it."""
    return importlib.util.find_spec("triton") is not None
