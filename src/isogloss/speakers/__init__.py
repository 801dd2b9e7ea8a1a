"""The speaker encoder: from log-mel features to an embedding in which utterances of one speaker are close.

- `encoder`: the whole, its sizes, and its files
- `blocks`: dilated convolutions with squeeze-and-excitation
- `embed`: embeddings of whole sets of cuts
- `pooling`: attentive statistics over time

Shape legend: B batch, T frames, F mel filters, C channels, D embedding dimensions. Frames past an utterance's length
are masked in front of every convolution and in every mean over time: an embedding does not depend on its neighbours
in the batch.
"""

from isogloss.speakers.encoder import (
    SIZES,
    SpeakerEncoder,
    load_speaker_encoder,
    new_speaker_encoder,
    save_speaker_encoder,
)

__all__ = ["SIZES", "SpeakerEncoder", "load_speaker_encoder", "new_speaker_encoder", "save_speaker_encoder"]
