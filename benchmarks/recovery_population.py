"""Speakers of Atlas with planted error rates, without a sound: what `recovery.py` discovers cohorts in.

People, positions, ZIP codes, dialects and splits are drawn as the corpus stage draws them; instead of being synthesised
and recognised, a speaker errs at the planted rate of their dialect, times a gamma factor of mean 1 (so that the errors
are negative binomial), and their voice is a made-up embedding.

Rates and dispersions are those of the base recogniser of a default run (240 speakers of train; of Atlas before its
splits were surveys and its test sentences new to the recogniser), measured on discovery, dev and test by planted
dialect (`isogloss score` prints the rates); the dispersion is the moment estimate sum((errors - mu)^2 - mu) / sum(mu^2)
over speakers, mu = rate x words.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from isogloss.cohorts.inputs import table_inputs
from isogloss.config import AtlasParams
from isogloss.corpus.atlas.build import draw_corpus
from isogloss.corpus.atlas.description import Description


@dataclass(frozen=True)
class Planted:
    """How a recogniser serves a dialect."""

    rate: float
    """Word error rate."""
    dispersion: float
    """Variance of the speakers' gamma factor."""


PLANTED = {
    "heartland": Planted(0.029, 2.7),
    "harbor": Planted(0.039, 0.7),
    "highland": Planted(0.071, 1.9),
    "lakeside": Planted(0.035, 3.6),
    "gulf": Planted(0.079, 0.5),
    "colonial": Planted(0.033, 1.3),
    "basin": Planted(0.122, 1.0),
    "valley": Planted(0.022, 1.7),
    "prairie": Planted(0.318, 0.04),
    "mesa": Planted(0.523, 0.01),
}
DISADVANTAGED = 2.0
"""A dialect is disadvantaged if its rate is so many times that of the population, as `isogloss score` has it."""

UTTERANCES = 3
DIMENSIONS = 32
GENDER_APART = 6.0
UTTERANCE_NOISE = 1.0
"""Distance between the genders' centres, and standard deviation of an utterance around its speaker; the unit is the
standard deviation of speakers of one dialect and gender along any direction."""


@dataclass(frozen=True)
class World:
    """One corpus: utterances with the base system's errors, the rules' inputs, and what was planted."""

    results: pd.DataFrame
    inputs: dict[str, pd.DataFrame]
    truth: pd.DataFrame
    """speaker_id, group (the dialect), disadvantaged."""


def disadvantaged(description: Description) -> set[str]:
    """The dialects that count as such."""
    overall = sum(dialect.share * PLANTED[name].rate for name, dialect in description.dialects.items())
    return {name for name, planted in PLANTED.items() if planted.rate >= DISADVANTAGED * overall}


def draw_world(
    description: Description,
    speakers: int,
    seed: int,
    dialects_apart: tuple[float, ...],
    sampling: Literal["stratified", "natural"],
) -> World:
    """A corpus of `speakers` in discovery, and as many in test.

    Parameters
    ----------
    dialects_apart
        For each, embeddings whose dialect centres are so far apart from each other (unit: as above): the input
        `automatic <distance>`.
    """
    params = AtlasParams(
        sampling=sampling,
        train_speakers=20,
        adapt_speakers=20,
        discovery_speakers=speakers,
        dev_speakers=20,
        test_speakers=speakers,
    )
    people, zips = draw_corpus(params, seed, description)
    people = people[people["split"].isin(["discovery", "test"])].reset_index(drop=True)
    rng = np.random.default_rng([seed, speakers])
    results = _recognised(people, description, rng)
    inputs = table_inputs(results, zips)
    for apart in dialects_apart:
        vectors = pd.DataFrame(_voices(people, results, apart, rng)).add_prefix("e")
        inputs[f"automatic {apart:g}"] = results[["utterance_id", "speaker_id", "split"]].join(vectors)
    truth = people[["speaker_id", "dialect"]].rename(columns={"dialect": "group"})
    truth["disadvantaged"] = truth["group"].isin(disadvantaged(description))
    return World(results.drop(columns="dialect"), inputs, truth)


def _recognised(people: pd.DataFrame, description: Description, rng: np.random.Generator) -> pd.DataFrame:
    """The utterance table: sentences of the grammar, and negative binomial errors by speaker."""
    rate = people["dialect"].map({name: planted.rate for name, planted in PLANTED.items()}).to_numpy()
    dispersion = people["dialect"].map({name: planted.dispersion for name, planted in PLANTED.items()}).to_numpy()
    factor = rng.gamma(1 / dispersion, dispersion)
    table = people.loc[people.index.repeat(UTTERANCES)].reset_index(drop=True)
    table["ref"] = [description.grammar.sample(rng) for _ in range(len(table))]
    table["words"] = [len(text.split()) for text in table["ref"]]
    table["substitutions"] = rng.poisson(np.repeat(rate * factor, UTTERANCES) * table["words"])
    number = np.tile(np.arange(UTTERANCES), len(people)).astype(str)
    table["utterance_id"] = table["speaker_id"] + "-" + pd.Series(number, dtype="str")
    return table.assign(deletions=0, insertions=0)


def _voices(people: pd.DataFrame, results: pd.DataFrame, apart: float, rng: np.random.Generator) -> np.ndarray:
    """An embedding of each utterance: dialect, gender, speaker and chance."""
    dialects = sorted(PLANTED)
    # Orthogonal centres of length d / sqrt(2) lie d apart from each other.
    directions = np.linalg.qr(rng.standard_normal((DIMENSIONS, len(dialects) + 1)))[0].T
    centres = directions[:-1] * apart / np.sqrt(2)
    side = np.where(people["gender"] == "female", 0.5, -0.5)[:, None] * GENDER_APART * directions[-1]
    dialect = pd.Index(dialects).get_indexer(pd.Index(people["dialect"]))
    voices = centres[dialect] + side + rng.standard_normal((len(people), DIMENSIONS))
    return np.repeat(voices, UTTERANCES, axis=0) + UTTERANCE_NOISE * rng.standard_normal((len(results), DIMENSIONS))
