"""Labels drawn from the model itself: with them the mean squared gradient is the Fisher information proper.

Shape legend in `isogloss.recognizers.transducer`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from isogloss.recognizers.transducer.model import Transducer


@torch.no_grad()
def sampled_tokens(
    model: Transducer,
    features_BTF: Tensor,
    lengths_B: Tensor,
    cohorts: Sequence[str],
    *,
    seed: int,
    max_tokens_per_frame: int = 10,
) -> list[list[int]]:
    """One label sequence for each utterance, drawn from the model's distribution.

    A walk through the lattice: at each node a token is drawn; a label goes up, blank goes on to the next frame. The
    sequence of labels of such a walk has exactly the probability that the transducer loss gives it.

    Parameters
    ----------
    model
        It is put into evaluation mode.
    features_BTF, lengths_B, cohorts
        As `Transducer.encode` takes them.
    seed
        Of the draws.
    max_tokens_per_frame
        A frame that would emit more moves on, so that a broken model cannot loop for ever; the draw is then not exact.
    """
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    encoded_BTD, encoded_lengths_B = model.encode(features_BTF, lengths_B, cohorts)
    encoder_BTJ = model.encoder_projection(encoded_BTD)
    frames = [row_TJ[: int(length)] for row_TJ, length in zip(encoder_BTJ, encoded_lengths_B, strict=True)]
    return [_walk(model, row_TJ, generator, max_tokens_per_frame) for row_TJ in frames]


def _walk(model: Transducer, encoder_TJ: Tensor, generator: torch.Generator, max_tokens_per_frame: int) -> list[int]:
    """One draw for one utterance."""
    vector_BP, state = model.predictor.start(1)
    tokens: list[int] = []
    for frame_J in encoder_TJ:
        for _ in range(max_tokens_per_frame):
            logits_BV = model.join_step(frame_J[None], model.predictor_projection(vector_BP))
            token = int(torch.multinomial(logits_BV.softmax(dim=-1).cpu(), 1, generator=generator))
            if token == 0:
                break
            tokens.append(token)
            vector_BP, state = model.predictor.step(torch.tensor([token], device=frame_J.device), state)
    return tokens
