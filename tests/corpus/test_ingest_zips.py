"""A table of ZIP codes goes along with the corpus, for the ZIPs that speak."""

import pandas as pd
import pytest

from isogloss.corpus.ingest import ingest
from isogloss.errors import CorpusError, TableError

CENSUS = "zcta,state,latitude,percent_white,median_rent\n00501,NY,40.8,83.5,\n00602,PR,18.4,3.1,400\n"


@pytest.fixture
def corpus(tmp_path, rows, describe):
    """Ingest the tiny corpus with this text as its ZIP table; the written zips.parquet."""

    def make(text: str, *, table: str | None = None) -> pd.DataFrame:
        (tmp_path / "census.csv").write_text(text)
        described = describe(rows, zips={"table": table or str(tmp_path / "census.csv")})
        ingest(described, tmp_path / "corpus", source="tiny")
        return pd.read_parquet(tmp_path / "corpus/zips.parquet")

    return make


def test_the_rows_of_spoken_zips_are_kept_with_their_numbers(corpus):
    zips = corpus(CENSUS)
    assert zips.columns.tolist() == ["zip", "latitude", "percent_white", "median_rent"]
    assert zips["zip"].tolist() == ["00501"] and zips["percent_white"].tolist() == [83.5]
    assert zips["median_rent"].isna().all()


def test_without_a_table_there_are_no_zips(tmp_path, rows, describe):
    ingest(describe(rows), tmp_path / "corpus", source="tiny")
    assert pd.read_parquet(tmp_path / "corpus/zips.parquet").empty


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CENSUS.replace("zcta", "code"), "no column 'zip'"),
        (CENSUS.replace("00501", "00777"), "none of its ZIPs occurs in the corpus"),
        (CENSUS + "501,NY,1,2,3\n", "ZIP 00501 has more than one row"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(corpus, text, message):
    with pytest.raises(TableError, match=message):
        corpus(text)


def test_a_missing_folder_is_named(corpus):
    with pytest.raises(CorpusError, match="nowhere"):
        corpus(CENSUS, table="nowhere/census.csv")
