"""Kaldi's text files: an utterance id, white space, and the rest of the line.

`text` holds transcripts, `utt2spk` speakers. An utterance without words is a line with the id alone.
"""

from pathlib import Path

import pandas as pd

from isogloss.errors import TableError
from isogloss.io.reading import read_text


def read_mapping(path: Path) -> pd.Series:
    """The rest of each line by utterance id, in the file's order.

    Raises
    ------
    TableError
        The file is missing, empty or not UTF-8, or an id occurs twice.
    """
    try:
        content = read_text(path)
    except FileNotFoundError:
        raise TableError(f"{path} does not exist; correct the path") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(content.split("\n"), start=1):
        parts = line.split(maxsplit=1)
        if not parts:
            continue
        if parts[0] in found:
            raise TableError(f"{path}, line {number}: utterance {parts[0]!r} occurs twice; keep one line of it")
        found[parts[0]] = parts[1].strip() if len(parts) > 1 else ""
    if not found:
        raise TableError(f"{path} is empty; give one line an utterance: its id, then the text")
    return pd.Series(found, dtype="str")
