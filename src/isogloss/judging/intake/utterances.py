"""One checked table of word errors from whatever was given: a table, a NeMo manifest, or files of transcripts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from isogloss.checks import LARGEST
from isogloss.errors import TableError
from isogloss.io.attributes import Attributes
from isogloss.io.cells import number_column, text_column
from isogloss.io.normalise import lacks_spaces, normalise
from isogloss.io.roles import Roles, utterance_ids
from isogloss.io.source import Source
from isogloss.io.table_reader import read_table
from isogloss.io.transcripts import read_transcripts
from isogloss.judging.intake.request import Request
from isogloss.judging.word_errors import word_errors

WITHOUT_SPEAKERS = (
    "the utterances of one speaker are alike, so an interval or test that takes them for independent claims "
    "differences that are not there"
)


@dataclass(frozen=True)
class Utterances:
    """What an audit judges. `before` and `after` have a row an utterance, in the same order.

    Columns: utterance_id (the number of the row), speaker_id, weight, words, substitutions, deletions, insertions.
    """

    ids: pd.Series
    before: pd.DataFrame
    after: pd.DataFrame | None
    attributes: Attributes
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Texts:
    """References and hypotheses as they were read; `place` says where a row stands."""

    ids: pd.Series
    speakers: pd.Series | None
    ref: pd.Series
    hyp: pd.Series
    after: pd.Series | None
    weight: pd.Series
    attributes: Attributes
    where: str
    warnings: list[str]


def read_utterances(request: Request) -> Utterances:
    """Read, join, check, normalise and align everything that a request names.

    Raises
    ------
    TableError, ParamsError
        One sentence for what does not fit.
    """
    table = request.table
    texts = _from_kaldi(request, *request.kaldi) if table is None else _from_table(request, table)
    _check_speakers(texts, request)
    if request.attributes is not None:
        texts.warnings.extend(texts.attributes.join(read_table(request.attributes, separator=request.separator)))
    speakers = texts.ids if request.speakers_unknown or texts.speakers is None else texts.speakers
    if texts.hyp.fillna("").eq("").all():
        raise TableError(f"{texts.where}: every hypothesis is empty; is it the right column, or did decoding fail?")
    references = normalise(_listed(texts.ref), request.normalise)
    emptied = sum(not new for new in references) - int(texts.ref.isna().sum())
    if emptied == len(references) - int(texts.ref.isna().sum()):
        raise TableError(f"{texts.where}: normalisation leaves no word in any reference; choose other steps")
    if emptied:
        texts.warnings.append(
            f"{emptied} references have no word left after normalisation; their hypotheses count as insertions"
        )
    if "characters" not in request.normalise and lacks_spaces(references):
        texts.warnings.append(
            "the references hold hardly any space, so whole utterances count as words; for character error rates (CER) "
            "add characters to --normalise"
        )
    shared = pd.DataFrame({"utterance_id": np.arange(len(references)), "speaker_id": speakers, "weight": texts.weight})
    results = [
        pd.concat([shared, word_errors(references, normalise(_listed(side), request.normalise))], axis=1)
        for side in (texts.hyp, texts.after)
        if side is not None
    ]
    return Utterances(
        ids=texts.ids,
        before=results[0],
        after=results[1] if len(results) > 1 else None,
        attributes=texts.attributes,
        warnings=tuple(texts.warnings),
    )


def _from_table(request: Request, path: Path) -> _Texts:
    """A table, and that of the second system."""
    source = read_table(path, separator=request.separator)
    roles = Roles(source, request.columns)
    ref_name, hyp_name = roles.require("ref"), roles.require("hyp")
    speaker_name, weight_name = roles.find("speaker_id"), roles.find("weight")
    speakers = None if speaker_name is None else text_column(source, speaker_name)
    if speakers is None and not request.speakers_unknown:
        raise TableError(
            f"{source.path}: there is no column of speakers, and {WITHOUT_SPEAKERS}; "
            f"{roles.suggestion('speaker_id')}, or pass --speakers-unknown for figures without intervals"
        )
    id_name = roles.require("utterance_id") if request.after is not None else roles.find("utterance_id")
    if id_name is None:
        ids = pd.Series([str(number) for number in range(1, source.rows + 1)], dtype="str")
    else:
        ids = _ids(source, id_name)
    ref = text_column(source, ref_name)
    _check_references(ref, source, ref_name, request)
    attributes = Attributes(ids, speakers)
    attributes.add(source, roles)
    after = None if request.after is None else _second_system(request, path, request.after, ids, ref)
    weight = pd.Series(1.0, index=ids.index) if weight_name is None else _weights(source, weight_name)
    hyp = text_column(source, hyp_name)
    return _Texts(ids, speakers, ref, hyp, after, weight, attributes, str(source.path), [])


def _second_system(request: Request, before: Path, after: Path, ids: pd.Series, ref: pd.Series) -> pd.Series:
    """The hypotheses of the table after, in the order of the table before."""
    source = read_table(after, separator=request.separator)
    usable = {role: name for role, name in request.columns.items() if name in source.names}
    roles = Roles(source, usable)
    hyp_name = roles.require("hyp")
    own = _ids(source, roles.require("utterance_id"))
    rows = _aligned(own, ids, names=(str(before), str(after)))
    ref_name = roles.find("ref")
    if ref_name is not None:
        other = text_column(source, ref_name).iloc[rows].reset_index(drop=True)
        texts = [normalise(_listed(side), request.normalise) for side in (ref, other)]
        differ = [i for i, (one, two) in enumerate(zip(*texts, strict=True)) if one != two]
        if differ:
            raise TableError(
                f"{len(differ)} references differ between {before} and {after} "
                f"({_three(ids.iloc[differ])}); both systems must be judged by the same references"
            )
    return text_column(source, hyp_name).iloc[rows].reset_index(drop=True)


def _from_kaldi(request: Request, ref_path: Path, hyp_path: Path) -> _Texts:
    """Files of transcripts in the formats of scoring tools, by utterance id."""
    reference = read_transcripts(ref_path)
    ids = pd.Series(reference.texts.index, dtype="str")
    ref = reference.texts.reset_index(drop=True)
    ref = ref.mask(ref == "")
    if request.utt2spk is None and reference.speakers is None and not request.speakers_unknown:
        raise TableError(
            f"there is no --utt2spk, and {WITHOUT_SPEAKERS}; give it, or pass --speakers-unknown for figures "
            "without intervals"
        )
    found = {}
    for name, path in (("hyp", hyp_path), ("after", request.after_hyp), ("speakers", request.utt2spk)):
        if path is not None:
            mapping = read_transcripts(path, reference).texts
            own = pd.Series(mapping.index, dtype="str")
            if name == "speakers":  # utt2spk may know more utterances than were decoded
                mapping = mapping[pd.Index(own).isin(ids)]
                own = pd.Series(mapping.index, dtype="str")
            rows = _aligned(own, ids, names=(str(ref_path), str(path)))
            found[name] = mapping.iloc[rows].reset_index(drop=True)
    empty = np.flatnonzero(ref.isna())
    if empty.size and not request.allow_empty:
        _refuse_empty(len(empty), len(ref), f"{ref_path}, utterance {ids[empty[0]]}")
    speakers = found.get("speakers", reference.speakers)
    speakers = None if speakers is None else speakers.mask(speakers == "")
    weight = pd.Series(1.0, index=ids.index)
    attributes = Attributes(ids, speakers)
    return _Texts(ids, speakers, ref, found["hyp"], found.get("after"), weight, attributes, str(ref_path), [])


def _ids(source: Source, name: str) -> pd.Series:
    """Utterance ids, each once and none missing."""
    ids = utterance_ids(source, name)
    if ids.isna().any():
        raise TableError(f"{source.place(int(np.flatnonzero(ids.isna())[0]))}: column {name!r} is empty; fill it")
    twice = ids[ids.duplicated(keep=False)]
    if len(twice):
        extra = int(ids.duplicated().sum())
        raise TableError(
            f"{source.place(int(ids.index[ids.duplicated()][0]))}: utterance {ids[ids.duplicated()].iloc[0]!r} occurs "
            f"a second time ({extra} such rows, {_three(twice.unique())}); keep one row an utterance"
        )
    return ids


def _aligned(own: pd.Series, ids: pd.Series, *, names: tuple[str, str]) -> np.ndarray:
    """Where each id stands in another table; raises where the two do not hold the same ids."""
    rows = pd.Index(own).get_indexer(pd.Index(ids))
    surplus = own[pd.Index(ids).get_indexer(pd.Index(own)) < 0]
    if (rows < 0).any() or len(surplus):
        missing = ids[rows < 0]
        raise TableError(
            f"{len(missing) + len(surplus)} utterance ids differ: {len(missing)} only in {names[0]}, {len(surplus)} "
            f"only in {names[1]} ({_three([*missing, *surplus])}); both must hold the same utterances"
        )
    return rows


def _check_references(ref: pd.Series, source: Source, name: str, request: Request) -> None:
    """Refuse empty references, unless they are wanted."""
    empty = np.flatnonzero(ref.isna())
    if empty.size == len(ref):
        raise TableError(f"{source.path}: column {name!r} is empty in every row; is it the right column?")
    if empty.size and not request.allow_empty:
        _refuse_empty(empty.size, len(ref), f"{source.place(int(empty[0]))}: column {name!r}")


def _refuse_empty(number: int, rows: int, where: str) -> None:
    """Say that references are empty, and what can be done."""
    raise TableError(
        f"{where} is empty, as are {number} of {rows} references; leave these rows out, or pass --allow-empty, which "
        "counts their hypotheses as insertions"
    )


def _check_speakers(texts: _Texts, request: Request) -> None:
    """Every row needs a speaker, and one speaker is not enough."""
    if texts.speakers is None or request.speakers_unknown:
        return
    missing = int(texts.speakers.isna().sum())
    if missing:
        row = int(np.flatnonzero(texts.speakers.isna())[0])
        raise TableError(
            f"{texts.where}: {missing} of {len(texts.speakers)} rows have no speaker (the first is utterance "
            f"{texts.ids[row]!r}); fill them in or leave these rows out, since speakers are what is resampled"
        )
    if texts.speakers.nunique() == 1:
        raise TableError(
            f"{texts.where}: all rows are of one speaker, {texts.speakers.iloc[0]!r}; cohorts are compared over "
            "speakers, so give several"
        )


def _weights(source: Source, name: str) -> pd.Series:
    """Weights: of a possible size and not negative, some of them positive."""
    weight = number_column(source, name)
    possible = (weight == 0) | ((weight >= 1 / LARGEST) & (weight <= LARGEST))
    wrong = np.flatnonzero(~possible)
    if wrong.size:
        row = int(wrong[0])
        held = "empty" if np.isnan(weight[row]) else f"{weight[row]:g}"
        raise TableError(
            f"{source.place(row)}: weight {name!r} is {held}; give 0, or {1 / LARGEST:g} to {LARGEST:g} (1 where "
            "nothing is known)"
        )
    if not (weight > 0).any():
        raise TableError(f"{source.path}: weight {name!r} is 0 in every row, so nothing counts; give positive ones")
    return weight


def _listed(texts: pd.Series) -> list[str]:
    """Texts as a list, empty where missing; by way of numpy, since pandas makes a Python object at a time."""
    return texts.fillna("").to_numpy(dtype=object).tolist()


def _three(ids: object) -> str:
    """The first three ids."""
    listed = [repr(str(one)) for one in ids]  # type: ignore[attr-defined]
    return ", ".join(listed[:3]) + (", ..." if len(listed) > 3 else "")
