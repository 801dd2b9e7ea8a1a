"""Each speaker's voice, words and channel: one job of synthesis a speaker.

Old age is heard mildly (our choice): speech slows by up to a tenth, women's pitch falls and the voice trembles.
"""

import numpy as np
import pandas as pd

from isogloss.config import AtlasParams
from isogloss.corpus.atlas.description import Channel, Description
from isogloss.corpus.atlas.jobs import ChannelDraw, Job

_OLD_AGE = (55.0, 85.0)
"""Years between which a voice ages from not at all to fully."""
_SLOWER = 0.1
_LOWER_PITCH = 8.0
_TREMOR = 0.12


def cast(speakers: pd.DataFrame, params: AtlasParams, description: Description, seed: int) -> list[Job]:
    """The jobs of all speakers, in their order; what a speaker gets depends on the seed and their own id alone."""
    rows = speakers[["speaker_id", "split", "dialect", "gender", "age"]]
    return [
        _cast_one(row, number, params, description, seed) for number, row in enumerate(rows.itertuples(index=False))
    ]


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
    channel = _draw_channel(description.channel, years, rng, noise_seed=[seed, 3, number])
    utterances = {"train": params.train_utterances, "adapt": params.adapt_utterances}
    count = utterances.get(split, params.held_out_utterances)
    texts = [description.grammar.sample(rng) for _ in range(count)]
    return Job(
        speaker_id=speaker_id,
        voice=voice,
        pitch=round(float(np.clip(pitch, 0, 99))),
        pitch_range=round(pitch_range),
        rate=round(rate),
        texts=texts,
        channel=channel,
    )


def _draw_channel(channel: Channel, years: float, rng: np.random.Generator, *, noise_seed: list[int]) -> ChannelDraw:
    """One draw from each range of the channel."""
    return ChannelDraw(
        level_db=round(rng.uniform(*channel.level_db), 2),
        snr_db=round(rng.uniform(*channel.snr_db), 2),
        noise_pole=round(rng.uniform(*channel.noise_pole), 3),
        low_cut_hz=round(rng.uniform(*channel.low_cut_hz), 1),
        high_cut_hz=round(rng.uniform(*channel.high_cut_hz), 1),
        tremor=round(_TREMOR * years * rng.uniform(0.5, 1.0), 4),
        tremor_hz=round(rng.uniform(4.0, 7.0), 2),
        seed=noise_seed,
    )
