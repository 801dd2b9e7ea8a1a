"""Selection of utterances of a corpus, for recognisers with a short window and for small studies."""

import pandas as pd

from isogloss.config import PrepareParams
from isogloss.errors import CorpusError


def select_utterances(utterances: pd.DataFrame, params: PrepareParams) -> pd.DataFrame:
    """The rows that meet `prepare.max_duration_s` and `prepare.speaker_utterances`.

    Parameters
    ----------
    utterances
        `utterance_id, speaker_id, duration_s` (seconds) and further columns.
    params
        Section `prepare`; where both options are None, every row stays.

    Raises
    ------
    CorpusError
        No utterance is short enough.
    """
    kept = utterances
    if params.max_duration_s is not None:
        kept = kept[kept["duration_s"] <= params.max_duration_s]
        if kept.empty:
            raise CorpusError(
                f"prepare.max_duration_s is {params.max_duration_s:g}, but the shortest utterance lasts "
                f"{utterances['duration_s'].min():.1f} s; raise it or set it to null"
            )
    if params.speaker_utterances is not None:
        shuffled = kept.sort_values("utterance_id").sample(frac=1.0, random_state=params.seed)
        drawn = shuffled.groupby("speaker_id").head(params.speaker_utterances)
        kept = kept.loc[sorted(drawn.index)]
    return kept.reset_index(drop=True)
