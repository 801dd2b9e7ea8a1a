"""The diagonal of the Fisher information at a recogniser's weights.

F_i = mean over utterances of (d log p(y | x) / d theta_i)^2, with y the transcript (the empirical Fisher, as
Kirkpatrick et al. 2017, 1612.00796, and 2207.07850 use it) or drawn from the model itself (the Fisher information
proper; Kunstner et al. 2019, 1905.12558, say how the two differ). It is the mean of squared *per-utterance* gradients;
the square of a batch's gradient is different and is near zero if utterances disagree.
"""

from collections.abc import Iterable

import torch
import torch.distributed
from torch import Tensor

from isogloss.errors import ModelError
from isogloss.recognizers.base import Recognizer
from isogloss.recognizers.batches import Batch


def diagonal_fisher(recognizer: Recognizer, batches: Iterable[Batch]) -> dict[str, Tensor]:
    """Mean squared gradient of an utterance's loss, by parameter name.

    It is computed by the recogniser's own `squares`, or, if that returns None for a batch, by one backward pass per
    utterance. In a `torch.distributed` group, each process gives its own batches and all get the Fisher information of
    all batches.

    Parameters
    ----------
    recognizer
        Dropout is off while gradients are taken; the recogniser is left in evaluation mode, without gradients.
    batches
        The base population; padding costs time but has no other effect. With other texts than the transcripts, such as
        those of `Recognizer.with_sampled_texts`, the Fisher information is different.

    Returns
    -------
    For each trainable parameter a tensor of its shape; zero if the loss does not depend on it.

    Raises
    ------
    ModelError
        There is no utterance to average over.
    """
    recognizer.eval()
    squares = {name: torch.zeros_like(parameter) for name, parameter in recognizer.trained_parameters().items()}
    utterances = 0
    for batch in batches:
        found = recognizer.squares(batch)
        if found is None:
            found = squares_one_by_one(recognizer, batch)
        for name, square in squares.items():
            square += found[name]
        utterances += len(batch)
    utterances = _sum_over_processes(squares, utterances)
    if utterances == 0:
        raise ModelError("the Fisher information needs at least one utterance of base data")
    return {name: square / utterances for name, square in squares.items()}


def squares_one_by_one(recognizer: Recognizer, batch: Batch) -> dict[str, Tensor]:
    """Sum of squared gradients by a forward and a backward pass per utterance, for any recogniser.

    cuDNN is turned off, since its LSTM has no backward pass in evaluation mode.
    """
    trained = recognizer.trained_parameters()
    squares = {name: torch.zeros_like(parameter) for name, parameter in trained.items()}
    for row in range(len(batch)):
        with torch.backends.cudnn.flags(enabled=False):
            loss = recognizer.losses(batch.row(row)).loss_B.sum()
            gradients = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
        for square, gradient in zip(squares.values(), gradients, strict=True):
            if gradient is not None:
                square.addcmul_(gradient, gradient)
    return squares


def _sum_over_processes(squares: dict[str, Tensor], utterances: int) -> int:
    """Add up the squares of all processes of a group, in place; returns the number of all utterances."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return utterances
    count = torch.tensor(utterances, device=next(iter(squares.values())).device)
    for tensor in [count, *squares.values()]:
        torch.distributed.all_reduce(tensor)
    return int(count)
