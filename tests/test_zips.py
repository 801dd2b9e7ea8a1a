"""ZIP codes and what a table says about them."""

import numpy as np
import pandas as pd
import pytest

from isogloss.errors import TableError
from isogloss.zips import join_zip_attributes, normalised_zips, zip_attributes

CENSUS = pd.DataFrame(
    {
        "zcta": ["01001", "01002", "60601"],
        "latitude": [42.1, 42.4, 41.9],
        "percent_black": [1.0, 4.0, 20.0],
        "median_rent": [802.0, 1038.0, np.nan],
    }
)


def test_zips_are_joined_however_they_are_written():
    zips = pd.Series(["01001", "1001", "60601-1234", "99999", None, "unknown", " 01002 "], index=range(3, 10))
    joined = join_zip_attributes(zips, CENSUS, ["percent_black", "median_rent"])
    assert joined.index.tolist() == zips.index.tolist()
    assert joined["percent_black"].fillna(-1).tolist() == [1, 1, 20, -1, -1, -1, 4]
    assert joined["median_rent"].fillna(-1).tolist() == [802, 802, -1, -1, -1, -1, 1038]
    assert normalised_zips(pd.Series([1001.0, 60601.0])).tolist() == ["01001", "60601"]
    assert normalised_zips(pd.Series(["123456", "-5", ""])).isna().all()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (CENSUS.rename(columns={"zcta": "code"}), "no column 'zip'"),
        (CENSUS.rename(columns={"percent_black": "percent_blak"}), "did you mean 'percent_blak'"),
        (pd.concat([CENSUS, CENSUS]), "ZIP 01001 has more than one row"),
        (CENSUS.assign(percent_black=["1", "few", "2"]), "must be numbers"),
    ],
)
def test_zip_tables_that_cannot_be_joined_are_refused(table, message):
    with pytest.raises(TableError, match=message):
        join_zip_attributes(pd.Series(["01001"]), table, ["percent_black"])


def test_attributes_are_the_numbers_that_describe_people():
    assert zip_attributes(CENSUS.assign(state="MA", total_population=5)) == [
        "percent_black",
        "median_rent",
        "total_population",
    ]
    assert zip_attributes(pd.DataFrame({"zip": pd.Series(dtype="str")})) == []
