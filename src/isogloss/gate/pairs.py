"""The transcripts of baseline and candidate, read, paired, and refused if they do not fit together."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from isogloss.config import GateParams, SideParams
from isogloss.errors import ParamsError, TableError
from isogloss.gate.result import File
from isogloss.io.normalise import parse_steps
from isogloss.io.separated import parse_separator
from isogloss.io.source import checksum
from isogloss.judging import Grouping
from isogloss.judging.intake import Request
from isogloss.judging.intake.groupings import known_groupings
from isogloss.judging.intake.utterances import Utterances, read_utterances

SIDES = ("baseline", "candidate")


@dataclass(frozen=True)
class Pair:
    """Two result tables of the same utterances in the same order, and the cohorts of their speakers."""

    baseline: pd.DataFrame
    candidate: pd.DataFrame
    groupings: list[Grouping]
    steps: tuple[str, ...]
    """Names of the steps of normalisation."""
    digest: str
    """Digest of the ids, speakers, weights and references; it does not depend on the order of the rows."""
    files: list[File]
    warnings: list[str]


def read_pair(params: GateParams, folder: Path) -> Pair:
    """Read the transcripts that gate.yaml names.

    Parameters
    ----------
    params
        The content of gate.yaml.
    folder
        The folder that its paths are relative to.

    Raises
    ------
    ParamsError, TableError
        A table cannot be read; both sides are the same transcripts; ids, speakers, weights, references
        or steps of normalisation differ.
    """
    sides = (params.baseline, params.candidate)
    steps = [parse_steps(",".join(_steps(side, params)) or "none") for side in sides]
    if steps[0] != steps[1]:
        named = [", ".join(one) or "none" for one in steps]
        raise ParamsError(
            f"the baseline is normalised by {named[0]}, the candidate by {named[1]}; word error rates of different "
            "normalisers cannot be compared, so give both the same"
        )
    requests = [_request(side, params, folder, steps[0], SIDES[number]) for number, side in enumerate(sides)]
    files = _files(requests, sides, params, folder)
    baseline, candidate = (read_utterances(request) for request in requests)
    rows = _same_utterances(baseline, candidate)
    tables = [one.before.assign(utterance_id=one.ids) for one in (baseline, candidate)]
    after = tables[1].iloc[rows].reset_index(drop=True)
    _refuse_differences(tables[0], after, baseline.hashes[0], candidate.hashes[0][rows])
    if params.identical == "refused" and bool((baseline.hashes[1] == candidate.hashes[1][rows]).all()):
        raise TableError(
            f"baseline and candidate have the same hypothesis in all {len(rows)} rows; give the candidate's own "
            "transcripts, or write `identical: allowed` where nothing was meant to change"
        )
    return Pair(
        baseline=tables[0],
        candidate=after,
        groupings=known_groupings(baseline.attributes, requests[0]),
        steps=steps[0],
        digest=_digest(tables[0], baseline.hashes[0]),
        files=files,
        warnings=list(dict.fromkeys([*baseline.warnings, *candidate.warnings])),
    )


def files_of(params: GateParams) -> list[str]:
    """All files that a gate names, as paths relative to its folder: its inputs, and the ledger."""
    sides = [[side.table, side.ref, side.hyp, side.utt2spk] for side in (params.baseline, params.candidate)]
    ledger = None if params.ledger is None else params.ledger.file
    return [path for path in (*sides[0], *sides[1], params.attributes, ledger) if path is not None]


def _steps(side: SideParams, params: GateParams) -> list[str]:
    """The steps of normalisation of the baseline or the candidate."""
    return params.normalise if side.normalise is None else side.normalise


def _request(side: SideParams, params: GateParams, folder: Path, steps: Sequence[str], role: str) -> Request:
    """The request by which an audit would read the baseline or the candidate."""
    if (side.table is None) == (side.ref is None):
        raise ParamsError(f"{role}: give either a table, or ref and hyp as files of transcripts")
    table, ref, hyp, utt2spk, attributes = (
        None if path is None else folder / path
        for path in (side.table, side.ref, side.hyp, side.utt2spk, params.attributes)
    )
    return Request(
        table=table,
        ref=ref,
        hyp=hyp,
        utt2spk=utt2spk,
        attributes=attributes,
        columns={**params.columns, **side.columns},
        separator=None if params.separator is None else parse_separator(params.separator),
        speaker_pattern=params.speaker_pattern,
        missing_as_deletions=params.missing_as_deletions,
        normalise=tuple(steps),
        by=tuple(one.by for one in params.cohorts),
        ids_required=True,
    )


def _files(requests: Sequence[Request], sides: Sequence[SideParams], params: GateParams, folder: Path) -> list[File]:
    """The input files with their digests; raises if baseline and candidate are the same file, read in the same way."""
    files, hypotheses = [], []
    for role, request, side in zip(SIDES, requests, sides, strict=True):
        named = [(role, path) for path in (side.table, side.ref, side.hyp, side.utt2spk) if path is not None]
        of_side = [File(role=role, path=path, sha256=_checksum(folder / path)) for role, path in named]
        files += of_side
        source = of_side[0] if request.table is not None else next(one for one in of_side if one.path == side.hyp)
        hypotheses.append((source.sha256, request.columns.get("hyp", "hyp")))
    if hypotheses[0] == hypotheses[1]:
        raise TableError(
            f"baseline and candidate are the same transcripts ({files[0].path}); give the candidate's own, or name "
            "its column with `columns: {hyp: NAME}`"
        )
    if params.attributes is not None:
        path = params.attributes
        files.append(File(role="attributes", path=path, sha256=_checksum(folder / path)))
    return files


def _checksum(path: Path) -> str:
    """The sha256 of an input."""
    try:
        return checksum(path)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}; correct the path in the gate's file") from None


def _same_utterances(baseline: Utterances, candidate: Utterances) -> np.ndarray:
    """The row of each utterance of the baseline in the candidate's table."""
    ours, theirs = pd.Index(baseline.ids), pd.Index(candidate.ids)
    missing, surplus = ours.difference(theirs, sort=False), theirs.difference(ours, sort=False)
    if len(missing) or len(surplus):
        raise TableError(
            f"{len(missing) + len(surplus)} utterance ids differ: {len(missing)} only in the baseline, {len(surplus)} "
            f"only in the candidate ({_three([*missing, *surplus])}); both must have transcribed the same utterances"
        )
    return theirs.get_indexer(ours)


def _refuse_differences(before: pd.DataFrame, after: pd.DataFrame, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Raise where speakers, weights or references differ."""
    for what, differs in (
        ("speaker", before["speaker_id"].to_numpy() != after["speaker_id"].to_numpy()),
        ("weight", before["weight"].to_numpy() != after["weight"].to_numpy()),
        ("reference", ours != theirs),
    ):
        if differs.any():
            raise TableError(
                f"{int(differs.sum())} utterances have another {what} in the candidate's table than in the baseline's "
                f"({_three(before['utterance_id'][differs])}); both systems must be judged by the same test set"
            )


def _digest(table: pd.DataFrame, references: np.ndarray) -> str:
    """A sha256 of the content of a test set."""
    rows = table[["utterance_id", "speaker_id", "weight"]].assign(reference=references)
    lines = rows.sort_values("utterance_id").to_csv(index=False, float_format="%.12g")
    return hashlib.sha256(lines.encode()).hexdigest()


def _three(ids: Sequence[object] | pd.Series) -> str:
    """The first three ids."""
    listed = [repr(str(one)) for one in ids]
    return ", ".join(listed[:3]) + (", ..." if len(listed) > 3 else "")
