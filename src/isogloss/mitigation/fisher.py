"""The diagonal of the Fisher information at a model's weights.

F_i = mean over utterances of (d log p(y | x) / d theta_i)^2, with y the transcript (the empirical Fisher, as
Kirkpatrick et al. 2017, 1612.00796, and 2207.07850 use it) or drawn from the model itself (the Fisher information
proper; Kunstner et al. 2019, 1905.12558, say how the two differ). It is the mean of squared *per-utterance* gradients:
the square of a batch's gradient is another number, which is near zero where utterances disagree.
"""

from collections.abc import Iterable
from typing import Protocol, cast

import torch
import torch.distributed
from torch import Tensor, nn

from isogloss.errors import ModelError
from isogloss.recognizers.per_utterance.gradients import UtteranceGradients
from isogloss.recognizers.transducer import Transducer
from isogloss.recognizers.transducer.losses import transducer_loss


class SpeechBatch(Protocol):
    """Padded utterances with their tokens; `isogloss.recognizers.batches.Batch` is one."""

    features_BTF: Tensor
    lengths_B: Tensor
    tokens_BU: Tensor
    token_lengths_B: Tensor


def diagonal_fisher(model: Transducer, batches: Iterable[SpeechBatch]) -> dict[str, Tensor]:
    """Mean squared gradient of an utterance's transducer loss, by parameter name.

    One forward and one backward pass a batch, from which `UtteranceGradients` takes the gradient of each utterance.
    A batch with a layer that it cannot see into takes a backward pass an utterance. Where processes are joined in a
    `torch.distributed` group, each gives its own share of the batches and all get the Fisher of all of them.

    Parameters
    ----------
    model
        Dropout is off while gradients are taken; the model is left in evaluation mode, without gradients.
    batches
        The base population; padding costs time but changes nothing. Other labels than the transcripts, such as
        `sampled_labels` draws, make another Fisher information.

    Returns
    -------
    For each trainable parameter a tensor of its shape; zero where the loss does not reach it.

    Raises
    ------
    ModelError
        There is no utterance to average over.
    """
    model.eval()
    squares = {name: torch.zeros_like(parameter) for name, parameter in _trainable(model).items()}
    utterances = 0
    for batch in batches:
        found = _squares_at_once(model, batch)
        if found is None:
            found = _squares_one_by_one(model, batch)
        for name, square in squares.items():
            square += found[name]
        utterances += len(batch.lengths_B)
    utterances = _sum_over_processes(squares, utterances)
    if utterances == 0:
        raise ModelError("the Fisher information needs at least one utterance of base data")
    return {name: square / utterances for name, square in squares.items()}


def _trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that have a gradient, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _squares_at_once(model: Transducer, batch: SpeechBatch) -> dict[str, Tensor] | None:
    """Sum of squared per-utterance gradients by one backward pass; None where a layer is out of sight.

    The loss uses the output layer without calling it, so each utterance gets a copy of it, with a gradient of its own.
    """
    utterances = len(batch.lengths_B)
    with torch.no_grad():
        copies = [_copy_of(model.output_layer) for _ in range(utterances)]
    model.zero_grad(set_to_none=True)
    with UtteranceGradients(model, utterances) as noted:
        loss = torch.stack(_losses(model, batch, copies)).sum()
        loss.backward()
    found = noted.squares()
    reached = {name: parameter.grad for name, parameter in _trainable(model).items() if parameter.grad is not None}
    model.zero_grad(set_to_none=True)
    if any(name not in found for name in reached):
        return None
    for name, _ in model.output_layer.named_parameters():
        rows = torch.stack([cast(Tensor, copy.get_parameter(name).grad) for copy in copies])
        found[f"output_layer.{name}"] = rows.square_().sum(dim=0)
    return {name: found.get(name, torch.zeros_like(p)) for name, p in _trainable(model).items()}


def _squares_one_by_one(model: Transducer, batch: SpeechBatch) -> dict[str, Tensor]:
    """The same by a forward and a backward pass an utterance, whatever the model is made of.

    Without cuDNN, whose LSTM has no backward pass in evaluation mode.
    """
    named = _trainable(model)
    squares = {name: torch.zeros_like(parameter) for name, parameter in named.items()}
    for row in range(len(batch.lengths_B)):
        with torch.backends.cudnn.flags(enabled=False):
            (loss,) = _losses(model, _Row(batch, row), [model.output_layer])
            gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
        for square, gradient in zip(squares.values(), gradients, strict=True):
            if gradient is not None:
                square.addcmul_(gradient, gradient)
    return squares


class _Row:
    """One utterance of a batch without its padding."""

    def __init__(self, batch: SpeechBatch, row: int) -> None:
        self.lengths_B = batch.lengths_B[row : row + 1]
        self.token_lengths_B = batch.token_lengths_B[row : row + 1]
        self.features_BTF = batch.features_BTF[row : row + 1, : int(self.lengths_B)]
        self.tokens_BU = batch.tokens_BU[row : row + 1, : int(self.token_lengths_B)]


def _losses(model: Transducer, batch: SpeechBatch, output_layers: list[nn.Linear]) -> list[Tensor]:
    """The transducer loss of each utterance, in nats, each with an output layer of its own."""
    encoded_BTD, lengths_B = model.encode(batch.features_BTF, batch.lengths_B)
    encoder_BTJ = model.encoder_projection(encoded_BTD)
    predictor_BUJ = model.predictor_projection(model.predictor(batch.tokens_BU))
    losses = []
    for row, layer in enumerate(output_layers):
        one = slice(row, row + 1)
        frames, tokens = int(lengths_B[row]), int(batch.token_lengths_B[row])
        losses.append(
            transducer_loss(
                encoder_BTJ[one, :frames],
                predictor_BUJ[one, : tokens + 1],
                layer,
                batch.tokens_BU[one, :tokens],
                lengths_B[one],
                batch.token_lengths_B[one],
            )[0]
        )
    return losses


def _copy_of(layer: nn.Linear) -> nn.Linear:
    """A layer with the same values and a gradient of its own."""
    copy = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
    copy.to_empty(device=layer.weight.device).to(layer.weight.dtype)
    copy.load_state_dict(layer.state_dict())
    return copy


def _sum_over_processes(squares: dict[str, Tensor], utterances: int) -> int:
    """Add what the processes of a group found, in place; the utterances of all of them."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return utterances
    count = torch.tensor(utterances, device=next(iter(squares.values())).device)
    for tensor in [count, *squares.values()]:
        torch.distributed.all_reduce(tensor)
    return int(count)
