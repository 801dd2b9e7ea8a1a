"""The prepared cuts of a split: with features, or with the audio that they were computed from."""

from pathlib import Path
from typing import Literal

from lhotse import CutSet
from lhotse.cut import Cut
from lhotse.utils import fastcopy

from isogloss.corpus.frontend.audio_root import resolve_root
from isogloss.tables import read_json


def read_cuts(path: Path | str, *, hears: Literal["features", "audio"] = "features") -> CutSet:
    """The prepared cuts of one split, in memory.

    Parameters
    ----------
    path
        `<data>/cuts/<split>.jsonl`.
    hears
        What is wanted of them. Cuts with audio have recordings that can be opened from here: the audio root that
        `<data>/corpus/corpus.json` names is looked for on this machine.

    Raises
    ------
    CorpusError
        The audio root is not on this machine.
    """
    cuts = CutSet.from_file(path).to_eager()
    if hears == "features":
        return CutSet.from_cuts(fastcopy(cut, recording=None) for cut in cuts)
    root = resolve_root(read_json(Path(path).parents[1] / "corpus" / "corpus.json")["audio_root"])
    return CutSet.from_cuts(_found_under(root, cut) for cut in cuts)


def _found_under(root: Path, cut: Cut) -> Cut:
    """The cut with its audio, without its features."""
    return fastcopy(cut, features=None, recording=cut.recording.with_path_prefix(root))
