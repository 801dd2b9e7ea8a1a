"""One system, or two on the same speakers, judged overall and cohort by cohort: the one way to a document.

Of a recogniser, the tables are results of the same utterances: `utterance_id, speaker_id, words, substitutions,
deletions, insertions` and optionally `weight`. Of a verifier they are scored trials, which are told apart by a column
`score`: `enrol_speaker, test_speaker, target, score`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
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
        Tables (see above); of two verifiers, the same trials in the same order.
    groupings
        What divides the speakers; their rows are those of `before`. All are published together, so which cohorts may be
        shown is settled for all of them at once (`privacy`).
    discovery
        A table of the speakers who chose the cohorts, judged by the first system, where these are not in `before`
        themselves: their figures are published too. Of trials it ranks the cohorts.
    systems, split
        What to call the systems (the second name counts only with `after`), and whose figures these are.
    statistics, min_speakers
        Confidence, draws, seed and the least cohort that has intervals and p values; the least that has figures.
    against_rest, speakers_known
        Of recognisers: whether each cohort is also compared with all other speakers; and False where utterances stand
        for speakers: then there is neither interval nor test.
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
    of_words = partial(word_error_document, against_rest=against_rest, speakers_known=speakers_known)
    of_trials = partial(trial_document, weights=weights, where=where)
    document: Callable[..., Document] = of_trials if "score" in before.columns else of_words
    return document(
        before,
        after,
        groupings,
        discovery=discovery,
        systems=list(systems[:1] if after is None else systems),
        split=split,
        statistics=statistics,
        min_speakers=min_speakers,
        about=about or {},
    )
