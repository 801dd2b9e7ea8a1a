"""The sliding window of a causal layer: which frames the next outputs see, and which ones a stream must remember."""

import torch
import torch.nn.functional as F
from torch import Tensor


def pad_past(input_BTD: Tensor, window: int, *, dim: int = 1) -> Tensor:
    """Put window - 1 frames of zeros before whole utterances, so that the window of output 0 ends at frame 0."""
    return F.pad(input_BTD, (0, 0) * (input_BTD.ndim - 1 - dim) + (window - 1, 0))


def advance(
    chunk_BTD: Tensor, buffer_BTD: Tensor | None, *, window: int, stride: int, dim: int = 1
) -> tuple[Tensor, int, Tensor]:
    """Slide a window of `window` frames by `stride` over what is buffered and the next chunk.

    Parameters
    ----------
    chunk_BTD
        The next frames along axis `dim`, among any other axes; there may be none.
    buffer_BTD
        What the call before returned, None at the start of a stream.
    window, stride
        Frames; `window >= stride`, so that no frame has to be skipped that has not come yet.

    Returns
    -------
    The frames at hand, the number of outputs they are enough for, and the buffer for the next call.
    """
    if buffer_BTD is None:
        frames_BTD = pad_past(chunk_BTD, window, dim=dim)
    else:
        frames_BTD = torch.cat([buffer_BTD, chunk_BTD], dim=dim)
    frames = frames_BTD.shape[dim]
    outputs = max(0, (frames - window) // stride + 1)
    return frames_BTD, outputs, frames_BTD.narrow(dim, outputs * stride, frames - outputs * stride)
