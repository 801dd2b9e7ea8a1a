"""Checked tables of word errors from whatever was given: a table, a NeMo manifest, or files of transcripts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.io.attributes import Attributes
from isogloss.io.normalise import normalise
from isogloss.io.table_reader import read_table
from isogloss.judging.intake.hints import hints
from isogloss.judging.intake.request import Request
from isogloss.judging.intake.scoring_files import read_scoring_files
from isogloss.judging.intake.tables import Read, read_rows, with_second
from isogloss.judging.word_errors import word_errors


@dataclass(frozen=True)
class Utterances:
    """What an audit judges. The tables of `systems` have the same rows, in the same order.

    Columns: utterance_id (the number of the row), speaker_id, weight, words, and substitutions, deletions, insertions
    or their sum errors; utterances where rows are sums of several.
    """

    ids: pd.Series
    systems: dict[str, pd.DataFrame]
    """By the name of the system, in the order in which they were named."""
    attributes: Attributes
    warnings: tuple[str, ...]
    hashes: "Hashes"
    """Of each normalised reference and hypothesis of the first system (or its counts), where ids are required: they
    show whether two tables have the same texts."""

    @property
    def before(self) -> pd.DataFrame:
        """The first system."""
        return next(iter(self.systems.values()))

    @property
    def after(self) -> pd.DataFrame | None:
        """The second of two systems."""
        return None if len(self.systems) != 2 else list(self.systems.values())[1]


def read_utterances(request: Request) -> Utterances:
    """Read, join, check, normalise and align everything that a request names.

    Raises
    ------
    TableError, ParamsError
        One sentence for what does not fit.
    """
    if request.table is None:
        read = read_scoring_files(request, *request.kaldi)
    else:
        read = read_rows(read_table(request.table, separator=request.separator), request)
        if request.after is not None:
            read = with_second(read, request, request.table, request.after)
    check_speakers(read, request)
    warnings = list(read.warnings)
    if request.attributes is not None:
        warnings += read.attributes.join(read_table(request.attributes, separator=request.separator))
    tables, said, hashes = count(read, request)
    return Utterances(read.ids, tables, read.attributes, (*warnings, *said), hashes)


def check_speakers(read: Read, request: Request) -> None:
    """Every row needs a speaker, and one speaker is not enough."""
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


Hashes = tuple[NDArray[np.uint64], NDArray[np.uint64]]


def count(read: Read, request: Request) -> tuple[dict[str, pd.DataFrame], list[str], Hashes]:
    """The word errors of each system, warnings, and the hashes of `Utterances`.

    Raises
    ------
    TableError
        Every hypothesis of a system is empty, normalisation leaves no word in any reference, or two systems have the
        same hypotheses.
    """
    speakers = read.ids if request.speakers_unknown or read.speakers is None else read.speakers
    shared = pd.DataFrame({"utterance_id": np.arange(len(read.ids)), "speaker_id": speakers, "weight": read.weight})
    if read.counts:
        tables = {name: pd.concat([shared, counts], axis=1) for name, counts in read.counts.items()}
        counted = next(iter(read.counts.values()))
        return tables, [], (_hashes(counted["words"], request), _hashes(counted, request))
    references = normalise(listed(read.ref), request.normalise)
    hypotheses = {}
    warnings = []
    for name, texts in read.hyps.items():
        if texts.fillna("").eq("").all():
            raise TableError(f"{read.where}: every hypothesis is empty; is it the right column, or did decoding fail?")
        hypotheses[name] = normalise(listed(texts), request.normalise)
    emptied = sum(not new for new in references) - int(read.ref.isna().sum())
    if emptied == len(references) - int(read.ref.isna().sum()):
        raise TableError(f"{read.where}: normalisation leaves no word in any reference; choose other steps")
    if emptied:
        warnings.append(
            f"{emptied} references have no word left after normalisation; their hypotheses count as insertions"
        )
    refuse_same(hypotheses)
    results = {name: pd.concat([shared, word_errors(references, side)], axis=1) for name, side in hypotheses.items()}
    first = next(iter(results))
    warnings += hints(references, hypotheses[first], results[first], request.normalise)
    hashes = (
        _hashes(pd.Series(references, dtype=object), request),
        _hashes(pd.Series(hypotheses[first], dtype=object), request),
    )
    return results, warnings, hashes


def _hashes(values: pd.Series | pd.DataFrame, request: Request) -> NDArray[np.uint64]:
    """A hash of each row, the same everywhere; nothing where no ids are required, since it takes time."""
    rows = values if request.ids_required else values.iloc[:0]
    return np.asarray(pd.util.hash_pandas_object(rows, index=False), dtype=np.uint64)


def refuse_same(hypotheses: dict[str, list[str]]) -> None:
    """Raise where two systems have the same hypotheses throughout: one of them is not what it is taken for."""
    names = list(hypotheses)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if hypotheses[name] == hypotheses[other]:
                raise TableError(
                    f"{name} and {other} have the same hypothesis in each of {len(hypotheses[name])} utterances, so "
                    "there is nothing to compare; is it the same file or column twice?"
                )


def listed(texts: pd.Series) -> list[str]:
    """Texts as a list, empty where missing; by way of numpy, since pandas makes a Python object at a time."""
    return texts.fillna("").to_numpy(dtype=object).tolist()
