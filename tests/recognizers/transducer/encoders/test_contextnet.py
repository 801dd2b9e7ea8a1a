"""ContextNet has the layout of its paper's table 1, and refuses one that has no room for its strides."""

import pytest
import torch

from isogloss.errors import ModelError
from isogloss.recognizers.transducer import build_encoder
from isogloss.recognizers.transducer.encoders.contextnet import BlockShape, ConvolutionBlock


def published(**options):
    with torch.device("meta"):
        return build_encoder("contextnet", input_dim=80, **options)


def test_the_published_layout_is_table_1():
    model = published(alpha=1.0, blocks=21, layers=5, subsampling=8)
    blocks = list(model.blocks.layers)
    assert len(blocks) == 23
    assert [number for number, block in enumerate(blocks) if block.stride == 2] == [3, 7, 14]
    widths = [block.excitation.excite.out_features for block in blocks]
    assert widths == [256] * 11 + [512] * 11 + [640] == [256] * 11 + [512] * 11 + [model.output_dim]
    assert [len(block.convolutions.layers) for block in blocks] == [1, *[5] * 21, 1]
    assert [number for number, block in enumerate(blocks) if block.projection is None] == [0, 22]


@pytest.mark.parametrize(("alpha", "first", "last"), [(0.5, 128, 320), (2.0, 512, 1280), (0.28, 72, 176)])
def test_alpha_scales_all_widths_to_multiples_of_eight(alpha, first, last):
    model = published(alpha=alpha)
    assert (model.blocks.layers[0].excitation.excite.out_features, model.output_dim) == (first, last)


@pytest.mark.parametrize("blocks", range(5, 25))
@pytest.mark.parametrize("subsampling", [4, 8])
def test_any_depth_subsamples_as_told(blocks, subsampling):
    model = published(alpha=0.05, blocks=blocks, layers=1, subsampling=subsampling)
    rates = [block.stride for block in model.blocks.layers]
    assert rates.count(2) == {4: 2, 8: 3}[subsampling]
    assert rates[0] == rates[-1] == 1


def test_the_shortcut_of_a_strided_block_carries_the_frames_its_outputs_stand_for():
    block = ConvolutionBlock(4, BlockShape(channels=4, layers=2, stride=2, residual=True), kernel=3)
    torch.nn.init.zeros_(block.convolutions.layers[-1].norm.weight)  # nothing comes through the convolutions
    input_BTD = torch.randn(1, 9, 4)
    expected_BTD = torch.nn.functional.silu(block.projection(input_BTD[:, [0, 2, 4, 6, 8]]))
    torch.testing.assert_close(block(input_BTD), expected_BTD)


def test_too_few_blocks_are_refused():
    with pytest.raises(ModelError, match=r"contextnet of 4 blocks .* at least 5"):
        build_encoder("contextnet", input_dim=40, blocks=4)


def test_a_subsampling_that_is_not_a_power_of_its_strides_is_refused():
    with pytest.raises(ModelError, match="contextnet cannot subsample by 3; choose 4 or 8"):
        build_encoder("contextnet", input_dim=40, subsampling=3)
