"""An ECAPA-TDNN in two published sizes and one for two cores, and saving and loading it.

Shape legend in `isogloss.speakers`.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isogloss.errors import ModelError
from isogloss.speakers.blocks import ConvolutionBlock, SeRes2Block
from isogloss.speakers.pooling import AttentiveStatisticsPooling
from isogloss.tables import atomic_folder, read_json
from isogloss.weights import load_weights, write_weights

SIZES: dict[str, dict[str, Any]] = {
    "small": {"channels": 64, "pooled_channels": 128, "attention_dim": 32, "scale": 4, "bottleneck": 32, "stride": 3},
    "ecapa_512": {
        "channels": 512,
        "pooled_channels": 1536,
        "attention_dim": 128,
        "scale": 8,
        "bottleneck": 128,
        "stride": 1,
        "summed": True,
    },
    "ecapa_1024": {
        "channels": 1024,
        "pooled_channels": 1536,
        "attention_dim": 128,
        "scale": 8,
        "bottleneck": 128,
        "stride": 1,
        "summed": True,
    },
}
"""Dimensions by the name in params (`speaker.size`): `small` is our choice, the others are those of the paper.

The blocks of `small` are a plain chain (our choice too), those of the others have summed inputs.
"""

DILATIONS = (2, 3, 4)


class SpeakerEncoder(nn.Module):
    """ECAPA-TDNN (Desplanques et al. 2020, 2005.07143).

    Parameters
    ----------
    input_dim
        F, mel filters.
    embedding_dim
        D; 192 in the paper.
    channels, pooled_channels, attention_dim, scale, bottleneck
        Channels of the blocks; of what is pooled; units of the attention; groups of a Res2 convolution; units of a
        squeeze-and-excitation.
    stride
        Feature frames for one frame of the blocks; 1 in the paper.
    summed
        Whether the input of a block is the sum of what the first convolution and all blocks before it gave (section
        3.3 of the paper), or the output of the one before alone.

    Attributes
    ----------
    feature_mean_F, feature_scale_F
        Statistics of the training features; an utterance's own mean is then taken off too, as recordings of one
        speaker come over several channels.
    """

    feature_mean_F: Tensor
    feature_scale_F: Tensor

    def __init__(
        self,
        *,
        input_dim: int,
        embedding_dim: int,
        channels: int,
        pooled_channels: int,
        attention_dim: int,
        scale: int,
        bottleneck: int,
        stride: int,
        summed: bool = False,
    ) -> None:
        super().__init__()
        self.configuration = {
            "input_dim": input_dim,
            "embedding_dim": embedding_dim,
            "channels": channels,
            "pooled_channels": pooled_channels,
            "attention_dim": attention_dim,
            "scale": scale,
            "bottleneck": bottleneck,
            "stride": stride,
        }
        if summed:
            self.configuration["summed"] = True
        self.stride = stride
        self.summed = summed
        self.embedding_dim = embedding_dim
        self.register_buffer("feature_mean_F", torch.zeros(input_dim))
        self.register_buffer("feature_scale_F", torch.ones(input_dim))
        self.first = ConvolutionBlock(input_dim, channels, kernel=5, stride=stride)
        self.blocks = nn.ModuleList(
            SeRes2Block(channels, scale=scale, dilation=dilation, bottleneck=bottleneck) for dilation in DILATIONS
        )
        self.aggregate = nn.Conv1d(len(DILATIONS) * channels, pooled_channels, 1)
        self.pooling = AttentiveStatisticsPooling(pooled_channels, attention_dim=attention_dim)
        self.pooled_norm = nn.BatchNorm1d(2 * pooled_channels)
        self.projection = nn.Linear(2 * pooled_channels, embedding_dim)
        self.norm = nn.BatchNorm1d(embedding_dim)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        """Embeddings of whole utterances, (B, D), not scaled to any length.

        In training, batch normalisation counts padding frames as frames: give it crops of one length.
        """
        mask_B1T = _mask(lengths_B, features_BTF.shape[1])
        input_BFT = self._normalise(features_BTF, mask_B1T)
        strided_B1T = mask_B1T[:, :, :: self.stride]
        hidden_BCT = self.first(input_BFT, mask_B1T)
        outputs = []
        for block in self.blocks:
            outputs.append(block(hidden_BCT, strided_B1T))
            hidden_BCT = hidden_BCT + outputs[-1] if self.summed else outputs[-1]
        aggregated_BCT = torch.relu(self.aggregate(torch.cat(outputs, dim=1)))
        return self.norm(self.projection(self.pooled_norm(self.pooling(aggregated_BCT, strided_B1T))))

    def _normalise(self, features_BTF: Tensor, mask_B1T: Tensor) -> Tensor:
        """Features at the training data's scale, each utterance with zero mean: (B, F, T)."""
        input_BFT = ((features_BTF - self.feature_mean_F) / self.feature_scale_F).transpose(1, 2)
        mean_BF1 = (input_BFT * mask_B1T).sum(dim=2, keepdim=True) / mask_B1T.sum(dim=2, keepdim=True)
        return input_BFT - mean_BF1


def new_speaker_encoder(size: str, *, input_dim: int, embedding_dim: int) -> SpeakerEncoder:
    """An untrained encoder of one of the `SIZES`.

    Raises
    ------
    ModelError
        There is no such size.
    """
    if size not in SIZES:
        raise ModelError(f"there is no speaker encoder of size {size!r}; known are {', '.join(SIZES)}")
    return SpeakerEncoder(input_dim=input_dim, embedding_dim=embedding_dim, **SIZES[size])


def save_speaker_encoder(
    model: SpeakerEncoder, folder: Path | str, *, head: dict[str, Tensor] | None = None, **about: Any
) -> None:
    """Write `model.safetensors` and `model.json`, atomically.

    Parameters
    ----------
    head
        The trained state of the loss (`head.safetensors`), with which training can go on.
    about
        Written to `model.json` under its own name beside the dimensions.
    """
    with atomic_folder(folder) as temporary:
        write_weights(model.state_dict(), temporary / "model.safetensors")
        if head:
            write_weights(head, temporary / "head.safetensors")
        text = json.dumps({"dimensions": model.configuration, **about}, indent=2)
        (temporary / "model.json").write_text(text + "\n", encoding="utf-8")


def load_speaker_encoder(folder: Path | str) -> SpeakerEncoder:
    """Read an encoder that `save_speaker_encoder` wrote, in evaluation mode, on the CPU.

    Raises
    ------
    ModelError
        The folder holds no encoder, or weights that are no whole file or do not fit the dimensions beside them.
    """
    folder = Path(folder)
    description = read_json(folder / "model.json")
    if "dimensions" not in description:
        raise ModelError(f"{folder} holds no speaker encoder: its embeddings were brought from elsewhere")
    model = SpeakerEncoder(**description["dimensions"])
    load_weights(model, folder / "model.safetensors")
    return model.eval()


def _mask(lengths_B: Tensor, frames: int) -> Tensor:
    """1 for the frames of each utterance, 0 past its end: (B, 1, T)."""
    return (torch.arange(frames, device=lengths_B.device) < lengths_B[:, None]).to(torch.float32).unsqueeze(1)
