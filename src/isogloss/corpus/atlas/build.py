"""Building Atlas: from a description and a seed to a corpus folder and the planted truth."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from isogloss.config import AtlasParams
from isogloss.corpus.atlas.casting import cast
from isogloss.corpus.atlas.description import Description, read_description
from isogloss.corpus.atlas.manifests import recordings, supervisions, write_jsonl
from isogloss.corpus.atlas.population import assign_zips, describe_zips, draw_people
from isogloss.corpus.atlas.sampling import draw_speakers, population_size
from isogloss.corpus.atlas.synthesis import check_voices, synthesise
from isogloss.tables import atomic_folder, write_json, write_parquet

SPEAKER_COLUMNS = [
    "speaker_id",
    "split",
    "weight",
    "latitude",
    "longitude",
    "zip",
    "gender",
    "age",
    "age_band",
]


def build_atlas(
    params: AtlasParams,
    seed: int,
    description_path: Path | str,
    output_folder: Path | str,
    *,
    workers: int | None = None,
) -> pd.DataFrame:
    """Synthesise the corpus into `output_folder`, which is written atomically.

    The folder holds `audio/<recording_id>.flac` (some utterances of a speaker through one channel), the Lhotse
    manifests `recordings.jsonl` and `supervisions.jsonl`, `speakers.parquet`, `zips.parquet` and `corpus.json`. The
    same params, seed and description give the same bytes on any number of cores.

    Parameters
    ----------
    output_folder
        Written into the manifests as it is given, so give it relative to the repository's root.
    workers
        Cores to use; by default all that this process may use.

    Returns
    -------
    DataFrame
        The planted truth, `speaker_id, dialect, rare`, one row a speaker. Only the scoring reads it; it is not in the
        folder.

    Raises
    ------
    ParamsError
        The description does not fit its model, train is too small for its dialects, or the grammar has too few
        sentences.
    CorpusError
        espeak-ng is missing, knows no such voice, or the dialects do not fit the map.
    """
    description = read_description(description_path)
    output_folder = Path(output_folder)
    check_voices(description)
    speakers, zips = draw_corpus(params, seed, description)
    jobs = cast(speakers, params, description, seed)
    with atomic_folder(output_folder) as folder:
        audio = folder / "audio"
        audio.mkdir()
        with _progress(len(jobs)) as progress:
            segments = synthesise(jobs, audio, workers=workers, progress=progress)
        write_jsonl(recordings(segments, output_folder / "audio"), folder / "recordings.jsonl")
        write_jsonl(supervisions(speakers, jobs, segments), folder / "supervisions.jsonl")
        write_parquet(speakers[SPEAKER_COLUMNS], folder / "speakers.parquet")
        write_parquet(zips, folder / "zips.parquet")
        write_json({"source": Path(description_path).stem, "audio_root": "."}, folder / "corpus.json")
    rare = {name: dialect.rare for name, dialect in description.dialects.items()}
    return speakers[["speaker_id", "dialect"]].assign(rare=speakers["dialect"].map(rare))


def draw_corpus(params: AtlasParams, seed: int, description: Description) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Speakers (with their dialect) and ZIPs, without a sound."""
    rng = np.random.default_rng([seed, 1])
    people = draw_people(description, population_size(params, description), rng)
    people["zip"], zips = assign_zips(people, description.map.zips, rng)
    zips = describe_zips(zips, people, description, rng)
    return draw_speakers(people, zips, params, description, rng), zips


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on a terminal; none in a log."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from isogloss.consoles import console

    on = console(stderr=True)
    if not on.is_terminal:
        yield None
        return
    columns = (
        TextColumn("Atlas speaks"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("speakers"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=on, transient=True) as bar:
        task = bar.add_task("synthesis", total=total)
        yield lambda done: bar.update(task, completed=done)
