"""LibriSpeechMix (Kanda et al. 2020, 2003.12687): overlapping utterances of LibriSpeech, by Lhotse's recipe."""

import re
from collections.abc import Iterator
from pathlib import Path

from lhotse.cut import Cut
from lhotse.recipes import prepare_librispeechmix

from isogloss.corpus.conversations.libricss import plain
from isogloss.errors import CorpusError

LISTS = "list"


def read_librispeechmix(folder: Path) -> Iterator[Cut]:
    """The mixtures of at most two talkers; `condition` is the list they are in, such as test-clean-2mix.

    Texts are in lower case, as those of `read_libricss`.

    Parameters
    ----------
    folder
        `list/*.jsonl` of the LibriSpeechMix repository, and Lhotse's `librispeech_cutset_<part>.jsonl.gz` beside it.

    Raises
    ------
    CorpusError
        There is no list of mixtures of one or two talkers, or LibriSpeech's cuts are missing.
    """
    if not any(re.search(r"-[12]mix$", path.stem) for path in (folder / LISTS).glob("*.jsonl")):
        raise CorpusError(
            f"{folder / LISTS} holds no list of LibriSpeechMix of one or two talkers, such as test-clean-2mix.jsonl; "
            "copy the folder list of its repository there"
        )
    try:
        parts = prepare_librispeechmix(folder, folder / LISTS)
    except FileNotFoundError as error:
        raise CorpusError(
            f"{error.filename} is missing, which LibriSpeechMix is mixed from; make it with lhotse's recipe librispeech"
        ) from None
    for name in sorted(parts):
        if re.search(r"-[12]mix$", name):
            for cut in sorted(parts[name]["cutset"], key=lambda cut: cut.id):
                cut = cut.map_supervisions(lambda one: one.transform_text(plain))
                cut.custom = {"condition": name}
                yield cut
