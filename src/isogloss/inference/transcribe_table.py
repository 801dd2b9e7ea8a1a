"""Hypotheses of a table of recordings, written in steps, so that an interrupted run can be continued.

The output is JSONL: each row of the table with all its cells and `hyp`, in the order of the table.
`<output>.state.json` records the table and the model, so that hypotheses of two models are never mixed.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from isogloss.errors import TableError
from isogloss.inference.hearing import Hearing
from isogloss.inference.recordings import Recording
from isogloss.tables import read_json, write_json

HYPOTHESIS = "hyp"
ROWS_AT_ONCE = 64
"""Rows between two writes of the output; a killed run loses at most these (our choice)."""


def transcribe_rows(
    recordings: Sequence[Recording], hear: Hearing, output: Path, *, made_by: Mapping[str, Any]
) -> Iterator[int]:
    """Write the hypotheses that the output lacks, and yield the number of its rows after each write.

    The first number is that of the rows that the output had at the start.

    Parameters
    ----------
    recordings
        The rows of the table.
    hear
        The function that transcribes utterances.
    output
        A JSONL file, which is created or continued.
    made_by
        All that determines the hypotheses: digests of the table and of the model, and the options.

    Raises
    ------
    TableError
        The table has a column `hyp` already, or the output is of another table, model or option.
    """
    if recordings and HYPOTHESIS in recordings[0].cells:
        raise TableError(
            f"{recordings[0].place.rpartition(', ')[0]} has a column {HYPOTHESIS!r} already; rename it, since the "
            "hypotheses are written there"
        )
    done = _rows_done(output, made_by)
    yield done
    for start in range(done, len(recordings), ROWS_AT_ONCE):
        rows = recordings[start : start + ROWS_AT_ONCE]
        texts = hear([row.samples() for row in rows])
        lines = [
            json.dumps({**_plain(row.cells), HYPOTHESIS: text}, ensure_ascii=False, default=str)
            for row, text in zip(rows, texts, strict=True)
        ]
        with output.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
        yield start + len(rows)


def refuse_longer(recordings: Sequence[Recording], seconds: float) -> None:
    """Raise a `TableError` for the first row that is longer than a model's window."""
    for row in recordings:
        if row.duration_s > seconds:
            raise TableError(
                f"{row.place}: the utterance lasts {row.duration_s:.1f} s, but the model's window is {seconds:g} s; "
                "cut it up, leave it out, or use --backend faster-whisper, which hears recordings of any length"
            )


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of a model's files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _plain(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Cells as values for JSON, which has no NaN."""
    return {name: None if isinstance(cell, float) and math.isnan(cell) else cell for name, cell in cells.items()}


def _rows_done(output: Path, made_by: Mapping[str, Any]) -> int:
    """The number of complete rows of the output; an incomplete last row of a killed run is cut off."""
    state = output.with_name(output.name + ".state.json")
    if output.exists():
        if not state.is_file():
            raise TableError(f"{output} exists and was not written by this command; name another file with --out")
        before = read_json(state)
        if changed := sorted(key for key in {*before, *made_by} if before.get(key) != made_by.get(key)):
            raise TableError(
                f"{output} holds hypotheses of another {' and '.join(changed)}; name another file with --out, or "
                "remove it"
            )
        content = output.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            output.write_bytes(whole)
        return whole.count(b"\n")
    output.parent.mkdir(parents=True, exist_ok=True)
    write_json(dict(made_by), state)
    output.touch()
    return 0
