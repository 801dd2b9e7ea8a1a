"""Squared gradients of the transducer loss, utterance by utterance, from one backward pass over a batch.

Shape legend in `isogloss.recognizers.transducer`.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from isogloss.recognizers.per_utterance import UtteranceGradients
from isogloss.recognizers.transducer.losses import transducer_loss
from isogloss.recognizers.transducer.model import Transducer
from isogloss.recognizers.transducer.objectives import Targets


def squared_gradients(
    model: Transducer, features_BTF: Tensor, lengths_B: Tensor, cohorts: Sequence[str], targets: Targets
) -> dict[str, Tensor] | None:
    """Sum over the utterances of the squared gradient of each one's loss, by parameter that has a gradient.

    None where `UtteranceGradients` cannot record a layer. The loss uses the output layer without calling it, so
    each utterance gets a copy of it, with a gradient of its own.
    """
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    utterances = len(lengths_B)
    with torch.no_grad():
        copies = [_copy_of(model.output_layer) for _ in range(utterances)]
    model.zero_grad(set_to_none=True)
    with UtteranceGradients(model, utterances) as noted:
        encoded_BTD, frames_B = model.encode(features_BTF, lengths_B, cohorts)
        torch.stack(_losses(model, encoded_BTD, frames_B, targets, copies)).sum().backward()
    found = noted.squares()
    reached = {name for name, parameter in trained.items() if parameter.grad is not None}
    model.zero_grad(set_to_none=True)
    if not reached <= set(found):
        return None
    for name, parameter in model.output_layer.named_parameters():
        if parameter.requires_grad:
            rows = torch.stack([cast(Tensor, copy.get_parameter(name).grad) for copy in copies])
            found[f"output_layer.{name}"] = rows.square_().sum(dim=0)
    return {name: found.get(name, torch.zeros_like(parameter)) for name, parameter in trained.items()}


def _losses(
    model: Transducer, encoded_BTD: Tensor, frames_B: Tensor, targets: Targets, output_layers: Sequence[nn.Linear]
) -> list[Tensor]:
    """The transducer loss of each utterance, in nats, each with an output layer of its own."""
    encoder_BTJ = model.encoder_projection(encoded_BTD)
    predictor_BUJ = model.predictor_projection(model.predictor(targets.tokens_BU))
    losses = []
    for row, layer in enumerate(output_layers):
        one = slice(row, row + 1)
        frames, tokens = int(frames_B[row]), int(targets.lengths_B[row])
        losses.append(
            transducer_loss(
                encoder_BTJ[one, :frames],
                predictor_BUJ[one, : tokens + 1],
                layer,
                targets.tokens_BU[one, :tokens],
                frames_B[one],
                targets.lengths_B[one],
            )[0]
        )
    return losses


def _copy_of(layer: nn.Linear) -> nn.Linear:
    """A layer with the same values and a gradient of its own."""
    copy = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
    copy.to_empty(device=layer.weight.device).to(layer.weight.dtype)
    copy.load_state_dict(layer.state_dict())
    return copy
