"""The prepared cuts of a split."""

from pathlib import Path

from lhotse import CutSet


def read_cuts(path: Path | str) -> CutSet:
    """The prepared cuts of one split, in memory."""
    return CutSet.from_file(path).to_eager()
