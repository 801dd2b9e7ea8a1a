"""Options of each encoder in two sizes, for `build_encoder(name, input_dim=..., **SIZES[name][size])`.

`small` trains on two CPU cores in minutes. All small encoders are matched: their parameters at 40 mel filters are
within 5 % of each other's, so that a comparison of encoders is not one of sizes; they are the defaults of the sections
of params.

`published` is the size of the paper, or where the paper gives none that fits this encoder, one of like parameters:

- `contextnet`: 2005.03191, table 1 at alpha = 1 (22.7 M parameters at 80 filters; with its predictor the paper counts
  31.4 M).
- `conformer`: 2005.08100, table 1, medium: 16 blocks of 256 with 4 heads and 32 taps (26.3 M; with its predictor the
  paper counts 30.7 M). It attends to everything; 64 frames of left context are our choice.
- `amortized`: 12 layers of 384 are our choice (21.6 M), on a front end so light that the layers, whose computation is
  what can be saved, are nearly all of it.
- `convrnnt`: six global blocks and 100, 100, 64 and 64 local channels of 5 x 5, as public code has them; global width
  and LSTM layers are our choice (25.0 M).
- `lstm`: 1811.06621 has eight layers with projections and 120 M parameters, four times what the others have; five
  layers of 736 are our choice (22.2 M).
"""

from typing import Any

SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "lstm": {
        "small": {"subsampling": 4, "channels": 32, "hidden_dim": 192, "layers": 2, "dropout": 0.1},
        "published": {"subsampling": 4, "channels": 32, "hidden_dim": 736, "layers": 5, "dropout": 0.1},
    },
    "conformer": {
        "small": {
            "subsampling": 4,
            "channels": 32,
            "dim": 96,
            "layers": 3,
            "heads": 4,
            "feed_forward": 368,
            "kernel": 15,
            "left_context": 64,
            "dropout": 0.1,
        },
        "published": {
            "subsampling": 4,
            "channels": 256,
            "dim": 256,
            "layers": 16,
            "heads": 4,
            "feed_forward": 1024,
            "kernel": 32,
            "left_context": 64,
            "dropout": 0.1,
        },
    },
    "contextnet": {
        "small": {"subsampling": 4, "alpha": 0.28, "blocks": 7, "layers": 5, "kernel": 5, "dropout": 0.1},
        "published": {"subsampling": 8, "alpha": 1.0, "blocks": 21, "layers": 5, "kernel": 5, "dropout": 0.1},
    },
    "convrnnt": {
        "small": {
            "subsampling": 4,
            "local_channels": 25,
            "global_dim": 80,
            "global_blocks": 6,
            "expansion": 2,
            "hidden_dim": 160,
            "layers": 2,
            "dropout": 0.1,
        },
        "published": {
            "subsampling": 4,
            "local_channels": 100,
            "global_dim": 512,
            "global_blocks": 6,
            "expansion": 2,
            "hidden_dim": 640,
            "layers": 5,
            "dropout": 0.1,
        },
    },
    "amortized": {
        "small": {
            "subsampling": 4,
            "channels": 32,
            "dim": 96,
            "layers": 6,
            "heads": 4,
            "feed_forward": 336,
            "left_context": 64,
            "dropout": 0.1,
            "gates": "learned",
            "temperature": 1.0,
            "noise": 1.0,
            "compute_weight": 0.2,
        },
        "published": {
            "subsampling": 4,
            "channels": 32,
            "dim": 384,
            "layers": 12,
            "heads": 6,
            "feed_forward": 1536,
            "left_context": 64,
            "dropout": 0.1,
            "gates": "learned",
            "temperature": 1.0,
            "noise": 1.0,
            "compute_weight": 0.2,
        },
    },
}
"""Encoder -> size -> options."""
