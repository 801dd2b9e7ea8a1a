"""Buffers that are reused from one call to the next.

Torch allocates each large CPU tensor from the system and frees it again, and the first access to a new page costs more
than computing on it: for the lattice of a typical batch, a third of the whole call.
"""

import math
import threading

import torch
from torch import Tensor

KEPT_BYTES = 1 << 24
"""Largest buffer that is kept: 16 MiB. For larger ones the arithmetic takes longer than the page faults."""


class Workspace(threading.local):
    """Named buffers of the present thread; a name's buffer holds garbage until it is written, and until taken again."""

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """An uninitialised CPU tensor in the buffer of that name; it reuses the memory of the tensor taken before."""
        size = -(-math.prod(shape) * dtype.itemsize // torch.float64.itemsize)
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < size:
            buffer = torch.empty(size, dtype=torch.float64)
            if buffer.nbytes <= KEPT_BYTES:
                self._buffers[name] = buffer
        return buffer.view(dtype)[: math.prod(shape)].view(shape)
