"""One system, or two on the same speakers, judged overall and cohort by cohort: the one way to a document."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.judging.document import Document
from isogloss.judging.grouping import Grouping
from isogloss.judging.verification.eer import trial_document
from isogloss.judging.wer import word_error_document


def compare(
    before: pd.DataFrame,
    after: pd.DataFrame | None = None,
    groupings: Sequence[Grouping] = (),
    *,
    discovery: pd.DataFrame | None = None,
    systems: Sequence[str] = ("before", "after"),
    split: str = "test",
    statistics: StatisticsParams,
    min_speakers: int,
    against_rest: bool = True,
    speakers_known: bool = True,
    weights: pd.Series | None = None,
    where: str = "the trials",
    about: Mapping[str, Any] | None = None,
) -> Document:
    """Judge one system, or compare two.

    Parameters
    ----------
    before, after
        Of a recogniser, result tables of the same utterances: `utterance_id, speaker_id, words, substitutions,
        deletions, insertions` and optionally `weight`. Of a verifier, scored trials, which are told apart by a column
        `score`: `enrol_speaker, test_speaker, target, score`, the same trials in the same order on both sides.
    groupings
        What divides the speakers; their rows are those of `before`. All are published together, so which cohorts may be
        shown is settled for all of them at once (`privacy`).
    discovery
        The same kind of table of the speakers who chose the cohorts, judged by the first system, where these are not in
        `before` themselves: their figures are published too. Of trials it ranks the cohorts.
    systems
        What to call the systems; the second name counts only with `after`.
    split
        Whose figures these are.
    statistics
        Confidence, draws, seed, and `min_speakers`: a smaller cohort has neither intervals nor p values.
    min_speakers
        No figure is about fewer speakers.
    against_rest
        Whether each cohort is also compared with all other speakers (recognisers).
    speakers_known
        False where utterances stand for speakers: then there is neither interval nor test (recognisers).
    weights, where
        Weight of each speaker by their id, and what an error calls the trials (verifiers).
    about
        Further fields of the document: `seeds`, `normalisation`.

    Raises
    ------
    TableError
        The tables do not fit together (`pairing.pair_utterances`, `verification.trials.trials_of`), or there are too
        few speakers for anything to be shown.
    """
    names = list(systems[:1] if after is None else systems)
    if "score" in before.columns:
        return trial_document(
            before,
            after,
            groupings,
            discovery=discovery,
            systems=names,
            split=split,
            statistics=statistics,
            min_speakers=min_speakers,
            weights=weights,
            where=where,
            about=about or {},
        )
    return word_error_document(
        before,
        after,
        groupings,
        discovery=discovery,
        systems=names,
        split=split,
        statistics=statistics,
        min_speakers=min_speakers,
        against_rest=against_rest,
        speakers_known=speakers_known,
        about=about or {},
    )
