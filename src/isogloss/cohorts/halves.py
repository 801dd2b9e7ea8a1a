"""Discovery in an audit: cohorts are chosen on one half of the speakers and reported on the other.

A cohort that was chosen for its high error rate looks worse on the speakers that were used to choose it than it is
(regression to the mean), and a test on them would give false findings. So the speakers are divided in two by a seeded
hash of their id. A rule is fitted and its cohorts are ranked on one half, and all figures and tests are about the other
half.
"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.cohorts.attribute import AttributeCohorts
from isogloss.cohorts.automatic import SpeakerClusters
from isogloss.cohorts.geodemographic import GeodemographicPartition
from isogloss.cohorts.geographic import GeographicTree
from isogloss.cohorts.rule import UNSPECIFIED, CohortRule, counted_by
from isogloss.cohorts.slices import Slices
from isogloss.config.components import RuleComponent
from isogloss.config.registry import declaration
from isogloss.errors import ParamsError, TableError
from isogloss.io.attributes import Attributes
from isogloss.io.cells import number_column, text_column
from isogloss.io.embeddings import speaker_embeddings
from isogloss.io.positions import read_positions
from isogloss.io.source import Source
from isogloss.io.table_reader import read_table
from isogloss.judging.divisions import Worse, together, worse
from isogloss.judging.grouping import Grouping, Ranked
from isogloss.judging.grouping_figures import Divisions
from isogloss.judging.intake.groupings import NO_COHORTS, by_columns
from isogloss.judging.intake.request import Request
from isogloss.judging.intake.utterances import Utterances
from isogloss.judging.word_errors import error_counts, error_rates, row_weights
from isogloss.zips import KEYS, PLACE, join_zip_attributes

COHORT_SPEAKERS = 24
"""Fewest speakers of a cohort on the choosing half, so that the other half probably has 20 of its speakers."""
COHORT_WORDS = 100
NOT_DEMOGRAPHIC = {*PLACE, "total_population"}
NO_SLICES = {*NO_COHORTS, "recording_id", "zip"} - {"duration_s", "duration"}
"""Columns that are not used for slices: ids, texts and counts."""


def choosing_half(speakers: pd.Series, *, seed: int, division: int = 0) -> NDArray[np.bool_]:
    """Whether each row's speaker belongs to the choosing half: one bit of a hash of seed, division and id."""
    names = speakers.unique()
    key = f"{seed}:{division}" if division else str(seed)
    bits = {name: hashlib.blake2b(f"{key}:{name}".encode(), digest_size=1).digest()[0] & 1 for name in names}
    return speakers.map(bits).to_numpy(dtype=np.int64) == 1


def discover(rule_name: str, utterances: Utterances, request: Request) -> tuple[Grouping, list[str]]:
    """The grouping that a rule finds, and warnings.

    Raises
    ------
    TableError
        An input of the rule is missing or out of range, a half has no words, or only one cohort was found.
    """
    title = declaration(RuleComponent, rule_name).title
    features, warnings = _features(rule_name, utterances, request)
    rows = utterances.before
    choosing_N = choosing_half(rows["speaker_id"], seed=request.statistics.seed)
    least = max(COHORT_SPEAKERS, request.min_speakers)
    if rows.loc[choosing_N, "speaker_id"].nunique() < 2 * least:
        raise TableError(
            f"--discover {rule_name}: of {rows['speaker_id'].nunique()} speakers one half chooses the cohorts, and a "
            f"cohort needs {least} speakers there; give at least {5 * least} speakers"
        )
    rule, chosen, rates = _found(rule_name, features, rows, request, choosing_N)
    if chosen.nunique() < 2:
        raise TableError(
            f"--discover {rule_name}: the rule found a single cohort, so there is nothing to compare; it needs more "
            f"speakers, or other attributes (a cohort has at least {least} speakers on the half that chooses)"
        )
    names = sorted(chosen.unique())
    grouping = Grouping(
        name=rule_name,
        title=title,
        cohorts=chosen.mask(choosing_N),
        labels={name: _label(rule, name) for name in names},
        chosen=chosen.mask(~choosing_N),
        ranked={str(name): Ranked(rank, float(rates[name])) for rank, name in enumerate(rates.index, start=1)},
        split="reporting half of the speakers",
        rectangles={name: rectangles for name in names if (rectangles := rule.geometry(name)) is not None},
        divisions=_divided(rule_name, features, rows, request) if request.divisions > 1 else None,
    )
    return grouping, warnings


def _found(
    rule_name: str, features: pd.DataFrame, rows: pd.DataFrame, request: Request, choosing_N: NDArray[np.bool_]
) -> tuple[CohortRule, pd.Series, pd.Series]:
    """The rule fitted on one half, the cohort of every row, and the cohorts' rates on that half, the worst first."""
    rule = _rule(rule_name, request, max(COHORT_SPEAKERS, request.min_speakers))
    fit = _fit_speakers if rule_name == "automatic" else _fit_rows
    chosen = pd.Series(fit(rule, features, rows, choosing_N), dtype="str")
    rates = error_rates(rows[choosing_N].assign(cohort=chosen[choosing_N].to_numpy()), "cohort")["error_rate"]
    return rule, chosen, rates.dropna().sort_values(ascending=False, kind="stable")


def _divided(rule_name: str, features: pd.DataFrame, rows: pd.DataFrame, request: Request) -> Divisions:
    """The result of the rule in each division, on the half on which it did not choose."""
    alike = request.statistics.estimand == "speakers"
    weight = np.ones(len(rows)) if alike else row_weights(rows)
    totals = pd.DataFrame({"speaker_id": rows["speaker_id"], "errors": weight * error_counts(rows)})
    totals["words"], totals["weight"] = weight * rows["words"], weight
    least, deciding = max(request.min_speakers, request.statistics.min_speakers), request.statistics.min_deciding
    judged: list[Worse | None] = []
    for division in range(request.divisions):
        choosing_N = choosing_half(rows["speaker_id"], seed=request.statistics.seed, division=division)
        _, chosen, rates = _found(rule_name, features, rows, request, choosing_N)
        inside = (chosen == rates.index[0]).to_numpy()
        found = chosen.nunique() > 1
        half = totals[~choosing_N], inside[~choosing_N]
        judged.append(worse(*half, min_speakers=least, min_deciding=deciding) if found else None)
    return together(judged)


def _label(rule: CohortRule, name: str) -> str:
    """The readable name of a cohort, including one that only the reporting half has."""
    return "unknown" if name == UNSPECIFIED and rule.rule_name == "automatic" else rule.label(name)


def _features(rule_name: str, utterances: Utterances, request: Request) -> tuple[pd.DataFrame, list[str]]:
    """The inputs of the rule: one row per utterance, or, for embeddings, one row per speaker."""
    attributes = utterances.attributes
    if rule_name == "geographic":
        return read_positions(attributes)
    if rule_name == "attribute":
        columns = list(dict.fromkeys(column for by in request.by for column in by_columns(attributes, by)))
        return pd.DataFrame({column: attributes.text(column) for column in columns}), []
    if rule_name == "slices":
        return _known_columns(attributes), []
    if rule_name == "automatic" and request.embeddings is not None:
        speakers, matrix_SD = speaker_embeddings(request.embeddings, utterances.ids, utterances.before["speaker_id"])
        lacking = int(np.isnan(matrix_SD[:, 0]).sum())
        warnings = [f"{lacking} speakers have no embedding: they are a cohort of their own"] * bool(lacking)
        return pd.DataFrame(matrix_SD, index=speakers), warnings
    if rule_name == "geodemographic" and request.zips is not None:
        return _demography(attributes, request.zips, request.separator)
    raise ParamsError(f"--discover {rule_name}: an audit has no input for this rule; see `isogloss audit --help`")


def _known_columns(attributes: Attributes) -> pd.DataFrame:
    """Every column that slices may use: measures as numbers, attributes as text.

    Raises
    ------
    TableError
        There is none.
    """
    columns: dict[str, pd.Series] = {}
    for name in attributes.names:
        if name in NO_SLICES:
            continue
        try:
            columns[name] = attributes.numbers(name)
        except TableError:
            try:
                columns[name] = attributes.text(name)
            except TableError:
                continue
    if not columns:
        raise TableError(
            "--discover slices: the table has no column beside ids and texts; give attributes or measures, in it or by "
            "--attributes"
        )
    return pd.DataFrame(columns)


def _demography(attributes: Attributes, path: Path, separator: str | None) -> tuple[pd.DataFrame, list[str]]:
    """The figures of each utterance's ZIP code."""
    attributes.require("zip", option="--discover geodemographic")
    source = read_table(path, separator=separator)
    table, wanted = pd.DataFrame(), []
    for name in source.names:
        if name in KEYS:
            table[name] = text_column(source, name)
        elif name not in NOT_DEMOGRAPHIC and (numbers := _numbers_if_any(source, name)) is not None:
            table[name] = numbers
            wanted.append(name)
    joined = join_zip_attributes(attributes.text("zip"), table, wanted, where=str(path))
    unknown = int(joined.isna().all(axis=1).sum())
    if unknown == len(joined):
        raise TableError(f"--discover geodemographic: no ZIP code of ours is in {path}; check both columns")
    return joined, [f"{unknown} utterances have no ZIP code that {path} knows"] * bool(unknown)


def _numbers_if_any(source: Source, name: str) -> pd.Series | None:
    """A column of numbers; None if it has other values."""
    try:
        return number_column(source, name)
    except TableError:
        return None


def _rule(rule_name: str, request: Request, least: int) -> CohortRule:
    """The rule, unfitted."""
    seed = request.statistics.seed
    if rule_name == "geographic":
        return GeographicTree(
            max_leaves=request.max_cohorts, min_speakers=least, min_words=COHORT_WORDS, random_state=seed
        )
    if rule_name == "geodemographic":
        return GeodemographicPartition(min_speakers=least, min_words=COHORT_WORDS)
    if rule_name == "automatic":
        return SpeakerClusters(max_clusters=request.max_cohorts, random_state=seed)
    if rule_name == "slices":
        return Slices(max_slices=request.max_cohorts - 1, min_speakers=least, min_words=COHORT_WORDS)
    return AttributeCohorts()


def _fit_rows(
    rule: CohortRule, features: pd.DataFrame, rows: pd.DataFrame, choosing_N: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """Fit on the rows of the half that chooses; the cohort of every row."""
    words, rate, speakers = _targets(rows)
    counted = counted_by(rule, row_weights(rows)[choosing_N])
    try:
        rule.fit(
            features[choosing_N],
            rate[choosing_N],
            sample_weight=words[choosing_N],
            groups=speakers[choosing_N],
            **counted,
        )
    except ValueError as error:
        raise TableError(f"--discover {rule.rule_name} cannot be fitted: {error}") from None
    return rule.predict(features, groups=speakers)


def _fit_speakers(
    rule: CohortRule, features: pd.DataFrame, rows: pd.DataFrame, choosing_N: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """As `_fit_rows`, with one row per speaker: the embedding of a speaker is the mean over their utterances."""
    words, rate, _ = _targets(rows)
    speaker_N = features.index.get_indexer(pd.Index(rows["speaker_id"]))
    words_S = np.bincount(speaker_N, words, minlength=len(features))
    errors_S = np.bincount(speaker_N, words * rate, minlength=len(features))
    rate_S = np.divide(errors_S, words_S, out=np.zeros(len(features)), where=words_S > 0)
    choosing_S = np.zeros(len(features), dtype=bool)
    choosing_S[speaker_N[choosing_N]] = True
    names_S = features.index.to_numpy(dtype=object)
    matrix_SD = features.to_numpy()
    try:
        rule.fit(
            matrix_SD[choosing_S], rate_S[choosing_S], sample_weight=words_S[choosing_S], groups=names_S[choosing_S]
        )
    except ValueError as error:
        raise TableError(f"--discover {rule.rule_name} cannot be fitted: {error}") from None
    return rule.predict(matrix_SD, groups=names_S)[speaker_N]


def _targets(rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.object_]]:
    """Reference words, error rate and speaker of each row; a row without words has rate 0 and weight 0."""
    words = rows["words"].to_numpy(np.float64)
    rate = np.divide(error_counts(rows), words, out=np.zeros(len(rows)), where=words > 0)
    return words, rate, rows["speaker_id"].to_numpy(object)
