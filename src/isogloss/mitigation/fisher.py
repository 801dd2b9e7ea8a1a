"""The diagonal of the Fisher information at a model's weights.

F_i = mean over utterances of (d log p(y | x) / d theta_i)^2 at the transcripts of the data (the empirical Fisher;
Kirkpatrick et al. 2017, 1612.00796, and 2207.07850). It is the mean of squared *per-utterance* gradients: the square
of a batch's gradient is another number, which is near zero where utterances disagree.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from isogloss.errors import ModelError
from isogloss.mitigation.base import Losses


def diagonal_fisher(model: nn.Module, batches: Iterable[Any], *, losses: Losses) -> dict[str, Tensor]:
    """Mean squared gradient of each utterance's loss, by parameter name.

    Parameters
    ----------
    model
        Dropout is off while gradients are taken; the model is left in evaluation mode, without gradients.
    batches
        Batches of utterances; cheapest with one utterance a batch, since each takes a backward pass of its own.
    losses
        From model and batch to the loss of each utterance: (B,).

    Returns
    -------
    For each trainable parameter a tensor of its shape; zero where the loss does not reach it.

    Raises
    ------
    ModelError
        There is no utterance to average over.
    """
    model.eval()
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    squares = {name: torch.zeros_like(parameter) for name, parameter in named.items()}
    utterances = 0
    for batch in batches:
        loss_B = losses(model, batch)
        for row in range(len(loss_B)):
            more = row + 1 < len(loss_B)
            gradients = torch.autograd.grad(loss_B[row], list(named.values()), retain_graph=more, allow_unused=True)
            for square, gradient in zip(squares.values(), gradients, strict=True):
                if gradient is not None:
                    square.addcmul_(gradient, gradient)
        utterances += len(loss_B)
    if utterances == 0:
        raise ModelError("the Fisher information needs at least one utterance of base data")
    return {name: square / utterances for name, square in squares.items()}
