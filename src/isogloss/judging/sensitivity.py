"""Which findings depend on how texts are normalised before words are compared.

The same utterances are judged under several normalisers. A finding is a yes or no that a document says of a cohort:
that it is worse than all others, that the second system improves it, that it harms it, each after Holm's adjustment
over its grouping; a change also needs an interval that excludes none. A finding that is yes under one normaliser and no
under another rests on the choice (our choice of what to show: a normaliser is part of the measure, and papers differ in
theirs).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from isogloss.judging.cohort_figures import CohortFigures
from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.wer import significant


@dataclass(frozen=True)
class SensitiveFinding:
    """One yes or no under each normaliser, with the first system's error rate that belongs to it.

    Attributes
    ----------
    finding
        Such as "children (age_band) is worse than all others".
    holds
        Normaliser -> whether it holds; None where the speakers do not allow a test.
    rates
        Normaliser -> the cohort's error rate under the first system; None where there are no words.
    """

    finding: str
    holds: dict[str, bool | None]
    rates: dict[str, float | None]

    @property
    def depends(self) -> bool:
        """Whether the answer depends on the normaliser."""
        return len({held for held in self.holds.values() if held is not None}) > 1


def sensitivity(documents: Mapping[str, Document]) -> list[SensitiveFinding]:
    """Every finding of the documents, by normaliser, in the order of the first document's cohorts.

    Parameters
    ----------
    documents
        Normaliser -> the document of the same utterances and groupings under it.
    """
    rows: dict[str, SensitiveFinding] = {}
    for normaliser, document in documents.items():
        for grouping in document.groupings:
            for cohort in grouping.cohorts:
                for finding, held in _findings(document, grouping, cohort).items():
                    row = rows.setdefault(finding, SensitiveFinding(finding, {}, {}))
                    row.holds[normaliser] = held
                    row.rates[normaliser] = cohort.before
    return list(rows.values())


def _findings(document: Document, grouping: GroupingFigures, cohort: CohortFigures) -> dict[str, bool | None]:
    """What a document says of one cohort."""
    name = f"{cohort.label} ({grouping.title})"
    tested = cohort.rest is not None and cohort.rest.p_holm is not None
    found: dict[str, bool | None] = {
        f"{name} is worse than all others": cohort.rest.worse if tested and cohort.rest is not None else None
    }
    if document.paired:
        known, held = cohort.p_holm is not None, significant(cohort, document.alpha)
        lower = (cohort.after or 0.0) < (cohort.before or 0.0)
        found[f"{document.system} improves {name}"] = held and lower if known else None
        found[f"{document.system} harms {name}"] = cohort.cohort in grouping.harmed_cohorts if known else None
    return found
