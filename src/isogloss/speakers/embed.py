"""Embeddings of whole sets of cuts."""

import numpy as np
import torch
from lhotse import CutSet
from numpy.typing import NDArray

from isogloss.speakers.encoder import SpeakerEncoder

BATCH_FRAMES = 12_000


@torch.inference_mode()
def embed_cuts(model: SpeakerEncoder, cuts: CutSet) -> dict[str, NDArray[np.float32]]:
    """The embedding of each cut, by its id; cuts of like lengths go together."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device).eval()
    waiting = sorted(cuts, key=lambda cut: (cut.num_frames, cut.id))
    vectors: dict[str, NDArray[np.float32]] = {}
    while waiting:
        longest = waiting[-1].num_frames
        batch = waiting[-max(1, BATCH_FRAMES // longest) :]
        del waiting[-len(batch) :]
        features = [torch.from_numpy(cut.load_features()) for cut in batch]
        padded_BTF = torch.nn.utils.rnn.pad_sequence(features, batch_first=True).to(device)
        lengths_B = torch.tensor([len(one) for one in features], device=device)
        vectors |= dict(zip([cut.id for cut in batch], model(padded_BTF, lengths_B).cpu().numpy(), strict=True))
    return vectors
