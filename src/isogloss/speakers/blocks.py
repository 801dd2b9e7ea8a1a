"""Blocks of ECAPA-TDNN (Desplanques et al. 2020, 2005.07143, section 3.2), with masks.

Shape legend in `isogloss.speakers`; masks are (B, 1, T), 1 where a frame belongs to the utterance.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvolutionBlock(nn.Module):
    """Convolution over time, ReLU, batch normalisation; output frame n is centred on input frame n * stride."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 1, dilation: int = 1, stride: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.convolution = nn.Conv1d(inputs, outputs, kernel, dilation=dilation, stride=stride, padding=padding)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, input_BCT: Tensor, mask_B1T: Tensor) -> Tensor:
        """(B, C, T) -> (B, C', ceil(T / stride)); what lies past the end counts as zero, as it does in a lone call."""
        if self.convolution.kernel_size[0] > 1:
            input_BCT = input_BCT * mask_B1T
        return self.norm(F.relu(self.convolution(input_BCT)))


class Res2Convolution(nn.Module):
    """Channels in `scale` groups, each convolved together with the result of the group before (Gao et al. 2019).

    One layer so has receptive fields of several lengths, at a fraction of a full convolution's cost.
    """

    def __init__(self, channels: int, *, scale: int, dilation: int) -> None:
        super().__init__()
        self.scale = scale
        width = channels // scale
        self.blocks = nn.ModuleList(
            ConvolutionBlock(width, width, kernel=3, dilation=dilation) for _ in range(scale - 1)
        )

    def forward(self, input_BCT: Tensor, mask_B1T: Tensor) -> Tensor:
        """The same shape; the first group passes as it is."""
        first, *rest = input_BCT.chunk(self.scale, dim=1)
        outputs = [first]
        for number, (part, block) in enumerate(zip(rest, self.blocks, strict=True)):
            outputs.append(block(part if number == 0 else part + outputs[-1], mask_B1T))
        return torch.cat(outputs, dim=1)


class SqueezeExcitation(nn.Module):
    """Scales channels by what the whole utterance is like (Hu et al. 2018, 1709.01507)."""

    def __init__(self, channels: int, *, bottleneck: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, bottleneck)
        self.excite = nn.Linear(bottleneck, channels)

    def forward(self, input_BCT: Tensor, mask_B1T: Tensor) -> Tensor:
        """The same shape; the mean is over the utterance's own frames."""
        mean_BC = (input_BCT * mask_B1T).sum(dim=2) / mask_B1T.sum(dim=2)
        gate_BC = torch.sigmoid(self.excite(F.relu(self.squeeze(mean_BC))))
        return input_BCT * gate_BC.unsqueeze(2)


class SeRes2Block(nn.Module):
    """Pointwise, Res2 convolution, pointwise, squeeze-and-excitation, and the input added."""

    def __init__(self, channels: int, *, scale: int, dilation: int, bottleneck: int) -> None:
        super().__init__()
        self.reduce = ConvolutionBlock(channels, channels)
        self.res2 = Res2Convolution(channels, scale=scale, dilation=dilation)
        self.expand = ConvolutionBlock(channels, channels)
        self.gate = SqueezeExcitation(channels, bottleneck=bottleneck)

    def forward(self, input_BCT: Tensor, mask_B1T: Tensor) -> Tensor:
        """The same shape."""
        hidden_BCT = self.res2(self.reduce(input_BCT, mask_B1T), mask_B1T)
        return input_BCT + self.gate(self.expand(hidden_BCT, mask_B1T), mask_B1T)
