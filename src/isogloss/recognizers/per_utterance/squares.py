"""Squared per-utterance gradients of a recogniser's losses, in one backward pass over the batch."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from isogloss.recognizers.base import Recognizer
from isogloss.recognizers.batches import Batch
from isogloss.recognizers.per_utterance.gradients import Call, Gradients, UtteranceGradients


def squares_in_one_pass(
    model: Recognizer,
    batch: Batch,
    *,
    formulas: Mapping[type[nn.Module], Callable[[nn.Module, Call, Tensor], Gradients]] | None = None,
    changed_in_place: bool = False,
) -> dict[str, Tensor] | None:
    """Sum over the batch of the squared gradient of each utterance's loss, by parameter name.

    Parameters
    ----------
    model
        The first dimension of the input of its layers is that of the utterances.
    formulas, changed_in_place
        As `UtteranceGradients` has them.

    Returns
    -------
    For each trainable parameter a tensor of its shape; None if some layer's gradients cannot be recorded, so that the
    caller needs one backward pass per utterance.
    """
    model.zero_grad(set_to_none=True)
    with UtteranceGradients(model, len(batch), formulas=formulas, changed_in_place=changed_in_place) as noted:
        losses = model.losses(batch)
        losses.loss_B.sum().backward()
    found = noted.squares()
    trained = model.trained_parameters()
    reached = {name for name, parameter in trained.items() if parameter.grad is not None}
    model.zero_grad(set_to_none=True)
    if any(name not in found for name in reached):
        return None
    with torch.no_grad():
        return {name: found.get(name, torch.zeros_like(parameter)) for name, parameter in trained.items()}
