"""A causal depthwise convolution over time, strided or dilated, for whole utterances and for streams."""

from torch import Tensor, nn

from isogloss.recognizers.transducer.encoders.chain import StreamingLayer
from isogloss.recognizers.transducer.encoders.window import advance, pad_past


class CausalDepthwiseConv1d(StreamingLayer):
    """One filter a channel that looks back only: output n sees input up to frame n * stride.

    The convolution runs as a two-dimensional one over a height of 1: then torch takes frames-by-channels memory as it
    is (channels last), which on a CPU is about twice as fast as its one-dimensional depthwise convolution.

    Parameters
    ----------
    channels
        D.
    kernel
        Taps of each filter.
    stride
        Input frames for one output frame.
    dilation
        Frames between two taps.
    bias
        Whether each channel has an offset.
    """

    def __init__(self, channels: int, kernel: int, *, stride: int = 1, dilation: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.stride = stride
        self.span = (kernel - 1) * dilation + 1
        self.window = max(self.span, stride)
        self.convolution = nn.Conv2d(
            channels, channels, (1, kernel), stride=(1, stride), dilation=(1, dilation), groups=channels, bias=bias
        )

    def forward(self, input_BTD: Tensor) -> Tensor:
        """Convolve whole utterances: (B, T, D) -> (B, ceil(T / stride), D)."""
        return self._convolve(pad_past(input_BTD, self.span))

    def stream(self, chunk_BTD: Tensor, buffer_BTD: Tensor | None) -> tuple[Tensor, Tensor]:
        """Convolve as far as the frames reach; the buffer is None at the start and then what the last call returned."""
        frames_BTD, outputs, buffer_BTD = advance(chunk_BTD, buffer_BTD, window=self.window, stride=self.stride)
        if outputs == 0:
            return chunk_BTD[:, :0], buffer_BTD
        return self._convolve(frames_BTD[:, self.window - self.span :]), buffer_BTD

    def _convolve(self, padded_BTD: Tensor) -> Tensor:
        """Convolve frames that already carry their past."""
        return self.convolution(padded_BTD.transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2)
