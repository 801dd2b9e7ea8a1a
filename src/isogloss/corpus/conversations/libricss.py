"""LibriCSS (Chen et al. 2020, 2001.11482): eight talkers in a meeting room, read through Lhotse's recipe.

The segments of the recording's first channel, cut where everybody is silent, as `all_res.json` of the corpus has them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from lhotse.cut import Cut
from lhotse.recipes import prepare_libricss

from isogloss.errors import CorpusError


def plain(text: str) -> str:
    """A text of LibriSpeech in lower case, with single spaces between words."""
    return " ".join(text.lower().split())


def read_libricss(folder: Path) -> Iterator[Cut]:
    """The one-minute segments of LibriCSS with words in them; `condition` is that of the session, such as OV40.

    Texts are in lower case: LibriSpeech's are in capitals, and the vocabularies of the project's own corpora are not.

    Parameters
    ----------
    folder
        The extracted corpus: `for_release`, or the folder that holds it.

    Raises
    ------
    CorpusError
        The folder does not hold the corpus, or lacks a part of it.
    """
    try:
        segments = prepare_libricss(folder, type="sdm", segmented_cuts=True)["segments"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CorpusError(
            f"{folder} does not hold LibriCSS: {error.filename} is missing; extract for_release.zip there"
        ) from None
    except (AssertionError, ValueError) as error:
        raise CorpusError(f"{folder} is no whole LibriCSS ({error}); extract for_release.zip there anew") from None
    for cut in segments:
        if cut.supervisions:
            named = re.match(r"[^_]+", cut.recording_id)
            cut.custom = {"condition": named[0] if named else cut.recording_id}
            yield cut.map_supervisions(lambda one: one.transform_text(plain))
