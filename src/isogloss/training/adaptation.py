"""The `mitigate` stage: a base recogniser adapted for its worst cohorts by one mitigation."""

import random
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import lightning
import pandas as pd
import torch
from lhotse import CutSet
from lhotse.cut import Cut
from torch import Tensor

from isogloss.config import MitigationParams, Params
from isogloss.corpus.tokens import Tokens
from isogloss.mitigation import Mitigation, build_mitigation
from isogloss.models import Transducer, load_transducer, save_transducer
from isogloss.training.base import CODE, SOURCE
from isogloss.training.batches import Batch, Utterances, read_cuts, shuffled_batches
from isogloss.training.fitting import finish, fit, training_key
from isogloss.training.recognizer import transducer_losses


class AdaptationTraining(lightning.LightningModule):
    """Adapts a model: weighted mean transducer loss of an utterance, plus the mitigation's penalty.

    Adam without weight decay at a constant rate (our choice): decay would pull weights that the penalty holds.

    Parameters
    ----------
    model
        The base recogniser; it is adapted in place.
    mitigation
        Its penalty is added to the loss.
    weights
        Weight of each utterance id.
    params
        Section `mitigation`.
    """

    def __init__(
        self, model: Transducer, mitigation: Mitigation, weights: dict[str, float], params: MitigationParams
    ) -> None:
        super().__init__()
        self.model = model
        self.mitigation = mitigation
        self.weights = weights
        self.params = params

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Loss of one batch."""
        loss_B = utterance_losses(self.model, batch)
        weight_B = torch.tensor([self.weights[id_] for id_ in batch.ids], device=loss_B.device)
        loss = (weight_B * loss_B).mean()
        penalty = self.mitigation.penalty(self.model)
        return loss if penalty is None else loss + penalty

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at the constant rate of params."""
        return torch.optim.Adam(self.parameters(), lr=self.params.learning_rate)


def utterance_losses(model: Transducer, batch: Batch) -> Tensor:
    """Transducer loss of each utterance of a batch, in nats: (B,)."""
    encoded_BTD, lengths_B = model.encode(batch.features_BTF, batch.lengths_B)
    return transducer_losses(model, encoded_BTD, lengths_B, batch)


def adapt_recognizer(
    method: str,
    params: Params,
    *,
    data: Path,
    base: Path,
    assignments: pd.DataFrame,
    worst: Collection[str],
    output: Path,
) -> Transducer:
    """Adapt the base recogniser with one mitigation and write the model.

    Parameters
    ----------
    method
        A name of `mitigation.methods`.
    params
        Sections `mitigation` and the one that bears the method's name are read.
    data, base, output
        Folders of the prepared data, of the base model and of the adapted one.
    assignments
        `utterance_id, speaker_id, cohort` of all splits under `mitigation.rule`.
    worst
        The cohorts to mitigate.
    """
    options = params.mitigation
    torch.set_num_threads(options.threads)
    lightning.seed_everything(options.seed, verbose=False)
    tokens = Tokens.read(data / "tokens.txt")
    model = load_transducer(base)
    mitigation = build_mitigation(method, params)
    splits = {split: read_cuts(data / "cuts" / f"{split}.jsonl") for split in ("train", "adapt")}
    examples = mitigation.examples(_with_cohorts(splits, assignments), worst)
    cuts = _drawn({cut.id: cut for split in splits.values() for cut in split}, examples)
    print(f"{method}: {len(examples)} utterances of {', '.join(sorted(worst))}", flush=True)

    dataset = Utterances(tokens, cache=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    base_batches = _base_batches(splits["train"], dataset, options.seed, device)
    mitigation.start(model.to(device), base_batches, utterance_losses)
    key = training_key(
        f"mitigate@{method}",
        [options, getattr(params, method), examples.to_csv(index=False)],
        [base, data / "cuts" / "train.jsonl", data / "cuts" / "adapt.jsonl", data / "tokens.txt"],
        [*CODE, SOURCE / "mitigation"],
    )
    model.train()
    fit(
        AdaptationTraining(model, mitigation, dict(zip(cuts.ids, examples["weight"], strict=True)), options),
        lambda epoch: shuffled_batches(cuts, dataset, seconds=options.batch_seconds, seed=options.seed, epoch=epoch),
        epochs=options.epochs,
        seed=options.seed,
        checkpoints=key,
        curve=output.with_suffix(".loss.tsv"),
    )
    save_transducer(model, output, beside=mitigation.tensors())
    finish(key)
    return model


def _with_cohorts(splits: dict[str, CutSet], assignments: pd.DataFrame) -> pd.DataFrame:
    """`utterance_id, speaker_id, split, cohort` of the splits, in the order of their cuts."""
    rows = [(cut.id, cut.supervisions[0].speaker, split) for split, cuts in splits.items() for cut in cuts]
    table = pd.DataFrame(rows, columns=["utterance_id", "speaker_id", "split"])
    return table.merge(assignments[["utterance_id", "cohort"]], on="utterance_id", how="left", validate="1:1")


def _drawn(cuts: dict[str, Cut], examples: pd.DataFrame) -> CutSet:
    """The cuts of the examples in their order; one that is drawn again gets an id of its own."""
    times: Counter[str] = Counter()
    drawn = []
    for id_ in examples["utterance_id"]:
        times[id_] += 1
        drawn.append(cuts[id_] if times[id_] == 1 else cuts[id_].with_id(f"{id_}#{times[id_]}"))
    return CutSet.from_cuts(drawn)


def _base_batches(train: CutSet, dataset: Utterances, seed: int, device: torch.device) -> Iterator[Batch]:
    """Utterances of the base population in random order, one a batch: per-utterance gradients want no padding."""
    for cut in train.shuffle(rng=random.Random(seed)):
        yield dataset[CutSet.from_cuts([cut])].to(device)
