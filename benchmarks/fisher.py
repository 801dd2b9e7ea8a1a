"""What EWC's Fisher information costs: against an epoch of training on the same data, and utterance by utterance.

    make run                       # once: the corpus
    python benchmarks/fisher.py

Every encoder in its small size, with random weights, on the same utterances of train in the same batches, on one
thread. *epoch*: forward, transducer loss, backward, a step of Adam. *fisher*: `mitigation.fisher.diagonal_fisher`.
*one by one*: a forward and a backward pass an utterance, on the first batches only and scaled up. Time is processor
time of the thread. The bound is the project's own: a Fisher costs at most two epochs.
"""

import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lhotse import CutSet

from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.mitigation.fisher import diagonal_fisher
from isogloss.recognizers import Recognizer
from isogloss.recognizers.batches import Batch, Utterances, shuffled_batches
from isogloss.recognizers.transducer import TransducerRecognizer
from isogloss.recognizers.transducer.encoders import encoder_names, encoder_options
from isogloss.tables import atomic_path, write_json

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
UTTERANCES, SECONDS, ROUNDS, SINGLE_BATCHES = 200, 60.0, 3, 2
BOUND = 2.0


def epoch(model: Recognizer, batches: list[Batch]) -> None:
    """One epoch of training as `mitigate@finetune` does it."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    for batch in batches:
        optimizer.zero_grad(set_to_none=True)
        model.losses(batch).loss_B.mean().backward()
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def alone(batches: list[Batch]) -> list[Batch]:
    """Each utterance as a batch of its own, without padding."""
    return [batch.row(row) for batch in batches for row in range(len(batch))]


def seconds(run: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Least processor time of several rounds."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        run()
        times.append(time.process_time() - began)
    return min(times)


def measure() -> dict[str, dict[str, float]]:
    """Seconds by encoder."""
    tokens = Tokens.read(ROOT / "data/tokens.txt")
    cuts = CutSet.from_cuts(list(read_cuts(ROOT / "data/cuts/train.jsonl"))[:UTTERANCES])
    dataset = Utterances(TransducerRecognizer.hears)
    batches = list(shuffled_batches(cuts, dataset, seconds=SECONDS, seed=1, epoch=0))
    few = batches[:SINGLE_BATCHES]
    share = sum(len(batch) for batch in few) / len(cuts)
    found = {}
    for encoder in encoder_names():
        torch.manual_seed(1)
        model = TransducerRecognizer(
            tokens,
            encoder=encoder,
            encoder_options=encoder_options(encoder),
            input_dim=batches[0].features_BTF.shape[2],
            predictor_dim=128,
            joiner_dim=128,
        )
        epoch(model, few)
        trained = seconds(lambda: epoch(model, batches))  # noqa: B023
        fisher = seconds(lambda: diagonal_fisher(model, batches))  # noqa: B023
        single = seconds(lambda: diagonal_fisher(model, alone(few)), 1) / share  # noqa: B023
        found[encoder] = {"epoch_s": trained, "fisher_s": fisher, "one_by_one_s": single, "epochs": fisher / trained}
        print(encoder, found[encoder], flush=True)
    return found


def cost_table(found: dict[str, dict[str, float]], what: str) -> list[str]:
    """Seconds of each model, and its Fisher in epochs, as lines of Markdown; `what` the models are."""
    lines = [
        f"| {what} | epoch of training, s | Fisher, s | Fisher one by one, s | Fisher in epochs (at most {BOUND:g}) |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in found.items():
        missed = "" if row["epochs"] <= BOUND else " (missed)"
        times = " | ".join(f"{row[key]:.2f}" for key in ("epoch_s", "fisher_s", "one_by_one_s"))
        lines.append(f"| {name} | {times} | {row['epochs']:.2f}{missed} |")
    return lines


def main() -> None:
    """Measure, print and write; exits with 1 where the bound is missed."""
    torch.set_num_threads(1)
    os.chdir(ROOT)  # the cuts name their features from the repository's root
    load = os.getloadavg()[0]
    found = measure()
    lines = [
        "# The cost of a Fisher information",
        "",
        f"`python benchmarks/fisher.py`: {UTTERANCES} utterances of Atlas in batches of {SECONDS:g} s of audio, one"
        f" thread of {os.cpu_count()} cores (load {load:.1f} when it began), Python {platform.python_version()}, torch"
        f" {torch.__version__}. Processor time; least of {ROUNDS} rounds.",
        "",
        *cost_table(found, "encoder"),
    ]
    text = "\n".join(lines) + "\n"
    with atomic_path(RESULTS / "fisher.md") as path:
        path.write_text(text, encoding="utf-8")
    write_json({"load_at_start": load, "encoders": found}, RESULTS / "fisher.json")
    print(text)
    sys.exit(any(row["epochs"] > BOUND for row in found.values()))


if __name__ == "__main__":
    main()
