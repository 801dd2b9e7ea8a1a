"""The steps of an audit, from the user's files to a document: read, find cohorts, compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isogloss.config import StatisticsParams
from isogloss.errors import ParamsError
from isogloss.judging import Document, compare
from isogloss.judging.details import with_details
from isogloss.judging.intake.groupings import candidates, covariates, known_groupings, overlaps
from isogloss.judging.intake.request import Request
from isogloss.judging.intake.trials import read_trials
from isogloss.judging.intake.utterances import read_utterances

EXCHANGES = 50_000_000
"""Largest product of speakers and permutations of a test. It limits the time; 2,000 permutations are always done."""


@dataclass(frozen=True)
class Audit:
    """The result of an audit. `document` may be published; warnings and candidates are for the person who runs it."""

    document: Document
    warnings: tuple[str, ...]
    candidates: tuple[str, ...]
    """Columns whose values could be cohorts; empty if the request names or discovers cohorts."""


def audit_utterances(request: Request) -> Audit:
    """Judge a recogniser, or compare two, from references and hypotheses.

    Raises
    ------
    TableError, ParamsError
        The files or options do not fit together; the message is one sentence. This function never writes a file.
    """
    utterances = read_utterances(request)
    warnings = list(utterances.warnings)
    groupings = known_groupings(utterances.attributes, request)
    if request.discover:
        from isogloss.cohorts.halves import discover  # slow to import

        for rule_name in request.discover:
            grouping, said = discover(rule_name, utterances, request)
            groupings.append(grouping)
            warnings += said
    speakers = int(utterances.before["speaker_id"].nunique())
    statistics = limit_permutations(request.statistics, speakers=speakers)
    if not request.speakers_unknown:
        warnings += overlaps(groupings, utterances.before["speaker_id"])
    document = compare(
        utterances.before,
        utterances.after,
        groupings,
        systems=list(utterances.systems)[: 2 if utterances.after is not None else 1],
        split="all speakers",
        statistics=statistics,
        min_speakers=request.min_speakers,
        speakers_known=not request.speakers_unknown,
        about={"normalisation": list(request.normalise)},
    )
    adjusting = covariates(utterances.attributes, request)
    document = with_details(document, utterances.systems, groupings, covariates=adjusting, statistics=statistics)
    named = () if groupings else tuple(candidates(utterances.attributes, rows=len(utterances.before)))
    return Audit(document=document, warnings=tuple(warnings), candidates=named)


def audit_trials(
    trials: Path,
    speakers: Path,
    *,
    by: Sequence[str],
    statistics: StatisticsParams,
    min_speakers: int,
    names: tuple[str | None, str] = (None, "after"),
    scores: Path | None = None,
    pattern: str | None = None,
) -> Document:
    """Judge a verifier, or compare two, from their scores, overall and by columns of the speakers' table.

    Parameters
    ----------
    trials, speakers
        The two tables (`judging.intake.trials`); a column `score_before` makes it two verifiers.
    by
        Columns of the speakers' table; without any, figures are of all trials alone.
    statistics, min_speakers
        As `judging.compare`.
    names
        What to call the verifier, and the second one if there is one.
    scores, pattern
        A file of scores where the trials have none, and how to find speakers in ids (`read_trials`).

    Raises
    ------
    TableError
        In one sentence: what does not fit in the tables, a score is not finite, there are no targets or no non-targets,
        or too few speakers for anything to be shown.
    ParamsError
        Two verifiers have the same name.
    """
    listed, groupings = read_trials(trials, speakers, by=by, scores=scores, pattern=pattern)
    paired = "score_before" in listed.columns
    systems = (names[0] or ("before" if paired else "verifier"), names[1])
    if paired and systems[0] == systems[1]:
        raise ParamsError(f"--name and --after-name are both {names[1]!r}; give the two verifiers different names")
    return compare(
        listed.assign(score=listed["score_before"]) if paired else listed,
        listed if paired else None,
        groupings,
        systems=systems,
        split="all trials",
        statistics=statistics,
        min_speakers=min_speakers,
        where=str(trials),
    )


def limit_permutations(asked: StatisticsParams, *, speakers: int) -> StatisticsParams:
    """The statistics options, with fewer permutations where there are very many speakers."""
    most = max(2000, EXCHANGES // max(speakers, 1))
    return asked.model_copy(update={"permutations": min(asked.permutations, most)})
