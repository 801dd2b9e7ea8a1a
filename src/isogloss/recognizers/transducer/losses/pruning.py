"""The choice of label positions at which the joiner is evaluated in each frame (Kuang et al. 2022, 2206.13236).

A *simple* joiner adds a projection of the encoder and one of the predictor to logits, without anything between them.
Its normaliser over the vocabulary is a matrix product, so its lattice is cheap. The occupancies of that lattice (the
gradients of its loss) show where alignments run: at each frame a window of successive positions is kept, and the full
joiner is evaluated only there. The simple joiner is trained together with it, by its own loss.

Windows follow section 3.2 of the paper. Two choices are ours: an utterance's window does not depend on the other
utterances of its batch, and an utterance with more tokens than windows of `range` positions can reach gets a wider one.

Shapes: B utterances, T frames, P = U + 1 label positions, V tokens.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from isogloss.errors import ModelError
from isogloss.recognizers.transducer.losses.recomputed import Targets, Windows


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """The inputs of the pruned loss apart from the joiner: `simple_scale` * simple + `pruned_scale` * pruned.

    Attributes
    ----------
    range
        Label positions that are kept at each frame, 2 or more.
    encoder_BTV, predictor_BPV
        The two parts of the simple joiner's logits, shape (B, T, V) and (B, U + 1, V).
    simple_scale, pruned_scale
        See `warm_up_scales`.
    """

    range: int
    encoder_BTV: Tensor
    predictor_BPV: Tensor
    simple_scale: float = 0.5
    pruned_scale: float = 1.0

    def check(self, shape: tuple[int, int, int], num_tokens: int) -> None:
        """Refuse what does not fit a lattice of `shape` (B, T, U + 1).

        Raises
        ------
        ModelError
            Names the shapes or the option.
        """
        batch, frames, positions = shape
        if self.range < 2:
            raise ModelError(f"a pruning range of {self.range} has no path through any token; use 2 or more")
        if self.simple_scale < 0 or self.pruned_scale < 0:
            raise ModelError(
                f"the scales of the losses must be 0 or more, not {self.simple_scale} and {self.pruned_scale}"
            )
        expected = (batch, frames, num_tokens), (batch, positions, num_tokens)
        found = tuple(self.encoder_BTV.shape), tuple(self.predictor_BPV.shape)
        if found != expected:
            raise ModelError(
                f"the simple joiner's encoder and predictor logits must have shapes {expected[0]} and {expected[1]}, "
                f"not {found[0]} and {found[1]}"
            )


def warm_up_scales(progress: float, simple_scale: float) -> tuple[float, float]:
    """(scale of the simple loss, scale of the pruned loss) at a share of the warm-up, 1 or more after it.

    At the start the windows are still arbitrary, so the simple loss has weight 1 and the pruned loss 0.1. Both change
    linearly to `simple_scale` and 1 (as in the recipes of the paper's authors).
    """
    share = min(max(progress, 0.0), 1.0)
    return 1.0 + share * (simple_scale - 1.0), 0.1 + share * 0.9


def simple_log_probs(pruning: Pruning, targets: Targets) -> tuple[Tensor, Tensor]:
    """(log P(blank), log P(next label)) of the simple joiner, each (B, longest T, longest P), differentiable.

    Padding is not read, gets gradient 0 and has the values of logits that are 0. They are float32 (float64 for float64
    inputs), computed in float64, since the product that normalises adds exponentials that lie far apart where encoder
    and predictor disagree.
    """
    dtype = torch.promote_types(pruning.encoder_BTV.dtype, pruning.predictor_BPV.dtype)
    dtype = torch.promote_types(dtype, torch.float32)
    _, frames, positions = targets.cells
    encoder_BTV = _without_padding(pruning.encoder_BTV[:, :frames], [t for t, _ in targets.lengths])
    predictor_BPV = _without_padding(pruning.predictor_BPV[:, :positions], [p for _, p in targets.lengths])
    largest_BT1, largest_BP1 = (x.detach().amax(2, keepdim=True) for x in (encoder_BTV, predictor_BPV))
    sums_BTP = (encoder_BTV - largest_BT1).exp() @ (predictor_BPV - largest_BP1).exp().transpose(1, 2)
    log_norm_BTP = sums_BTP.clamp(min=torch.finfo(sums_BTP.dtype).tiny).log() + largest_BT1 + largest_BP1.mT
    blank_BTP = encoder_BTV[:, :, targets.blank, None] + predictor_BPV[:, None, :, targets.blank]
    labels_BP = targets.labels_BP
    encoder_BTP = encoder_BTV.gather(2, labels_BP[:, None].expand(-1, frames, -1))
    predictor_BP = predictor_BPV.gather(2, labels_BP[:, :, None])[:, :, 0]
    label_BTP = encoder_BTP + predictor_BP[:, None]
    return (blank_BTP - log_norm_BTP).to(dtype), (label_BTP - log_norm_BTP).to(dtype)


def windows(
    range_: int, blank_occupancy_BTP: Tensor, label_occupancy_BTP: Tensor, lengths: list[tuple[int, int]]
) -> Windows:
    """The window of each frame from the simple lattice's occupancies.

    A window that begins at p keeps the alignments that pass one of its positions and come from no position before it at
    that frame: the occupancies of blank within it, less that of the label that leads into it. The window with the
    largest sum is chosen; then windows are moved so that a path runs through all of them: they begin at position 0, end
    at the last one, never go back, and overlap with the next one. An utterance with T frames and U tokens needs (range
    - 1) * T >= U for that; where it has more tokens, `range` is raised for it.
    """
    device = blank_occupancy_BTP.device
    frames_B, positions_B = torch.tensor(lengths, device=device).unbind(1)
    # Window t reaches position (t + 1) * (width - 1) at most: ceil(U / T) + 1 positions are enough.
    climb_B = (positions_B - 2 + frames_B).div(frames_B, rounding_mode="floor")
    width_B = torch.minimum((climb_B + 1).clamp(min=range_), positions_B)
    last_begin_B = positions_B - width_B
    begin_BT = _best(blank_occupancy_BTP, label_occupancy_BTP, width_B, last_begin_B)
    beyond_BT = torch.arange(begin_BT.shape[1], device=device) >= frames_B[:, None] - 1
    begin_BT = torch.where(beyond_BT, last_begin_B[:, None], begin_BT)
    return Windows(_connected(begin_BT, (width_B - 1)[:, None]), width_B.tolist())


def _without_padding(values_BLV: Tensor, lengths: list[int]) -> Tensor:
    """In float64, with 0 after each utterance's length."""
    length_B11 = torch.tensor(lengths, device=values_BLV.device)[:, None, None]
    padding_BL1 = torch.arange(values_BLV.shape[1], device=values_BLV.device)[:, None] >= length_B11
    return values_BLV.masked_fill(padding_BL1, 0.0).double()


def _best(blank_occupancy_BTP: Tensor, label_occupancy_BTP: Tensor, width_B: Tensor, last_begin_B: Tensor) -> Tensor:
    """The beginning of the window with the largest sum at each frame; the first of equal ones."""
    positions = blank_occupancy_BTP.shape[2]
    position_P = torch.arange(positions, device=blank_occupancy_BTP.device)
    summed_BTP = torch.nn.functional.pad(blank_occupancy_BTP.double().cumsum(2), (1, 0))
    end_BP = (position_P + width_B[:, None]).clamp(max=positions)
    kept_BTP = summed_BTP.gather(2, end_BP[:, None].expand_as(blank_occupancy_BTP)) - summed_BTP[:, :, :-1]
    kept_BTP[:, :, 1:] -= label_occupancy_BTP[:, :, :-1]
    kept_BTP = kept_BTP.nan_to_num(nan=0.0).masked_fill((position_P > last_begin_B[:, None])[:, None], -torch.inf)
    return kept_BTP.argmax(2)


def _connected(begin_BT: Tensor, step_B1: Tensor) -> Tensor:
    """Beginnings that start at 0, never decrease and never grow by more than `step` from one frame to the next."""
    begin_BT = begin_BT.flip(1).cummin(1).values.flip(1)
    frame_T = torch.arange(begin_BT.shape[1], device=begin_BT.device)
    # The distance of a frame to the steepest climb, which must neither increase over time nor be negative.
    short_BT = (step_B1 * frame_T - begin_BT).flip(1).cummin(1).values.flip(1).clamp(min=0)
    return step_B1 * frame_T - short_BT
