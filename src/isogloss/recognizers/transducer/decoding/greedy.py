"""Greedy decoding of a transducer, for whole batches and for streams: the same step does both.

The search loops over labels, not over frames (label-looping, Bataev et al. 2024, 2406.06220): all streams look at their
own next frames at once, each jumps over its blanks to the frame of its next token, and the predictor advances once for
all of them. So a batch takes about as many steps as its longest hypothesis has tokens. The result is the same as that
of a loop over frames.

Shape legend in `isogloss.recognizers.transducer`; W frames looked at in one step.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from isogloss.recognizers.transducer.model import Transducer
from isogloss.recognizers.transducer.predictor import State

LOOKED_AT = 4
"""W, the frames looked at in one step. A token comes every two to four frames; a longer run of blanks takes another
step."""


@dataclass
class TokenSequence:
    """The tokens found in one utterance, and the encoder frame at which each was emitted."""

    tokens: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class GreedyState:
    """The state of the predictor after the tokens so far: its projected output and its memory."""

    predictor_BJ: Tensor
    memory: State


def start(model: Transducer, batch: int) -> GreedyState:
    """The state before the first token of each stream."""
    vector_BP, memory = model.predictor.start(batch)
    return GreedyState(model.predictor_projection(vector_BP), memory)


@torch.inference_mode()
def greedy_decode(
    model: Transducer,
    encoded_BTD: Tensor,
    lengths_B: Tensor,
    *,
    max_tokens_per_frame: int = 5,
) -> list[TokenSequence]:
    """The most probable token at each step, for a batch of utterances.

    Parameters
    ----------
    model
        In evaluation mode.
    encoded_BTD, lengths_B
        The encoder's frames and their numbers, as of `Transducer.encode`.
    max_tokens_per_frame
        A frame that would emit more moves on, so that a broken model cannot loop for ever.
    """
    encoder_BTJ = model.encoder_projection(encoded_BTD)
    state = start(model, len(encoder_BTJ))
    hypotheses, _ = advance(model, encoder_BTJ, lengths_B, state, max_tokens_per_frame=max_tokens_per_frame)
    return hypotheses


def advance(
    model: Transducer, encoder_BTJ: Tensor, lengths_B: Tensor, state: GreedyState, *, max_tokens_per_frame: int
) -> tuple[list[TokenSequence], GreedyState]:
    """Decode the next encoder frames of each stream.

    Parameters
    ----------
    encoder_BTJ, lengths_B
        Encoder frames in the joiner's space, and how many of them are a stream's own.
    state
        Where the streams stand: of `start`, or of the call for the frames before.
    max_tokens_per_frame
        See `greedy_decode`.

    Returns
    -------
    The tokens of these frames, their frames counted from the first of them, and the state after them.
    """
    batch, frames = encoder_BTJ.shape[:2]
    rows_B = torch.arange(batch, device=encoder_BTJ.device)
    ahead_W = torch.arange(min(LOOKED_AT, frames), device=encoder_BTJ.device)
    frame_B, on_frame_B = torch.zeros_like(rows_B), torch.zeros_like(rows_B)
    lengths_B = lengths_B.to(encoder_BTJ.device)
    emitted: list[Tensor] = []
    while (frame_B < lengths_B).any():
        frame_BW = frame_B[:, None] + ahead_W
        next_BWJ = encoder_BTJ[rows_B[:, None], frame_BW.clamp(max=frames - 1)]
        token_BW = model.join_step(next_BWJ, state.predictor_BJ[:, None]).argmax(dim=-1)
        speaks_BW = (token_BW != 0) & (frame_BW < lengths_B[:, None])
        blanks_B = speaks_BW.int().argmax(dim=1)
        speaks_B = speaks_BW[rows_B, blanks_B]
        token_B = torch.where(speaks_B, token_BW[rows_B, blanks_B], 0)
        frame_B = frame_B + torch.where(speaks_B, blanks_B, len(ahead_W))
        emitted.append(torch.stack([token_B, frame_B]))
        # A blank on the way leads to another frame, whose count of tokens begins at 0.
        on_frame_B = torch.where(speaks_B, torch.where(blanks_B == 0, on_frame_B, 0) + 1, 0)
        full_B = on_frame_B >= max_tokens_per_frame
        frame_B, on_frame_B = frame_B + full_B, on_frame_B.masked_fill(full_B, 0)
        state = _step(model, token_B, speaks_B, state)
    return _collect(emitted, batch), state


def _step(model: Transducer, token_B: Tensor, speaks_B: Tensor, state: GreedyState) -> GreedyState:
    """One more token for the streams that emit one; the others stay where they are."""
    if not speaks_B.any():
        return state
    vector_BP, (hidden, cell) = model.predictor.step(token_B, state.memory)
    speaks_B1 = speaks_B[:, None]
    return GreedyState(
        torch.where(speaks_B1, model.predictor_projection(vector_BP), state.predictor_BJ),
        (torch.where(speaks_B1, hidden, state.memory[0]), torch.where(speaks_B1, cell, state.memory[1])),
    )


def _collect(emitted: list[Tensor], batch: int) -> list[TokenSequence]:
    """Sort the emitted tokens of all steps into one hypothesis for each stream."""
    hypotheses = [TokenSequence() for _ in range(batch)]
    if not emitted:
        return hypotheses
    for tokens, frames in torch.stack(emitted).tolist():
        for hypothesis, token, frame in zip(hypotheses, tokens, frames, strict=True):
            if token != 0:
                hypothesis.tokens.append(token)
                hypothesis.frames.append(frame)
    return hypotheses
