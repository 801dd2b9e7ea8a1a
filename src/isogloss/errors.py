"""The errors that a user can cause: one hierarchy, one clear sentence each.

Every message says what is wrong, where (file and row, or key and value), and what to do about it. The library
raises; only the entry points (`isogloss.entry`) turn an error into a line on stderr and exit code 2.
"""

_LONGEST_MESSAGE = 2000


class IsoglossError(Exception):
    """Base of all errors whose message is meant for the person who runs Isogloss.

    A message quotes what is wrong, which may be a cell of a thousand words: its middle is left out then.
    """

    def __str__(self) -> str:
        message = super().__str__()
        if len(message) <= _LONGEST_MESSAGE:
            return message
        half = _LONGEST_MESSAGE // 2
        return f"{message[:half]} ... {message[-half:]}"


class ParamsError(IsoglossError):
    """A key, type or value in params.yaml (or in a corpus description) is not acceptable."""


class TableError(IsoglossError):
    """A table lacks a column, or a row of it holds something impossible."""


class CorpusError(IsoglossError):
    """A corpus cannot be built or read: audio is missing, a segment exceeds its file, a split is empty."""


class ModelError(IsoglossError):
    """A model, its inputs or its saved files do not fit together."""


class PipelineError(IsoglossError):
    """The DVC graph cannot be read, or a stage of it failed."""
