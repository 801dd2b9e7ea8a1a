"""Labels drawn from the model itself: with them the mean squared gradient is the Fisher information proper.

Shapes: B utterances, T frames, U tokens, J joiner width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from isogloss.mitigation.fisher import SpeechBatch
from isogloss.recognizers.transducer import Transducer


@dataclass
class SampledBatch:
    """A batch with other labels."""

    features_BTF: Tensor
    lengths_B: Tensor
    tokens_BU: Tensor
    token_lengths_B: Tensor


@torch.no_grad()
def sampled_labels(model: Transducer, batch: SpeechBatch, *, seed: int, max_tokens_per_frame: int = 10) -> SampledBatch:
    """The batch with one label sequence for each utterance, drawn from the model's distribution.

    A walk through the lattice: at each node a token is drawn; a label goes up, blank goes on to the next frame. The
    sequence of labels of such a walk has exactly the probability that the transducer loss gives it.

    Parameters
    ----------
    seed
        Of the draws.
    max_tokens_per_frame
        A frame that would emit more moves on, so that a broken model cannot loop for ever: no exact draw any more.
    """
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    encoded_BTD, lengths_B = model.encode(batch.features_BTF, batch.lengths_B)
    encoder_BTJ = model.encoder_projection(encoded_BTD)
    frames = [row_TJ[: int(length)] for row_TJ, length in zip(encoder_BTJ, lengths_B, strict=True)]
    drawn = [_walk(model, row_TJ, generator, max_tokens_per_frame) for row_TJ in frames]
    return SampledBatch(
        features_BTF=batch.features_BTF,
        lengths_B=batch.lengths_B,
        tokens_BU=torch.nn.utils.rnn.pad_sequence(drawn, batch_first=True).to(batch.tokens_BU.device),
        token_lengths_B=torch.tensor([len(tokens) for tokens in drawn], device=batch.tokens_BU.device),
    )


def _walk(model: Transducer, encoder_TJ: Tensor, generator: torch.Generator, max_tokens_per_frame: int) -> Tensor:
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
    return torch.tensor(tokens, dtype=torch.long)
