"""A tiny recogniser trained by however many processes run this; `test_processes.py` compares one with two."""

import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from isogloss.config import AsrParams
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.recognizers.batches import Batch
from isogloss.recognizers.transducer import TransducerRecognizer
from isogloss.recognizers.transducer.encoders.lstm import LstmParams
from isogloss.training.fitting import fit, visible_devices
from isogloss.training.recognizer import RecognizerTraining

STEPS = 4
TOKENS = Tokens.of(["abcde"])


def batch(utterances):
    """Utterances (features, tokens) padded to the longest."""
    features, tokens = zip(*utterances, strict=True)
    return Batch(
        ids=[str(number) for number in range(len(features))],
        cohorts=[""] * len(features),
        texts=[TOKENS.spell(ids) for ids in tokens],
        features_BTF=torch.nn.utils.rnn.pad_sequence(features, batch_first=True),
        lengths_B=torch.tensor([len(x) for x in features]),
    )


def utterances(number, generator):
    return [
        (
            torch.randn(int(torch.randint(12, 30, (), generator=generator)), 8, generator=generator),
            torch.randint(1, 6, (int(torch.randint(1, 5, (), generator=generator)),), generator=generator),
        )
        for _ in range(number)
    ]


def train(folder: Path, *, devices: int) -> dict[str, torch.Tensor]:
    """Weights after two epochs whose every step has a batch of three utterances and one of five; alone, of all eight.

    The loss curve goes to `loss.tsv`.
    """

    def batches(epoch):
        generator = torch.Generator().manual_seed(epoch)
        steps = [(utterances(3, generator), utterances(5, generator)) for _ in range(STEPS)]
        if devices == 1:
            mine = [batch(first + second) for first, second in steps]
        else:
            mine = [batch(step[torch.distributed.get_rank()]) for step in steps]
        return DataLoader(mine, batch_size=None)

    torch.set_num_threads(1)
    torch.manual_seed(1)
    options = LstmParams(channels=4, hidden_dim=16, layers=1, dropout=0.0).model_dump()
    model = TransducerRecognizer(
        TOKENS, encoder="lstm", encoder_options=options, input_dim=8, predictor_dim=8, joiner_dim=8
    )
    params = AsrParams(ctc_epochs=1, transducer_epochs=1, ema_decay=0.5)
    fit(
        RecognizerTraining(model, params, steps_per_epoch=STEPS),
        batches,
        dev_batches=lambda: [batch(utterances(4, torch.Generator().manual_seed(99)))],
        epochs=2,
        seed=1,
        checkpoints=folder / "checkpoints",
        curve=folder / "loss.tsv",
        ema_decay=params.ema_decay,
        devices=devices,
    )
    return model.state_dict()


if __name__ == "__main__":
    here = Path(sys.argv[1])
    weights = train(here, devices=visible_devices() if torch.distributed.is_torchelastic_launched() else 2)
    torch.save(weights, here / f"weights{torch.distributed.get_rank()}.pt")
