"""What EWC's Fisher information costs on pretrained recognisers: Whisper, and wav2vec2 with random weights.

    python benchmarks/fisher_pretrained.py --utterances 32

As `benchmarks/fisher.py`, on utterances of speechocean762 that fit in 8 s. Whisper tiny.en is read from
`$ISOGLOSS_MODELS`; of wav2vec2 only the layers matter here: four of 384 dimensions on the published front end of seven
convolutions. *one by one* is also what the Fisher in one pass has to equal: the largest difference is written down,
relative to the largest element.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fisher import BOUND, alone, cost_table, epoch, seconds
from whisper_cpu import CHECKPOINT, recorded

from isogloss.mitigation.fisher import diagonal_fisher
from isogloss.recognizers import Recognizer
from isogloss.recognizers.batches import Batch
from isogloss.recognizers.ctc import CtcRecognizer
from isogloss.recognizers.pretrained import resolve_checkpoint
from isogloss.recognizers.whisper import WhisperRecognizer
from isogloss.tables import atomic_path, write_json

RESULTS = Path(__file__).parent / "results"
WINDOW, BATCH, ROUNDS = 8, 8, 3
LETTERS = "ETAOINSHRDLUMWCFGYPBVKXJQZ'"


def wav2vec2(folder: Path) -> CtcRecognizer:
    """Four layers of random weights, with layer normalisation in the front end and capital letters for tokens."""
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    config = Wav2Vec2Config(
        vocab_size=len(tokens),
        hidden_size=384,
        num_hidden_layers=4,
        num_attention_heads=6,
        intermediate_size=1536,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        conv_bias=True,
        pad_token_id=0,
        mask_time_prob=0.0,
    )
    torch.manual_seed(1)
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    return CtcRecognizer.from_checkpoint(folder)


def spoken(count: int) -> list[Batch]:
    """Batches of utterances of like length with a text each; which text plays no part in the time."""
    audio = sorted(recorded(count, WINDOW), key=len)
    data = Path(os.environ.get("ISOGLOSS_DATA") or "../shared/data") / "speechocean762"
    texts = [text.lower() for text in pd.read_csv(data / "recordings.csv", dtype=str)["transcript"][: len(audio)]]
    batches = []
    for first in range(0, len(audio), BATCH):
        some = audio[first : first + BATCH]
        padded = np.zeros((len(some), max(map(len, some))), dtype=np.float32)
        for row, samples_S in enumerate(some):
            padded[row, : len(samples_S)] = samples_S
        lengths = torch.tensor([len(samples_S) for samples_S in some])
        names = [f"u{first + row}" for row in range(len(some))]
        batch = Batch(names, [""] * len(some), texts[first : first + len(some)], lengths)
        batches.append(Batch(**{**batch.__dict__, "audio_BS": torch.from_numpy(padded)}))
    return batches


def measured(model: Recognizer, batches: list[Batch]) -> dict[str, float]:
    """Seconds of an epoch and of a Fisher, both ways, and how far the two Fishers are from each other."""
    single = diagonal_fisher(model, alone(batches))
    together = diagonal_fisher(model, batches)
    scale = max(float(tensor.abs().max()) for tensor in single.values())
    apart = max(float((together[name] - tensor).abs().max()) for name, tensor in single.items()) / scale
    fisher = seconds(lambda: diagonal_fisher(model, batches), ROUNDS)
    one_by_one = seconds(lambda: diagonal_fisher(model, alone(batches)), 1)
    trained = seconds(lambda: epoch(model, batches), ROUNDS)  # last, since it moves the weights
    return {
        "epoch_s": trained,
        "fisher_s": fisher,
        "one_by_one_s": one_by_one,
        "epochs": fisher / trained,
        "difference": apart,
    }


def main() -> None:
    """Measure, print and write; exits with 1 where the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    load, batches = os.getloadavg()[0], spoken(options.utterances)
    whisper = WhisperRecognizer.from_checkpoint(resolve_checkpoint(CHECKPOINT), window_seconds=WINDOW)
    with tempfile.TemporaryDirectory() as folder:
        models = {f"Whisper tiny.en, {WINDOW} s": whisper, "wav2vec2, 4 layers of 384": wav2vec2(Path(folder))}
    found = {}
    for name, model in models.items():
        found[name] = measured(model, batches)
        print(name, found[name], flush=True)
    lines = [
        "# The cost of a Fisher information on pretrained recognisers",
        "",
        f"    python benchmarks/fisher_pretrained.py --utterances {options.utterances}",
        "",
        f"{options.utterances} utterances of speechocean762 in batches of {BATCH}, one thread of {os.cpu_count()} cores"
        f" (load {load:.1f} when it began), Python {platform.python_version()}, torch {torch.__version__}. Processor"
        f" time; least of {ROUNDS} rounds.",
        "",
        *cost_table(found, "recogniser"),
        "",
        "Largest difference of the two Fishers, relative to the largest element: "
        + ", ".join(f"{name} {row['difference']:.1e}" for name, row in found.items())
        + ".",
    ]
    text = "\n".join(lines) + "\n"
    with atomic_path(RESULTS / "fisher_pretrained.md") as path:
        path.write_text(text, encoding="utf-8")
    write_json({"load_at_start": load, "recognizers": found}, RESULTS / "fisher_pretrained.json")
    print(text)
    sys.exit(any(row["epochs"] > BOUND for row in found.values()))


if __name__ == "__main__":
    main()
