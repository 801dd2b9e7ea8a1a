"""ORC-WER with each error assigned to a turn, so that errors can be summed by speaker and cohort.

The optimal reference combination word error rate (Sklyar et al. 2021, 2112.10200; von Neumann et al. 2022, 2211.16112)
assigns each reference turn to one output channel, keeps the turns of a channel in their order, and counts the least
errors over all assignments. meeteval finds the assignment; the errors of a channel are then those of one minimal
alignment.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from isogloss.errors import TableError
from isogloss.judging.word_errors import ERROR_COLUMNS

MOST_CHANNELS = 10
"""Largest number of channels that meeteval accepts, because the number of assignments grows fast with it."""


def turn_errors(turns: pd.DataFrame, heard: pd.DataFrame) -> pd.DataFrame:
    """The errors of each turn.

    Substituted and deleted words count for the turn whose words they are. An inserted word counts for the turn that is
    nearest in time (our choice). The sum over the turns of a conversation is its number of errors by ORC-WER.

    Parameters
    ----------
    turns, heard
        As `isogloss.judging.conversations` has them.

    Returns
    -------
    The turns with `words, substitutions, deletions, insertions`.

    Raises
    ------
    TableError
        A system has more than ten channels.
    """
    counts = pd.DataFrame(0, index=turns.index, columns=["words", *ERROR_COLUMNS])
    said = dict(iter(heard[heard["word"] != ""].groupby("conversation_id", sort=False)))
    nothing = heard.iloc[:0]
    for name, own in turns.groupby("conversation_id", sort=False):
        own = own.sort_values("start", kind="stable")
        counts.loc[own.index] = _counted(own, said.get(name, nothing)).to_numpy()
    return pd.concat([turns, counts], axis="columns")


def orc_assignment(references: Sequence[str], channels: Sequence[str]) -> list[int]:
    """The channel of each reference text, in the order of their starts, that gives the fewest errors.

    Raises
    ------
    TableError
        There are more than ten channels.
    """
    if len(channels) < 2:
        return [0] * len(references)
    if len(channels) > MOST_CHANNELS:
        raise TableError(f"{len(channels)} channels are more than the {MOST_CHANNELS} that ORC-WER is searched over")
    from meeteval.wer import orc_word_error_rate  # of an extra

    found = orc_word_error_rate(list(references), list(channels), reference_sort=False, hypothesis_sort=False)
    return [int(one) for one in found.assignment]


def _counted(turns: pd.DataFrame, words: pd.DataFrame) -> pd.DataFrame:
    """Words and errors of the turns of one conversation."""
    references = [text.split() for text in turns["ref"]]
    channels = sorted(words["channel"].unique())
    streams = [words[words["channel"] == channel].sort_values("start", kind="stable") for channel in channels]
    assigned = orc_assignment(turns["ref"].tolist(), [" ".join(stream["word"]) for stream in streams])
    counts_KE = np.zeros((len(turns), 1 + len(ERROR_COLUMNS)), dtype=np.int64)
    counts_KE[:, 0] = [len(reference) for reference in references]
    kinds = {"replace": 1, "delete": 2, "insert": 3}
    for number, stream in enumerate(streams or [words]):
        owner = [turn for turn, at in enumerate(assigned) if at == number for _ in references[turn]]
        wanted = [word for turn, at in enumerate(assigned) if at == number for word in references[turn]]
        for edit in Levenshtein.editops(wanted, stream["word"].tolist()):
            at = _nearest(turns, stream.iloc[edit.dest_pos]) if edit.tag == "insert" else owner[edit.src_pos]
            counts_KE[at, kinds[edit.tag]] += 1
    return pd.DataFrame(counts_KE, columns=["words", *ERROR_COLUMNS])


def _nearest(turns: pd.DataFrame, word: pd.Series) -> int:
    """The place of the turn whose time is nearest to a word's."""
    middle = (word["start"] + word["end"]) / 2
    away_K = np.maximum(turns["start"] - middle, middle - turns["end"]).clip(lower=0.0)
    return int(np.argmin(away_K))
