"""One system, or two on the same speakers, judged overall and cohort by cohort; `compare` makes every document.

For recognisers, the tables are results of the same utterances: `utterance_id, speaker_id, words, substitutions,
deletions, insertions` and optionally `weight`. For verifiers they are scored trials, recognised by the column `score`:
`enrol_speaker, test_speaker, target, score`.
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
        Tables (see above); those of two verifiers have the same trials in the same order.
    groupings
        Divisions of the speakers into cohorts, with the rows of `before`. All groupings are published together, so
        `privacy` decides for all of them at once which cohorts may be shown.
    discovery
        Results of the first system on the discovery speakers, if `before` does not contain them; these figures are
        published too. For verifiers it ranks the cohorts.
    systems, split
        Names of the systems (the second one is used only with `after`), and the name of the speakers' split.
    statistics, min_speakers
        Confidence, draws, seed, fewest speakers of a cohort with intervals; fewest speakers of a cohort with figures.
    against_rest, speakers_known
        For recognisers: whether each cohort is also compared with all other speakers; and whether speakers are known.
        If not, each utterance counts as a speaker, and there are no intervals or tests.
    weights, where
        For verifiers: the weight of each speaker (of discovery too) by their id; name of the trials in error messages.
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
