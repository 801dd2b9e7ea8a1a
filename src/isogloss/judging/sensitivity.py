"""Which findings depend on how texts are normalised before words are compared.

The same utterances are judged under several normalisers. A finding is a yes or no about a cohort in a document: it is
worse than all others, the second system improves it, or the second system harms it, each after Holm's adjustment over
its grouping. A finding that is yes under one normaliser and no under another depends on that choice, and papers differ
in their normalisers (showing this is our choice).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from isogloss.judging.cohort_figures import CohortFigures
from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import GroupingFigures


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
        held = cohort.p_holm is not None and cohort.p_holm <= document.alpha
        change = cohort.relative_change
        known = cohort.p_holm is not None and change is not None
        found[f"{document.system} improves {name}"] = held and (change or 0.0) < 0.0 if known else None
        found[f"{document.system} harms {name}"] = cohort.cohort in grouping.harmed_cohorts if known else None
    return found
