"""Additions of an audit to a document of word errors: kinds of errors, adjusted ratios, an omnibus test, all systems.

They are computed for the cohorts as the document shows them, so that none of them is about fewer speakers than its
figures. Only the omnibus test uses the cohorts as they were given, since its p value is not a sum over speakers.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.judging.adjusted import adjusted_ratios
from isogloss.judging.cohort_figures import AdjustedRatio, CohortFigures, ErrorKinds
from isogloss.judging.document import Document
from isogloss.judging.error_kinds import kinds_of
from isogloss.judging.grouping import Grouping
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.omnibus import omnibus
from isogloss.judging.pairing import pair_utterances, sums_by_cohort
from isogloss.judging.side_by_side import side_by_side


def with_details(
    document: Document,
    systems: Mapping[str, pd.DataFrame],
    groupings: Sequence[Grouping],
    *,
    covariates: Mapping[str, pd.Series],
    statistics: StatisticsParams,
) -> Document:
    """The document with these additions.

    Parameters
    ----------
    document
        A document of one or two of the systems, by the same groupings in the same order.
    systems
        All systems: tables of word errors with the same rows in the same order.
    covariates
        The values of each row by the name of the column, text or numbers, for which ratios are adjusted.
    statistics
        The options with which the document was made.

    Raises
    ------
    TableError
        A covariate is missing in a row (`adjusted.adjusted_ratios`).
    """
    if statistics.estimand == "speakers":  # the document's figures are of speakers who all weigh the same
        systems = {name: table.assign(weight=1.0) for name, table in systems.items()}
    judged = {name: systems[name] for name in document.systems}
    first = judged[document.baseline]
    known = document.unit == "speaker"
    everybody = pd.Series("all", index=first.index)
    found, shown_in = [], []
    for figures, grouping in zip(document.groupings, groupings, strict=True):
        if figures.withheld or not isinstance(grouping.cohorts, pd.Series):
            found.append(figures)
            continue
        shown = as_shown(figures, grouping.cohorts)
        shown_in.append((figures.name, shown, {one.cohort: one.label for one in figures.cohorts}))
        kinds = kinds_of(judged, shown)
        adjusted: dict[str, AdjustedRatio | None] = {}
        if covariates and known:
            able = [one.cohort for one in figures.cohorts if one.rest is not None and one.rest.p is not None]
            adjusted = adjusted_ratios(first, shown, covariates, able, statistics)
        whole = omnibus(sums_by_cohort(pair_utterances(first), grouping.cohorts), statistics) if known else None
        cohorts = [_cohort(one, kinds, adjusted) for one in figures.cohorts]
        found.append(figures.model_copy(update={"cohorts": cohorts, "omnibus": whole, "divisions": grouping.divisions}))
    return document.model_copy(
        update={
            "groupings": found,
            "overall": document.overall.model_copy(update={"kinds": kinds_of(judged, everybody)["all"]}),
            "adjusted_for": list(covariates),
            "side_by_side": side_by_side(systems, shown_in, statistics, speakers_known=known)
            if len(systems) > 1
            else None,
        }
    )


def as_shown(figures: GroupingFigures, cohorts: pd.Series) -> pd.Series:
    """Each row's cohort under the name that the document shows it by."""
    apart = {one.cohort for one in figures.cohorts if not one.merged}
    return cohorts.map({name: name if name in apart else figures.hidden.merged for name in cohorts.dropna().unique()})


def _cohort(
    figures: CohortFigures, kinds: Mapping[str, list[ErrorKinds]], adjusted: Mapping[str, AdjustedRatio | None]
) -> CohortFigures:
    """A cohort with its kinds of errors, and its adjusted ratio."""
    update: dict[str, object] = {"kinds": kinds.get(figures.cohort, [])}
    if figures.rest is not None and figures.cohort in adjusted:
        update["rest"] = figures.rest.model_copy(update={"adjusted": adjusted[figures.cohort]})
    return figures.model_copy(update=update)
