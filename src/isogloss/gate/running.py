"""Running a gate, from its file to its result."""

import hashlib
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isogloss import __version__
from isogloss.config import GateParams, StatisticsParams, read_section
from isogloss.errors import ParamsError
from isogloss.gate.checks import check_all
from isogloss.gate.ledger import add_release, known_or_next
from isogloss.gate.pairs import SIDES, Pair, read_pair
from isogloss.gate.result import Check, GateResult, Release
from isogloss.judging import Document, compare

DRAWS_BEYOND = 50
"""Fewest bootstrap draws that are expected outside an interval, so that its ends are precise."""


def read_gate(path: Path) -> GateParams:
    """The content of a gate's file.

    Raises
    ------
    ParamsError
        It does not exist, is not YAML, or a key or value in it is impossible.
    """
    if not path.exists():
        raise ParamsError(f"{path} does not exist; name the gate's file")
    return read_section(path, GateParams)


def run_gate(params: GateParams, folder: Path) -> GateResult:
    """Judge a candidate against a baseline; with a ledger, add a line to it.

    Parameters
    ----------
    params
        The content of gate.yaml (`read_gate`).
    folder
        The folder that its paths are relative to.

    Raises
    ------
    ParamsError, TableError
        The input does not fit; the message is one sentence, and the ledger is not changed.
    """
    pair = read_pair(params, folder)
    alpha = (1 - params.statistics.confidence) / 2
    level, number, known = alpha, 0, True
    ledger = params.ledger
    if ledger is not None:
        key = _key(params, pair)
        level, number, known = known_or_next(folder / ledger.file, ledger, digest=pair.digest, key=key, alpha=alpha)
    document = judge_pair(pair, params, level=level)
    checks = check_all(document, params, pair.groupings)
    result = _result(document, checks, pair)
    if ledger is None:
        return result
    release = Release(
        **ledger.model_dump(exclude={"file"}),
        digest=pair.digest,
        release=number,
        alpha=alpha,
        level=level,
        baseline=result.systems[0],
        candidate=result.systems[1],
        key=key,
        verdict=result.verdict,
        date=datetime.now(UTC).date().isoformat(),
    )
    if not known:
        add_release(folder / ledger.file, release)
    return result.model_copy(update={"release": release})


def judge_pair(pair: Pair, params: GateParams, *, level: float) -> Document:
    """The document of baseline and candidate, with intervals whose upper ends are one-sided bounds at `level`."""
    names = [side.name or SIDES[number] for number, side in enumerate((params.baseline, params.candidate))]
    if names[0] == names[1]:
        raise ParamsError(f"baseline and candidate are both called {names[0]!r}; give them different names")
    return compare(
        pair.baseline,
        pair.candidate,
        pair.groupings,
        systems=names,
        split="all speakers",
        statistics=_at_level(params.statistics, level),
        min_speakers=params.min_speakers,
        against_rest=False,
        about={"normalisation": list(pair.steps)},
    )


def _at_level(statistics: StatisticsParams, level: float) -> StatisticsParams:
    """The statistics options with intervals at this one-sided level, and enough draws for their ends."""
    if math.isclose(1 - 2 * level, statistics.confidence):
        return statistics
    resamples = max(statistics.resamples, math.ceil(DRAWS_BEYOND / (2 * level)))
    return statistics.model_copy(update={"confidence": 1 - 2 * level, "resamples": resamples})


def _key(params: GateParams, pair: Pair) -> str:
    """A sha256 of the inputs and the analysis, without names, paths and the ledger."""
    analysis = params.model_dump(mode="json", exclude={"baseline", "candidate", "ledger", "attributes"})
    content: dict[str, Any] = {
        "analysis": analysis,
        "files": [(one.role, one.sha256) for one in pair.files],
        "columns": [side.columns for side in (params.baseline, params.candidate)],
    }
    if any(side.normalise is not None for side in (params.baseline, params.candidate)):
        content["normalise"] = list(pair.steps)  # those of all tables are in `analysis`
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _result(document: Document, checks: list[Check], pair: Pair) -> GateResult:
    """The verdict of all checks together."""
    found = {check.verdict for check in checks if check.blocks}
    return GateResult(
        version=__version__,
        systems=(document.baseline, document.system),
        verdict="harmed" if "harmed" in found else "undecided" if found else "passed",
        confidence=document.confidence,
        resamples=document.resamples,
        permutations=document.permutations,
        seed=document.seed,
        normalisation=list(pair.steps),
        utterances=len(pair.baseline),
        speakers=int(pair.baseline["speaker_id"].nunique()),
        checks=checks,
        files=pair.files,
        warnings=pair.warnings,
    )
