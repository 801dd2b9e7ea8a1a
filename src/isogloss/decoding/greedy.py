"""Batched greedy decoding of a transducer: all streams of a batch advance through the frames together.

Shape legend in `isogloss.models`.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from isogloss.models.transducer import Transducer


@dataclass
class Hypothesis:
    """Tokens of one utterance, and the encoder frame at which each was emitted."""

    tokens: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)


@torch.inference_mode()
def greedy_decode(
    model: Transducer, features_BTF: Tensor, lengths_B: Tensor, *, max_tokens_per_frame: int = 5
) -> list[Hypothesis]:
    """The most probable token at each step, for a batch of utterances.

    Parameters
    ----------
    model
        In evaluation mode.
    features_BTF, lengths_B
        Log-mel features, not normalised, and their frames.
    max_tokens_per_frame
        A frame that would emit more moves on, so that a broken model cannot loop for ever.
    """
    encoded_BTD, encoded_lengths_B = model.encode(features_BTF, lengths_B)
    encoder_BTJ = model.encoder_projection(encoded_BTD)
    batch, frames = encoder_BTJ.shape[:2]
    vector_BP, (hidden, cell) = model.predictor.start(batch)
    predictor_BJ = model.predictor_projection(vector_BP)
    emitted: list[tuple[Tensor, Tensor]] = []
    for frame in range(frames):
        running_B = frame < encoded_lengths_B
        for _ in range(max_tokens_per_frame):
            tokens_B = model.join_step(encoder_BTJ[:, frame], predictor_BJ).argmax(dim=-1)
            running_B = running_B & (tokens_B != 0)
            rows = running_B.nonzero().squeeze(1)
            if len(rows) == 0:
                break
            emitted.append((rows, torch.stack([tokens_B[rows], torch.full_like(rows, frame)])))
            vector_RP, (new_hidden, new_cell) = model.predictor.step(tokens_B[rows], (hidden[:, rows], cell[:, rows]))
            hidden[:, rows], cell[:, rows] = new_hidden, new_cell
            predictor_BJ[rows] = model.predictor_projection(vector_RP)
    return _collect(emitted, batch)


def _collect(emitted: list[tuple[Tensor, Tensor]], batch: int) -> list[Hypothesis]:
    """Sort what was emitted, step by step, into one hypothesis a row."""
    hypotheses = [Hypothesis() for _ in range(batch)]
    if not emitted:
        return hypotheses
    rows = torch.cat([rows for rows, _ in emitted]).tolist()
    tokens, frames = torch.cat([pair for _, pair in emitted], dim=1).tolist()
    for row, token, frame in zip(rows, tokens, frames, strict=True):
        hypotheses[row].tokens.append(token)
        hypotheses[row].frames.append(frame)
    return hypotheses
