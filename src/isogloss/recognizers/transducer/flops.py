"""Floating-point operations that an encoder executes on given audio.

A multiply-add is two operations. Matrix products, convolutions and recurrent layers are counted, by torch's
`FlopCounterMode`; normalisation, activations, gating and the copying of frames are not. The count is that of streaming,
whatever blocks an offline pass uses (our choice):

- each utterance is encoded alone, so that padding costs nothing;
- attention is counted by the (query, key) pairs that its mask admits, two products a pair and channel, which is what
  a key/value cache makes of it frame by frame;
- blocks that hard gates switch off are not executed and not counted; the arbitrators are counted.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from isogloss.recognizers.base import Cost
from isogloss.recognizers.transducer.encoders import Encoder, build_encoder
from isogloss.recognizers.transducer.encoders.amortized import AmortizedEncoder
from isogloss.recognizers.transducer.model import Transducer

aten = torch.ops.aten
FRAME_SECONDS = 0.01
"""Seconds from one feature frame to the next."""


@dataclass(frozen=True)
class Flops:
    """Operations of a batch.

    Attributes
    ----------
    total
        All of them.
    by_kind
        By the class of the module that executed them, e.g. `Linear`.
    seconds
        Seconds of audio they were spent on.
    """

    total: int
    by_kind: dict[str, int]
    seconds: float

    @property
    def per_second(self) -> float:
        """Operations for a second of audio."""
        return self.total / self.seconds


def count_flops(encoder: Encoder, features_BTF: Tensor, lengths_B: Tensor) -> Flops:
    """Operations that an encoder in evaluation mode executes on a batch, without those on its padding.

    A copy on the CPU does the counting, so that figures do not depend on the kernels of a device.
    """
    encoder = copy.deepcopy(encoder).cpu().eval()
    features_BTF, lengths_B = features_BTF.cpu(), lengths_B.cpu()
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=_FORMULAS) as counter:
        for row, frames in enumerate(lengths_B.tolist()):
            encoder(features_BTF[row : row + 1, :frames], lengths_B[row : row + 1])
    return Flops(
        total=int(counter.get_total_flops()),
        by_kind=_by_kind(encoder, counter.get_flop_counts()),
        seconds=float(lengths_B.sum()) * FRAME_SECONDS,
    )


def encoder_cost(model: Transducer, features_BTF: Tensor, lengths_B: Tensor) -> Cost:
    """The cost of the encoder of a model on the CPU for a batch of features that are not normalised."""
    flops = count_flops(model.encoder, model.normalise(features_BTF), lengths_B)
    return Cost(
        encoder=model.configuration["encoder"],
        parameters=sum(parameter.numel() for parameter in model.encoder.parameters()),
        flops=flops.total,
        seconds=flops.seconds,
        dense_share=_dense_share(model, features_BTF, lengths_B, flops),
        subsampling=model.encoder.subsampling,
    )


def _dense_share(model: Transducer, features_BTF: Tensor, lengths_B: Tensor, flops: Flops) -> float | None:
    """Operations with hard gates over those of the same encoder without gates; None where it has none."""
    if not (isinstance(model.encoder, AmortizedEncoder) and model.encoder.arbitrators):
        return None
    configuration = model.configuration
    options = configuration["encoder_options"] | {"gates": "none"}
    dense = build_encoder(configuration["encoder"], input_dim=configuration["input_dim"], **options)
    return flops.total / count_flops(dense, features_BTF, lengths_B).total


def _by_kind(encoder: Encoder, counts: dict[str, dict[Any, int]]) -> dict[str, int]:
    """Operations that modules executed themselves, without those of their children, summed by class of module."""
    root = type(encoder).__name__
    kinds = {f"{root}.{name}" if name else root: type(part).__name__ for name, part in encoder.named_modules()}
    own = {name: sum(count.values()) for name, count in counts.items() if name in kinds}
    inclusive = dict(own)
    for name, flops in inclusive.items():
        parent = name.rpartition(".")[0]
        while parent and parent not in own:
            parent = parent.rpartition(".")[0]
        if parent:
            own[parent] -= flops
    totals: dict[str, int] = {}
    for name, flops in own.items():
        totals[kinds[name]] = totals.get(kinds[name], 0) + flops
    return {kind: totals[kind] for kind in sorted(totals) if totals[kind]}


def _lstm_layer(input_TBD: Tensor, w_input: Tensor, w_hidden: Tensor, *_: Any, **__: Any) -> int:
    """One layer of an LSTM on a CPU: both matrix products of every step."""
    return 2 * input_TBD.shape[0] * input_TBD.shape[1] * (w_input.numel() + w_hidden.numel())


def _masked_attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **kwargs: Any) -> int:
    """Two products for each pair of query and key that the mask admits."""
    mask = kwargs.get("attn_mask")
    batch, heads, queries, channels = query.shape
    keys = key.shape[2]
    if mask is None:
        pairs = batch * heads * queries * keys
    else:
        visible = mask if mask.dtype == torch.bool else mask > float("-inf")
        pairs = int(visible.expand(batch, heads, queries, keys).sum())
    return 2 * pairs * (channels + value.shape[3])


def _raw(formula: Callable[..., int]) -> Callable[..., int]:
    """Mark a formula as one that takes tensors instead of their shapes."""
    formula._get_raw = True  # type: ignore[attr-defined]
    return formula


_FORMULAS: dict[Any, Callable[..., int]] = {
    aten.mkldnn_rnn_layer: _raw(_lstm_layer),
    aten._scaled_dot_product_flash_attention_for_cpu: _raw(_masked_attention),
}
