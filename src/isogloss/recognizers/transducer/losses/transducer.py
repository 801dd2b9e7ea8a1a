"""The transducer loss (Graves 2012, 1211.3711) with FastEmit and a delay penalty, in little memory; full or pruned.

`transducer_loss` takes the outputs of encoder and predictor and the joiner's output layer, so that the logits of all
(frame, label position) pairs never exist at once. `transducer_loss_from_logits` computes the same loss from logits
that exist already. On a CPU both give the same bytes for any number of threads.

Logits are `output_layer(tanh(encoder_BTJ[:, :, None] + predictor_BUJ[:, None]))`.

**Memory and precision.** No tensor of B * T * (U + 1) * V numbers is made: blank and label log-probabilities are
computed in tiles, and again for the gradient, which reaches encoder, predictor and the output layer's weight and bias.
Cells of the lattice whose occupancy is below the rounding error of its sums are not computed again (our choice).
Padding of any of the inputs is never read (it may be NaN or any token) and gets gradient 0. Half precision is allowed:
on a CPU, products and log-softmax run in float32 (float64 for float64 inputs) and the lattice in float64, also under
autocast. On CUDA, with Triton installed (`isogloss[gpu]`), products run in the precision of the inputs or of autocast
and everything else in float32.

**FastEmit** (Yu et al. 2021, 2010.11148). In the gradient, the part that flows into the probability of a label emission
is multiplied by 1 + `fastemit`; the part of blank is left alone. The returned value does not change, so with
`fastemit` > 0 the gradient is by design not that of the value.

**Delay penalty** (Kang et al. 2022, 2211.00490; as in k2's `rnnt_loss_smoothed`). With frames counted from 0, the
log-probability of emitting a label at frame t of an utterance of T_b frames is raised by
`delay_penalty * ((T_b - 1) / 2 - t)`. Early emission is rewarded and late emission punished, around a mean of zero;
value and gradient both change, and the value may become negative.

**Label bias.** `label_bias_BTU`, of shape (B, T, U), is added to the log-probability of emitting each token at each
frame, for instance as a penalty on late ends of turns. Value and gradient both change; values in padding are ignored.

**Pruning** (Kuang et al. 2022, 2206.13236). With `pruning`, the loss is a weighted sum of the loss of a simple joiner
and of the loss above over only those alignments that run within windows of `pruning.range` label positions (see
`losses.pruning`). The second is never below the full loss and equals it if the windows hold every position. FastEmit
and delay penalty act on both.

Shapes: B utterances, T frames, U labels, P = U + 1 label positions, V tokens, J joiner width.

Examples
--------
>>> import torch
>>> layer = torch.nn.Linear(8, 5)
>>> loss = transducer_loss(torch.zeros(1, 3, 8), torch.zeros(1, 2, 8), layer, torch.tensor([[4]]),
...                        torch.tensor([3]), torch.tensor([1]))
>>> loss.shape
torch.Size([1])
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from isogloss.errors import ModelError
from isogloss.recognizers.transducer.losses import backends
from isogloss.recognizers.transducer.losses.joiner_tiles import logits_log_probs
from isogloss.recognizers.transducer.losses.lattice_loss import lattice_loss, lattice_loss_and_occupancies
from isogloss.recognizers.transducer.losses.pruning import Pruning, simple_log_probs, windows
from isogloss.recognizers.transducer.losses.recomputed import Lengths, Targets
from isogloss.recognizers.transducer.losses.targets import check_joiner, check_targets

Reduction = Literal["none", "mean", "sum"]


def transducer_loss(
    encoder_BTJ: Tensor,
    predictor_BUJ: Tensor,
    output_layer: nn.Linear,
    tokens_BU: Tensor,
    encoder_lengths_B: Tensor,
    token_lengths_B: Tensor,
    *,
    blank: int = 0,
    fastemit: float = 0.0,
    delay_penalty: float = 0.0,
    label_bias_BTU: Tensor | None = None,
    reduction: Reduction = "none",
    pruning: Pruning | None = None,
) -> Tensor:
    """Negative log-likelihood of the tokens under a tanh joiner.

    Parameters
    ----------
    encoder_BTJ, predictor_BUJ
        Outputs projected to the joiner's width: (B, T, J), and (B, U + 1, J) for the start and after each token.
    output_layer
        Linear layer from J to V, with or without bias.
    tokens_BU, encoder_lengths_B, token_lengths_B
        Integers: targets without start or end symbol; frames (1..T) and tokens (0..U) of each utterance.
    blank
        The token that advances one frame.
    fastemit, delay_penalty, label_bias_BTU, pruning
        See the module's docstring.
    reduction
        "none": the loss of each utterance, shape (B,), in nats; "sum": their sum; "mean": the sum divided by B.

    Raises
    ------
    ModelError
        Shapes do not fit together, a length is impossible, or a token within its utterance's length is blank or not
        below V.
    """
    weight_VJ, bias_V = output_layer.weight, output_layer.bias
    num_tokens, width = weight_VJ.shape
    check_joiner(encoder_BTJ, predictor_BUJ, width)
    shape = (encoder_BTJ.shape[0], encoder_BTJ.shape[1], predictor_BUJ.shape[1])
    lengths = check_targets(shape, num_tokens, tokens_BU, encoder_lengths_B, token_lengths_B, blank)
    tokens_BU, encoder_lengths_B, token_lengths_B = (
        x.to(encoder_BTJ.device) for x in (tokens_BU, encoder_lengths_B, token_lengths_B)
    )
    targets = Targets(_labels_by_position(tokens_BU, token_lengths_B, blank, lengths), lengths, blank)
    lattice = _Lattice(encoder_lengths_B, token_lengths_B, fastemit, delay_penalty, reduction, label_bias_BTU)
    simple_B = None
    if pruning is not None:
        pruning.check(shape, num_tokens)
        simple_B, blank_BTP, label_BTP = lattice.loss_and_occupancies(*simple_log_probs(pruning, targets))
        targets = replace(targets, windows=windows(pruning.range, blank_BTP, label_BTP, lengths))
    loss_B = lattice.loss(*_joiner_log_probs(encoder_BTJ, predictor_BUJ, weight_VJ, bias_V, targets))
    if pruning is not None and simple_B is not None:
        loss_B = pruning.pruned_scale * loss_B + pruning.simple_scale * simple_B
    return lattice.reduced(loss_B)


def transducer_loss_from_logits(
    logits_BTUV: Tensor,
    tokens_BU: Tensor,
    encoder_lengths_B: Tensor,
    token_lengths_B: Tensor,
    *,
    blank: int = 0,
    fastemit: float = 0.0,
    delay_penalty: float = 0.0,
    reduction: Reduction = "none",
) -> Tensor:
    """The loss of `transducer_loss` for unnormalised logits of shape (B, T, U + 1, V).

    For joiners of another form, and for comparison. Options, padding, precision and errors as in
    `transducer_loss`.
    """
    if logits_BTUV.ndim != 4:
        raise ModelError(
            f"logits must be (batch, frames, tokens + 1, vocabulary), not of shape {tuple(logits_BTUV.shape)}"
        )
    batch, frames, positions, num_tokens = logits_BTUV.shape
    shape = (batch, frames, positions)
    lengths = check_targets(shape, num_tokens, tokens_BU, encoder_lengths_B, token_lengths_B, blank)
    targets = Targets(_labels_by_position(tokens_BU, token_lengths_B, blank, lengths), lengths, blank)
    lattice = _Lattice(encoder_lengths_B, token_lengths_B, fastemit, delay_penalty, reduction)
    return lattice.reduced(lattice.loss(*logits_log_probs(logits_BTUV, targets)))


@dataclass(frozen=True)
class _Lattice:
    """From log-probabilities to the reduced loss, with the options of a call."""

    encoder_lengths_B: Tensor
    token_lengths_B: Tensor
    fastemit: float
    delay_penalty: float
    reduction: Reduction
    label_bias_BTU: Tensor | None = None

    def __post_init__(self) -> None:
        if self.fastemit < 0 or self.delay_penalty < 0:
            raise ModelError(
                f"fastemit and delay_penalty must be 0 or more, not {self.fastemit} and {self.delay_penalty}"
            )
        if self.reduction not in ("none", "mean", "sum"):
            raise ModelError(f"reduction is {self.reduction!r}; use 'none', 'mean' or 'sum'")

    def loss(self, log_blank_BTP: Tensor, log_label_BTP: Tensor) -> Tensor:
        """The loss of each utterance."""
        arcs = log_blank_BTP, self._penalised(log_label_BTP)
        return lattice_loss(*arcs, self.encoder_lengths_B, self.token_lengths_B, fastemit=self.fastemit)

    def loss_and_occupancies(self, log_blank_BTP: Tensor, log_label_BTP: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The loss of each utterance, and the occupancies of blank and label."""
        arcs = log_blank_BTP, self._penalised(log_label_BTP)
        lengths = self.encoder_lengths_B, self.token_lengths_B
        return lattice_loss_and_occupancies(*arcs, *lengths, fastemit=self.fastemit)

    def reduced(self, loss_B: Tensor) -> Tensor:
        """As `reduction` says."""
        if self.reduction == "none":
            return loss_B
        return loss_B.mean() if self.reduction == "mean" else loss_B.sum()

    def _penalised(self, log_label_BTP: Tensor) -> Tensor:
        """With the bias and the delay penalty, in the precision of the log-probabilities."""
        if self.label_bias_BTU is not None:
            _, frames, positions = log_label_BTP.shape
            bias_BTU = self.label_bias_BTU.to(log_label_BTP)[:, :frames, : positions - 1]
            log_label_BTP = log_label_BTP + torch.nn.functional.pad(bias_BTU, (0, 1))
        if self.delay_penalty == 0:
            return log_label_BTP
        frame_T = torch.arange(log_label_BTP.shape[1], dtype=log_label_BTP.dtype, device=log_label_BTP.device)
        earliness_BT = (self.encoder_lengths_B[:, None].to(frame_T) - 1) / 2 - frame_T
        return log_label_BTP + self.delay_penalty * earliness_BT[:, :, None]


def _joiner_log_probs(
    encoder_BTJ: Tensor, predictor_BUJ: Tensor, weight_VJ: Tensor, bias_V: Tensor | None, targets: Targets
) -> tuple[Tensor, Tensor]:
    """Log-probabilities of blank and label at each lattice cell, by Triton on a GPU that has it, else in tiles."""
    if backends.uses_triton(encoder_BTJ):
        from isogloss.recognizers.transducer.losses.joiner_triton import joiner_log_probs
    else:
        from isogloss.recognizers.transducer.losses.joiner_tiles import joiner_log_probs
    return joiner_log_probs(encoder_BTJ, predictor_BUJ, weight_VJ, bias_V, targets)


def _labels_by_position(tokens_BU: Tensor, token_lengths_B: Tensor, blank: int, lengths: Lengths) -> Tensor:
    """The next token at each position that occurs; blank, which is always a valid index, after the last token."""
    longest = max(positions for _, positions in lengths)
    labels_BP = torch.nn.functional.pad(tokens_BU.long(), (0, 1), value=blank)[:, :longest]
    beyond_BP = torch.arange(longest, device=tokens_BU.device) >= token_lengths_B[:, None]
    return labels_BP.masked_fill(beyond_BP, blank)
