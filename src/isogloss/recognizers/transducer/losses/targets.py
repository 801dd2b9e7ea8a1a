"""Checks of the arguments of a transducer loss, before anything is computed.

Shapes: B utterances, T frames, U tokens, P = U + 1 label positions, J joiner width.
"""

import torch
from torch import Tensor

from isogloss.errors import ModelError


def check_joiner(encoder_BTJ: Tensor, predictor_BPJ: Tensor, width: int) -> None:
    """Refuse encoder and predictor outputs that do not go into one joiner of that width.

    Raises
    ------
    ModelError
        Names the shapes.
    """
    if encoder_BTJ.ndim != 3 or predictor_BPJ.ndim != 3:
        raise ModelError(
            "encoder and predictor must be (batch, frames, width) and (batch, tokens + 1, width), not "
            f"{tuple(encoder_BTJ.shape)} and {tuple(predictor_BPJ.shape)}"
        )
    if encoder_BTJ.shape[2] != width or predictor_BPJ.shape[2] != width:
        raise ModelError(
            f"encoder and predictor have widths {encoder_BTJ.shape[2]} and {predictor_BPJ.shape[2]}, but the "
            f"output layer takes {width}: project both to the joiner's width"
        )
    if encoder_BTJ.shape[0] != predictor_BPJ.shape[0]:
        raise ModelError(
            f"encoder has {encoder_BTJ.shape[0]} utterances and predictor {predictor_BPJ.shape[0]}; give both the same"
        )


def check_targets(
    shape: tuple[int, int, int],
    num_tokens: int,
    tokens_BU: Tensor,
    encoder_lengths_B: Tensor,
    token_lengths_B: Tensor,
    blank: int,
) -> list[tuple[int, int]]:
    """(frames, label positions) of each utterance, once everything fits a lattice of `shape` (B, T, U + 1).

    Raises
    ------
    ModelError
        Names the first utterance with an impossible length or token, or the shapes that do not match.
    """
    batch, frames, positions = shape
    if batch == 0:
        raise ModelError("the batch holds no utterance; skip empty batches")
    if not 0 <= blank < num_tokens:
        raise ModelError(f"blank is {blank}, but the output has tokens 0 to {num_tokens - 1}")
    if tuple(tokens_BU.shape) != (batch, positions - 1):
        raise ModelError(
            f"tokens have shape {tuple(tokens_BU.shape)}, but {batch} utterances with {positions} label "
            f"positions need ({batch}, {positions - 1}): one more than tokens"
        )
    integers = {"tokens": tokens_BU, "encoder_lengths": encoder_lengths_B, "token_lengths": token_lengths_B}
    for name, tensor in integers.items():
        if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
            raise ModelError(f"{name} must be integers, not {tensor.dtype}")
        if name != "tokens" and tuple(tensor.shape) != (batch,):
            raise ModelError(f"{name} has shape {tuple(tensor.shape)}; give one length for each of {batch} utterances")
    encoder_lengths, token_lengths = encoder_lengths_B.tolist(), token_lengths_B.tolist()
    for b, (length, num_labels) in enumerate(zip(encoder_lengths, token_lengths, strict=True)):
        if not 1 <= length <= frames:
            raise ModelError(f"utterance {b}: encoder length {length} must be between 1 and the {frames} frames given")
        if not 0 <= num_labels <= positions - 1:
            raise ModelError(f"utterance {b}: token length {num_labels} must be between 0 and {positions - 1}")
    _check_tokens(tokens_BU, token_lengths_B, num_tokens, blank)
    return [(length, num_labels + 1) for length, num_labels in zip(encoder_lengths, token_lengths, strict=True)]


def _check_tokens(tokens_BU: Tensor, token_lengths_B: Tensor, num_tokens: int, blank: int) -> None:
    """Raise for the first token that is out of range or blank within its utterance's length."""
    inside_BU = torch.arange(tokens_BU.shape[1], device=tokens_BU.device) < token_lengths_B[:, None]
    wrong_BU = inside_BU & ((tokens_BU < 0) | (tokens_BU >= num_tokens) | (tokens_BU == blank))
    if not wrong_BU.any():
        return
    b, u = wrong_BU.nonzero()[0].tolist()
    token = int(tokens_BU[b, u])
    if token == blank:
        raise ModelError(f"utterance {b}: token {u} is {token}, the blank, which cannot be a target")
    raise ModelError(f"utterance {b}: token {u} is {token}, but the output has tokens 0 to {num_tokens - 1}")
