"""Memory that is kept from one call to the next.

Torch takes each large CPU tensor anew from the system and gives it back, and touching a fresh page for the first time
costs more than computing on it: for the lattice of a usual batch, a third of the whole call.
"""

import math
import threading

import torch
from torch import Tensor

KEPT_BYTES = 1 << 24
"""Largest buffer that is kept: 16 MiB. Above that the arithmetic outweighs the pages."""


class Workspace(threading.local):
    """Named buffers of the present thread; a name's buffer holds garbage until it is written, and until taken again."""

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """An uninitialised CPU tensor in the buffer of that name; what was taken under it before is overwritten."""
        size = -(-math.prod(shape) * dtype.itemsize // torch.float64.itemsize)
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < size:
            buffer = torch.empty(size, dtype=torch.float64)
            if buffer.nbytes <= KEPT_BYTES:
                self._buffers[name] = buffer
        return buffer.view(dtype)[: math.prod(shape)].view(shape)
