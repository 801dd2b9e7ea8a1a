"""The features of a whole utterance, computed while its audio arrives.

A frame is computed as soon as the last of its samples is there, 17.5 ms after the 10 ms that it stands for began. At
both ends of an utterance Lhotse mirrors the audio, so the first samples and the last ones, which become known as such
when the stream ends, are mirrored here too: the frames equal those of `isogloss.corpus.frontend.features` to rounding,
whatever the chunks.

Shape legend in `isogloss.recognizers.transducer`; N samples.
"""

import numpy as np
import torch
from torch import Tensor

from isogloss.corpus.frontend.features import feature_extractor
from isogloss.errors import CorpusError

WINDOW = 400
SHIFT = 160
MIRRORED_START = (WINDOW - SHIFT) // 2
"""Number of samples at the start of an utterance that are mirrored before it."""
FEWEST_SAMPLES = 140
"""A recording of 8.75 ms has one frame; a shorter one lacks the samples to mirror and has none."""


class StreamingFeatures:
    """Log-mel filterbanks of one utterance, chunk by chunk.

    Parameters
    ----------
    num_filters
        F, mel filters.

    Examples
    --------
    >>> import numpy as np
    >>> features = StreamingFeatures(num_filters=40)
    >>> features.accept(np.zeros(1000, dtype=np.float32)).shape
    torch.Size([5, 40])
    >>> features.accept(np.zeros(600, dtype=np.float32), last=True).shape
    torch.Size([5, 40])
    """

    def __init__(self, *, num_filters: int) -> None:
        self.num_filters = num_filters
        self._filterbank = feature_extractor(num_filters).extractor
        self._waiting_N = torch.zeros(0)
        self._context_1N: Tensor | None = None
        self._received = 0
        self._ended = False

    def accept(self, samples_N: np.ndarray | Tensor, *, last: bool = False) -> Tensor:
        """The frames that become known with the next samples, shape (T, F); T is 0 where there are none.

        Parameters
        ----------
        samples_N
            The next samples at 16 kHz between -1 and 1, any number of them.
        last
            Whether the utterance ends with them.

        Raises
        ------
        CorpusError
            The samples are not one row of floating-point numbers, or the utterance has already ended.
        """
        samples_N = _checked(samples_N)
        if self._ended:
            raise CorpusError("the utterance has ended; begin a new stream for more audio")
        self._ended = last
        self._received += len(samples_N)
        self._waiting_N = torch.cat([self._waiting_N, samples_N])
        if last and self._received >= FEWEST_SAMPLES:
            self._waiting_N = torch.cat([self._waiting_N, self._mirrored_end()])
        before = MIRRORED_START if self._context_1N is None else self._context_1N.shape[1]
        if before + len(self._waiting_N) < WINDOW:
            return torch.zeros(0, self.num_filters)
        with torch.inference_mode():
            features_1TF, self._context_1N = self._filterbank.online_inference(
                self._waiting_N.unsqueeze(0), context=self._context_1N
            )
        self._waiting_N = torch.zeros(0)
        return features_1TF[0]

    def _mirrored_end(self) -> Tensor:
        """The samples that follow the last one: as many as complete the last window, in reverse order."""
        frames = (self._received + SHIFT // 2) // SHIFT
        missing = (frames - 1) * SHIFT + WINDOW - MIRRORED_START - self._received
        held = [self._waiting_N] if self._context_1N is None else [self._context_1N[0], self._waiting_N]
        return torch.cat(held)[-missing:].flip(0)


def _checked(samples_N: np.ndarray | Tensor) -> Tensor:
    """The samples as a float32 tensor."""
    samples = torch.as_tensor(samples_N)
    if samples.ndim != 1 or not samples.is_floating_point():
        raise CorpusError(
            "a chunk of audio must be one row of floating-point samples between -1 and 1, not "
            f"{samples.dtype} of shape {tuple(samples.shape)}; take one channel, and divide 16-bit samples by 32768"
        )
    return samples.detach().to(torch.float32).cpu()
