"""Word errors of the rows that were read, one table a system."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.io.normalise import normalise
from isogloss.judging.intake.hints import hints
from isogloss.judging.intake.request import Request
from isogloss.judging.intake.tables import Read, empty_hypotheses
from isogloss.judging.word_errors import word_errors

Hashes = tuple[NDArray[np.uint64], NDArray[np.uint64]]
NO_HASHES: Hashes = (np.array([], np.uint64), np.array([], np.uint64))


@dataclass
class Counted:
    """Word errors, and the findings that cause warnings."""

    tables: dict[str, pd.DataFrame]
    """By system, a table of utterance_id (the number of the row), speaker_id, weight, and counts."""
    emptied: int = 0
    """Number of references without a word after normalisation."""
    empty: dict[str, int] = field(default_factory=dict)
    """Number of empty hypotheses by system."""
    hints: list[str] = field(default_factory=list)
    """Suggestions of further steps of normalisation, in sentences."""
    hashes: Hashes = NO_HASHES
    """Hashes of each reference and each hypothesis of the first system; empty unless ids are required."""

    def warnings(self) -> list[str]:
        """All warnings, in sentences."""
        said = empty_hypotheses(self.empty)
        if self.emptied:
            said.append(
                f"{self.emptied} references have no word left after normalisation; their hypotheses count as insertions"
            )
        return said + self.hints


def check_speakers(read: Read, request: Request) -> None:
    """Raise if a row has no speaker, or if there is only one speaker."""
    if read.speakers is None or request.speakers_unknown:
        return
    missing = int(read.speakers.isna().sum())
    if missing:
        row = int(np.flatnonzero(read.speakers.isna())[0])
        raise TableError(
            f"{read.where}: {missing} of {len(read.speakers)} rows have no speaker (the first is utterance "
            f"{read.ids[row]!r}); fill them in or leave these rows out, since speakers are what is resampled"
        )
    if read.speakers.nunique() == 1:
        raise TableError(
            f"{read.where}: all rows are of one speaker, {read.speakers.iloc[0]!r}; cohorts are compared over "
            "speakers, so give several"
        )


def count(read: Read, request: Request) -> Counted:
    """The word errors of each system.

    Raises
    ------
    TableError
        Every hypothesis of a system is empty, normalisation leaves no word in any reference, or two systems have the
        same hypotheses.
    """
    speakers = read.ids if request.speakers_unknown or read.speakers is None else read.speakers
    shared = pd.DataFrame({"utterance_id": np.arange(len(read.ids)), "speaker_id": speakers, "weight": read.weight})
    if read.counts:
        first_counts = next(iter(read.counts.values()))
        return Counted(
            {name: pd.concat([shared, counts], axis=1) for name, counts in read.counts.items()},
            hashes=(_hashes(first_counts["words"], request), _hashes(first_counts, request)),
        )
    references = normalise(listed(read.ref), request.normalise)
    hypotheses = {}
    for name, texts in read.hyps.items():
        if texts.fillna("").eq("").all():
            raise TableError(f"{read.where}: every hypothesis is empty; is it the right column, or did decoding fail?")
        hypotheses[name] = normalise(listed(texts), request.normalise)
    emptied = sum(not new for new in references) - int(read.ref.isna().sum())
    if emptied == len(references) - int(read.ref.isna().sum()):
        raise TableError(f"{read.where}: normalisation leaves no word in any reference; choose other steps")
    refuse_same(hypotheses)
    results = {name: pd.concat([shared, word_errors(references, side)], axis=1) for name, side in hypotheses.items()}
    first = next(iter(results))
    empty = {name: int(texts.isna().sum()) for name, texts in read.hyps.items()}
    said = hints(references, hypotheses[first], results[first], request.normalise)
    texts_of = (references, hypotheses[first])
    hashes = [_hashes(pd.Series(texts, dtype=object), request) for texts in texts_of]
    return Counted(results, emptied, empty, said, (hashes[0], hashes[1]))


def _hashes(values: pd.Series | pd.DataFrame, request: Request) -> NDArray[np.uint64]:
    """A hash of each row that is the same on every machine; none if no ids are required, since hashing takes time."""
    rows = values if request.ids_required else values.iloc[:0]
    return np.asarray(pd.util.hash_pandas_object(rows, index=False), dtype=np.uint64)


def refuse_same(hypotheses: dict[str, list[str]]) -> None:
    """Raise if two systems have the same hypotheses in all rows, which suggests a mistaken file or column."""
    names = list(hypotheses)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if hypotheses[name] == hypotheses[other]:
                raise TableError(
                    f"{name} and {other} have the same hypothesis in each of {len(hypotheses[name])} utterances, so "
                    "there is nothing to compare; is it the same file or column twice?"
                )


def listed(texts: pd.Series) -> list[str]:
    """Texts as a list, empty where missing; through numpy, which is faster than pandas here."""
    return texts.fillna("").to_numpy(dtype=object).tolist()
