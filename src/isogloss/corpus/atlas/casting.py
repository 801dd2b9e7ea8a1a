"""Each speaker's voice, sentences and recordings, as one synthesis job per speaker.

Old age is heard mildly (our choice): speech slows by up to a tenth, women's pitch falls and the voice trembles.

A sentence belongs either to what recognisers learn from (train, adapt) or to what they are judged on (discovery, dev,
test), by a hash of its words, so that no sentence of one side occurs on the other.
"""

import hashlib

import numpy as np
import pandas as pd

from isogloss.config import AtlasParams
from isogloss.corpus.atlas.description import Channel, Description
from isogloss.corpus.atlas.grammar import Grammar
from isogloss.corpus.atlas.jobs import ChannelDraw, Job, Take
from isogloss.errors import ParamsError

LEARNT_FROM = ("train", "adapt")

_OLD_AGE = (55.0, 85.0)
"""Age in years at which a voice begins to age, and at which it has aged fully."""
_SLOWER = 0.1
_LOWER_PITCH = 8.0
_TREMOR = 0.12
_HELD_OUT_SHARE = 0.25
"""Share of the sentences of the grammar that are kept for discovery, dev and test."""
_TRIES = 2_000


def cast(speakers: pd.DataFrame, params: AtlasParams, description: Description, seed: int) -> list[Job]:
    """The jobs of all speakers, in their order; a speaker's job depends only on the seed and their id.

    Raises
    ------
    ParamsError
        The grammar has too few sentences for some to be kept for discovery, dev and test.
    """
    rows = speakers[["speaker_id", "split", "dialect", "gender", "age"]]
    return [
        _cast_one(row, number, params, description, seed) for number, row in enumerate(rows.itertuples(index=False))
    ]


def is_held_out(sentence: str, seed: int) -> bool:
    """Whether a sentence is kept for discovery, dev and test."""
    digest = hashlib.blake2b(f"{seed}:{sentence}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < _HELD_OUT_SHARE * 2**64


def _cast_one(row: tuple, number: int, params: AtlasParams, description: Description, seed: int) -> Job:
    """One speaker's job."""
    speaker_id, split, dialect_name, gender, age = row
    rng = np.random.default_rng([seed, 2, number])
    dialect = description.dialects[dialect_name]
    variants = getattr(dialect.variants or description.variants, gender)
    voice = f"{dialect.voices[rng.integers(len(dialect.voices))]}+{variants[rng.integers(len(variants))]}"
    years = float(np.clip((age - _OLD_AGE[0]) / (_OLD_AGE[1] - _OLD_AGE[0]), 0.0, 1.0))
    pitch = rng.uniform(*dialect.pitch) - (_LOWER_PITCH * years if gender == "female" else 0.0)
    rate = rng.uniform(*dialect.rate) * (1 - _SLOWER * years)
    pitch_range = rng.uniform(35.0, 65.0)
    tremor, tremor_hz = _TREMOR * years * rng.uniform(0.5, 1.0), rng.uniform(4.0, 7.0)
    utterances = {"train": params.train_utterances, "adapt": params.adapt_utterances}
    count = utterances.get(split, params.held_out_utterances)
    texts = [_sentence(description.grammar, seed, rng, held_out=split not in LEARNT_FROM) for _ in range(count)]
    starts = range(0, count, params.utterances_per_recording)
    takes = [
        Take(
            recording_id=f"{speaker_id}-{name}",
            texts=texts[start : start + params.utterances_per_recording],
            channel=_draw_channel(description.channel, rng, noise_seed=[seed, 3, number, place]),
        )
        for place, (start, name) in enumerate(zip(starts, _take_names(len(starts)), strict=True))
    ]
    return Job(
        speaker_id=speaker_id,
        voice=voice,
        pitch=round(float(np.clip(pitch, 0, 99))),
        pitch_range=round(pitch_range),
        rate=round(rate),
        tremor=round(tremor, 4),
        tremor_hz=round(tremor_hz, 2),
        seed=[seed, 3, number],
        takes=takes,
    )


def _take_names(count: int) -> list[str]:
    """Names of a speaker's recordings, in an order that sorting keeps."""
    width = len(str(count))
    return [f"r{number:0{width}d}" for number in range(1, count + 1)]


def _sentence(grammar: Grammar, seed: int, rng: np.random.Generator, *, held_out: bool) -> str:
    """A sentence that is held out or not, as requested, by repeated drawing."""
    for _ in range(_TRIES):
        sentence = grammar.sample(rng)
        if is_held_out(sentence, seed) == held_out:
            return sentence
    raise ParamsError(
        f"the grammar has too few sentences: none of {_TRIES:,} drawn ones is "
        f"{'kept for discovery, dev and test' if held_out else 'left for train and adapt'}; give it more fillers"
    )


def _draw_channel(channel: Channel, rng: np.random.Generator, *, noise_seed: list[int]) -> ChannelDraw:
    """One draw from each range of the channel."""
    return ChannelDraw(
        level_db=round(rng.uniform(*channel.level_db), 2),
        snr_db=round(rng.uniform(*channel.snr_db), 2),
        noise_pole=round(rng.uniform(*channel.noise_pole), 3),
        low_cut_hz=round(rng.uniform(*channel.low_cut_hz), 1),
        high_cut_hz=round(rng.uniform(*channel.high_cut_hz), 1),
        seed=noise_seed,
    )
