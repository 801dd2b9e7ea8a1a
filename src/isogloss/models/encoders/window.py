"""The sliding window of a causal layer: which frames the next outputs see, and which ones a stream must remember."""

import torch
import torch.nn.functional as F
from torch import Tensor


def pad_past(input_BTD: Tensor, window: int) -> Tensor:
    """Put window - 1 frames of zeros before whole utterances (B, T, ...): output n then ends at its own frame."""
    return F.pad(input_BTD, (0, 0) * (input_BTD.ndim - 2) + (window - 1, 0))


def advance(chunk_BTD: Tensor, buffer_BTD: Tensor | None, *, window: int, stride: int) -> tuple[Tensor, int, Tensor]:
    """Slide a window of `window` frames by `stride` over what is buffered and the next chunk.

    Parameters
    ----------
    chunk_BTD
        The next frames, (B, T, ...) with any number of trailing axes; T may be 0.
    buffer_BTD
        What the call before returned, None at the start of a stream.
    window, stride
        Frames; `window >= stride`, so that no frame has to be skipped that has not come yet.

    Returns
    -------
    The frames at hand, the number of outputs they are enough for, and the buffer for the next call.
    """
    frames_BTD = pad_past(chunk_BTD, window) if buffer_BTD is None else torch.cat([buffer_BTD, chunk_BTD], dim=1)
    outputs = max(0, (frames_BTD.shape[1] - window) // stride + 1)
    return frames_BTD, outputs, frames_BTD[:, outputs * stride :]
