"""A transducer and batches small enough to take gradients one utterance at a time."""

import pandas as pd
import pytest
import torch

from isogloss.corpus.frontend.tokens import Tokens
from isogloss.mitigation import Setting, Step
from isogloss.recognizers.batches import Batch
from isogloss.recognizers.transducer import TransducerRecognizer

TOKENS = Tokens.of(["abcde"])


@pytest.fixture
def tiny_model():
    def make(encoder="lstm", **options):
        torch.manual_seed(0)
        return TransducerRecognizer(
            TOKENS,
            encoder=encoder,
            encoder_options=options or {"subsampling": 2, "channels": 2, "hidden_dim": 5, "layers": 2},
            input_dim=8,
            predictor_dim=4,
            joiner_dim=7,
        ).eval()

    return make


@pytest.fixture
def speech():
    """Batches of noise with labels, of utterances of unlike lengths."""

    def make(utterances=5, seed=0, dtype=torch.float32):
        generator = torch.Generator().manual_seed(seed)
        lengths_B = torch.randint(6, 14, (utterances,), generator=generator)
        token_lengths_B = torch.randint(0, 4, (utterances,), generator=generator)
        features_BTF = torch.randn(utterances, int(lengths_B.max()), 8, generator=generator, dtype=dtype)
        tokens_BU = torch.randint(1, 6, (utterances, 4), generator=generator)
        return Batch(
            ids=[f"u{number}" for number in range(utterances)],
            cohorts=["near" if number % 2 else "far" for number in range(utterances)],
            texts=[TOKENS.spell(row[:length]) for row, length in zip(tokens_BU, token_lengths_B, strict=True)],
            features_BTF=features_BTF,
            lengths_B=lengths_B,
        )

    return make


@pytest.fixture
def setting():
    """Eight utterances: one of train, seven of adapt, of three cohorts and of none."""
    table = pd.DataFrame(
        {
            "utterance_id": list("abcdefgh"),
            "speaker_id": list("stuvwxyz"),
            "split": ["train"] + ["adapt"] * 7,
            "cohort": ["far", "far", "near", "far", "near", "mid", "near", None],
        }
    )
    return Setting(utterances=table, worst=["far"], epoch_utterances=6)


@pytest.fixture
def step():
    """A training step with given losses, cohorts and tokens."""

    def make(losses, cohorts, tokens=None, embeddings=None):
        loss_B = torch.tensor(losses, requires_grad=True)
        count = len(losses)
        return Step(
            ids=[f"u{number}" for number in range(count)],
            cohorts=cohorts,
            loss_B=loss_B,
            weight_B=torch.ones(count),
            units_B=torch.tensor(tokens or [1] * count),
            embedding_BD=torch.eye(count, 5) if embeddings is None else embeddings,
        )

    return make
