"""Normalisation of recognised words that have times.

A step may need several words at once (`twenty one` is 21, `(in here)` is nothing), so what a turn says is normalised as
one text, as its reference is.
"""

from collections.abc import Iterator, Sequence

import pandas as pd
from rapidfuzz.distance import Levenshtein

from isogloss.io.normalise import normalise

Seconds = float
Timed = tuple[str, Seconds, Seconds]


def normalise_heard(heard: pd.DataFrame, steps: Sequence[str]) -> pd.DataFrame:
    """The words after normalisation, in the order of the turns, each with the time of the words it was made of.

    Parameters
    ----------
    heard
        See `isogloss.judging.conversations`; a turn of which no word is left has one row without a word.
    steps
        As `isogloss.io.normalise.normalise` takes them.
    """
    turns = [turn for _, turn in heard.groupby(["conversation_id", "channel", "turn"], sort=False)]
    texts = normalise([" ".join(turn["word"]) for turn in turns], steps)
    alone = pd.Series(normalise(heard["word"].tolist(), steps), index=heard.index)
    rows = []
    for turn, text in zip(turns, texts, strict=True):
        pieces = [
            (word, start, end)
            for own, start, end in zip(alone[turn.index], turn["start"], turn["end"], strict=True)
            for word in own.split() or [""]  # A word that vanishes alone keeps its place.
        ]
        first = turn.iloc[0].to_dict()
        for word, start, end in [*_timed(text.split(), pieces)] or [("", first["start"], first["start"])]:
            rows.append(first | {"word": word, "start": start, "end": end})
    return pd.DataFrame(rows, columns=list(heard.columns)).astype(heard.dtypes.to_dict())


def _timed(words: Sequence[str], pieces: Sequence[Timed]) -> Iterator[Timed]:
    """Each word of a turn with the span of the separately normalised words in its place.

    A word in place of none has the time of the one before it, or of the next at the beginning.
    """
    at_word = at_piece = 0
    for block in Levenshtein.editops([word for word, _, _ in pieces], words).as_matching_blocks():
        between = pieces[at_piece : block.a] or pieces[max(at_piece - 1, 0) :][:1]
        for word in words[at_word : block.b]:
            yield word, between[0][1], between[-1][2]
        yield from pieces[block.a : block.a + block.size]
        at_piece, at_word = block.a + block.size, block.b + block.size
