"""The `mitigate` stage: a base recogniser adapted for its worst cohorts by one mitigation."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pandas as pd
import torch
from lhotse import CutSet
from lhotse.cut import Cut
from torch.utils.data import DataLoader

from isogloss.config import AsrParams, MitigationParams, Params
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.errors import ModelError
from isogloss.mitigation import Mitigation, Setting, Step, build_mitigation
from isogloss.mitigation.strategy import DevRates
from isogloss.recognizers import Recognizer, load_recognizer, save_recognizer
from isogloss.recognizers.batches import Batch, Utterances, shuffled_batches
from isogloss.recognizers.decode import decode_cuts
from isogloss.training.adaptation import Adaptation, Objective
from isogloss.training.fitting import finish, fit, training_key
from isogloss.training.train_recognizer import CODE, SOURCE

SPLITS = ("train", "adapt")
"""Splits that a mitigation may use."""


class RecognizerObjective(Objective):
    """The losses of transcripts, with the weights of the utterances that the mitigation drew.

    The optimiser is Adam without weight decay at a constant rate (our choice), since decay would counteract a penalty
    on changes of weights.

    Parameters
    ----------
    model
        The recogniser; it is adapted in place.
    asr
        Section `asr`, for the losses (see `Recognizer.training_losses`).
    learning_rate
        The rate.

    Attributes
    ----------
    drawn
        Utterance and weight of each cut of the current epoch, by the cut's id; an utterance may occur several times.
    """

    model: Recognizer

    def __init__(self, model: Recognizer, asr: AsrParams, *, learning_rate: float) -> None:
        super().__init__(model)
        self.asr = asr
        self.learning_rate = learning_rate
        self.drawn: dict[str, tuple[str, float]] = {}

    def step(self, batch: Batch) -> Step:
        """The losses of a batch's transcripts."""
        losses = self.model.training_losses(batch, self.asr)
        ids, weights = zip(*(self.drawn[id_] for id_ in batch.ids), strict=True)
        return Step(
            ids=list(ids),
            cohorts=batch.cohorts,
            loss_B=losses.loss_B,
            weight_B=torch.tensor(weights, device=losses.loss_B.device),
            units_B=losses.units_B,
            embedding_BD=losses.embedding_BD,
            extra=losses.extra,
        )

    def optimizer(self) -> torch.optim.Optimizer:
        """Adam at a constant rate, on what the mitigation adapts."""
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        return torch.optim.Adam(trained, lr=self.learning_rate, fused=True)


def adapt_recognizer(
    method: str,
    params: Params,
    *,
    data: Path,
    base: Path,
    assignments: pd.DataFrame,
    worst: Collection[str],
    output: Path,
    dev: Callable[[Recognizer], DevRates],
) -> Recognizer:
    """Adapt the base recogniser with one mitigation and write the model.

    Parameters
    ----------
    method, params
        A name of `mitigation.methods`; the sections `mitigation` and that of the method are read, and the options of
        the loss in `asr`.
    data, base, output
        Folders of the prepared data, of the base model and of the adapted one.
    assignments, worst
        `utterance_id, speaker_id, cohort` of all splits under `mitigation.rule`; and the cohorts to mitigate.
    dev
        The error rates of a recogniser on dev, for a method that chooses an option by them.

    Raises
    ------
    ModelError
        No utterance of adapt is of a worst cohort, the base model does not fit its own description, or the method
        adapts no part of it.
    """
    options = params.mitigation
    compute_repeatably(options.threads)
    lightning.seed_everything(options.seed, verbose=False)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    mitigation = build_mitigation(method, params)
    base_model = load_recognizer(base)
    splits = {split: read_cuts(data / "cuts" / f"{split}.jsonl", hears=base_model.hears) for split in SPLITS}
    known = _with_cohorts(splits, assignments)
    setting = Setting(utterances=known, worst=worst, epoch_utterances=options.epoch_utterances, device=device)
    first = mitigation.examples(setting, _generator(options.seed, 0))
    print(f"{method}: {len(first)} utterances an epoch, for {', '.join(sorted(worst))}", flush=True)

    cuts = _relabelled({cut.id: cut for split in splits.values() for cut in split}, mitigation, setting, base_model)
    model = mitigation.model(base_model, setting).to(device)
    _require_adapted_part(method, mitigation, model)
    cohorts = dict(zip(assignments["utterance_id"], assignments["cohort"], strict=True))
    dataset = Utterances(model.hears, cache=True, cohorts=cohorts)
    mitigation.start(model, setting, _base_batches(splits["train"], dataset, options, device))
    key = _key(method, params, setting, base=base, data=data)
    rate = options.learning_rate * mitigation.options.learning_rate_factor
    objective = RecognizerObjective(model.train(), params.asr, learning_rate=rate)
    batches = _epochs(objective, mitigation, setting, cuts, dataset, options)
    curve = output.with_suffix(".loss.tsv")
    adaptation = Adaptation(objective, mitigation)
    fit(adaptation, batches, epochs=options.epochs, seed=options.seed, checkpoints=key, curve=curve)
    mitigation.settle(model, dev)
    save_recognizer(model, output, beside=mitigation.tensors(), weights=mitigation.weights())
    finish(key)
    return model


def _require_adapted_part(method: str, mitigation: Mitigation[Any, Any], model: Recognizer) -> None:
    """Raise if the mitigation would leave all weights as they are, as one of the decoder does in a model without it."""
    if not any(mitigation.is_trained(model, name) for name in model.trained_parameters()):
        raise ModelError(f"{method} adapts no part of a {model.kind}; leave it out of mitigation.methods")


def _key(method: str, params: Params, setting: Setting, *, base: Path, data: Path) -> Path:
    """The checkpoint folder of this adaptation."""
    return training_key(
        f"mitigate@{method}",
        [
            params.mitigation,
            params.section(method),
            (params.asr.fastemit, params.asr.delay_penalty),
            sorted(setting.worst),
            setting.utterances.to_csv(index=False),
        ],
        [base, data / "cuts" / "train.jsonl", data / "cuts" / "adapt.jsonl"],
        [*CODE, SOURCE / "mitigation"],
    )


def _epochs(
    objective: RecognizerObjective,
    mitigation: Mitigation[Any, Any],
    setting: Setting,
    cuts: dict[str, Cut],
    dataset: Utterances,
    options: MitigationParams,
) -> Callable[[int], DataLoader]:
    """The batches of an epoch, by its number: the utterances that the mitigation draws, with its weights."""

    def batches(epoch: int) -> DataLoader:
        examples = mitigation.examples(setting, _generator(options.seed, epoch))
        drawn = _cut_set(cuts, examples["utterance_id"])
        said = zip(examples["utterance_id"], examples["weight"], strict=True)
        objective.drawn = dict(zip(drawn.ids, said, strict=True))
        return shuffled_batches(drawn, dataset, seconds=options.batch_seconds, seed=options.seed, epoch=epoch)

    return batches


def _generator(seed: int, epoch: int) -> np.random.Generator:
    """The random generator of one epoch, which does not depend on the epochs before."""
    return np.random.default_rng([seed, epoch])


def _with_cohorts(splits: dict[str, CutSet], assignments: pd.DataFrame) -> pd.DataFrame:
    """`utterance_id, speaker_id, split, cohort` of the splits, in the order of their cuts."""
    rows = [(cut.id, cut.supervisions[0].speaker, split) for split, cuts in splits.items() for cut in cuts]
    table = pd.DataFrame(rows, columns=["utterance_id", "speaker_id", "split"])
    return table.merge(assignments[["utterance_id", "cohort"]], on="utterance_id", how="left", validate="1:1")


def _cut_set(cuts: dict[str, Cut], ids: Collection[str]) -> CutSet:
    """The cuts of the ids in their order; one that is drawn again gets an id that no other has, `id#2` or the like."""
    times: Counter[str] = Counter()
    drawn = []
    for id_ in ids:
        times[id_] += 1
        name = id_ if times[id_] == 1 else f"{id_}#{times[id_]}"
        while name in cuts and name != id_:
            name += "#"
        drawn.append(cuts[id_] if name == id_ else cuts[id_].with_id(name))
    return CutSet.from_cuts(drawn)


def _relabelled(
    cuts: dict[str, Cut], mitigation: Mitigation[Any, Any], setting: Setting, base_model: Recognizer
) -> dict[str, Cut]:
    """The cuts with the transcripts that the mitigation gives them, some of which are the base's own hypotheses."""
    labels = mitigation.relabel(
        setting, lambda ids: {id_: said.text for id_, said in decode_cuts(base_model, _cut_set(cuts, ids)).items()}
    )
    return {id_: _with_text(cut, labels[id_]) if id_ in labels else cut for id_, cut in cuts.items()}


def _with_text(cut: Cut, text: str) -> Cut:
    """A cut with another transcript."""
    return cut.map_supervisions(lambda supervision: supervision.transform_text(lambda _: text))


def _base_batches(
    train: CutSet, dataset: Utterances, options: MitigationParams, device: torch.device
) -> Iterator[Batch]:
    """Batches of the base population in random order."""
    for batch in shuffled_batches(train, dataset, seconds=options.batch_seconds, seed=options.seed, epoch=0):
        yield batch.to(device)
