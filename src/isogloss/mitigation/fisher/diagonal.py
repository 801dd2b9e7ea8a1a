"""The diagonal of the Fisher information at a recogniser's weights.

F_i = mean over utterances of (d log p(y | x) / d theta_i)^2, with y the transcript (the empirical Fisher, as
Kirkpatrick et al. 2017, 1612.00796, and 2207.07850 use it) or drawn from the model itself (the Fisher information
proper; Kunstner et al. 2019, 1905.12558, say how the two differ). It is the mean of squared *per-utterance* gradients:
the square of a batch's gradient is another number, which is near zero where utterances disagree.
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

    By the recogniser's own `squares`, or, where it gives none for a batch, by a backward pass an utterance. Where
    processes are joined in a `torch.distributed` group, each gives its own share of the batches and all get the Fisher
    of all of them.

    Parameters
    ----------
    recognizer
        Dropout is off while gradients are taken; the recogniser is left in evaluation mode, without gradients.
    batches
        The base population; padding costs time but changes nothing. Other texts than the transcripts, such as
        `Recognizer.with_sampled_texts` draws, make another Fisher information.

    Returns
    -------
    For each trainable parameter a tensor of its shape; zero where the loss does not reach it.

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
    """Sum of squared gradients by a forward and a backward pass an utterance, whatever the recogniser is made of.

    Without cuDNN, whose LSTM has no backward pass in evaluation mode.
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
    """Add what the processes of a group found, in place; the utterances of all of them."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return utterances
    count = torch.tensor(utterances, device=next(iter(squares.values())).device)
    for tensor in [count, *squares.values()]:
        torch.distributed.all_reduce(tensor)
    return int(count)
