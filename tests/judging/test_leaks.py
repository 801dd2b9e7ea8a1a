from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isogloss.config import AtlasParams
from isogloss.corpus.atlas.build import draw_corpus
from isogloss.corpus.atlas.casting import cast
from isogloss.corpus.atlas.description import read_description
from isogloss.errors import TableError
from isogloss.judging.leaks import describe_speakers, score_leak

ATLAS = Path(__file__).parents[2] / "corpora" / "atlas.yaml"


@pytest.fixture(scope="module")
def corpus():
    """The utterances of Atlas' discovery with the planted dialect beside them, and its ZIPs, without a sound."""
    description, params = read_description(ATLAS), AtlasParams(discovery_speakers=500)
    speakers, zips = draw_corpus(params, 3, description)
    spoken = [
        (job.speaker_id, take.recording_id, len(text.split()))
        for job in cast(speakers, params, description, 3)
        for take in job.takes
        for text in take.texts
    ]
    rows = pd.DataFrame(spoken, columns=["speaker_id", "recording_id", "words"]).merge(speakers, on="speaker_id")
    return rows[rows["split"] == "discovery"].sort_values("recording_id").reset_index(drop=True), zips


def leak(rows, zips):
    known, suspects = describe_speakers(rows, zips)
    return score_leak(known, suspects, rows.drop_duplicates("speaker_id")["dialect"])


def by_dialect(rows):
    """The weights that Atlas once had: a dialect's share of the population over its share of the split."""
    shares = {name: dialect.share for name, dialect in read_description(ATLAS).dialects.items()}
    drawn = rows["dialect"].value_counts(normalize=True)
    return rows["dialect"].map(shares) / rows["dialect"].map(drawn)


def test_the_tables_of_atlas_give_no_dialect_away(corpus):
    found = leak(*corpus)
    assert not found.leaks
    assert 0.5 < found.known < 0.9  # dialects live in places: the map itself tells much
    assert found.speakers == 500


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows.assign(weight=by_dialect(rows)),
        lambda rows: rows.assign(weight=rows["weight"] * np.where(rows["dialect"] == "heartland", 0.7, 1.3)),
        lambda rows: rows.sort_values("dialect", kind="stable"),
        lambda rows: rows.assign(words=rows["words"] + 10 * (rows["dialect"] == "highland")),
    ],
    ids=["weights by dialect", "weights a little by dialect", "order of rows", "counts"],
)
def test_a_leak_is_found_wherever_it_is(corpus, spoil):
    rows, zips = corpus
    assert leak(spoil(rows), zips).leaks


def test_a_table_without_rows_is_refused(corpus):
    with pytest.raises(TableError, match="no utterances"):
        describe_speakers(corpus[0].iloc[:0], corpus[1])
