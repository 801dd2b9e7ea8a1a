import pytest

from isogloss.cli.auditing import audit_utterances as audit
from isogloss.errors import TableError
from isogloss.judging.intake import Request


def request(path, quick, **options) -> Request:
    return Request(table=path, discover=("geographic",), statistics=quick, **options)


@pytest.fixture
def many(make):
    return make(speakers=150, utterances=3)


@pytest.mark.parametrize(("column", "value"), [("latitude", 95.0), ("longitude", 200.0)])
def test_positions_off_the_globe_are_refused_with_their_row(save, table, quick, column, value):
    rows = table.assign(**{column: table[column].where(table.index != 6, value)})
    if column == "latitude":
        rows.loc[8, "longitude"] = -95.0  # no longitude would do as a latitude
    with pytest.raises(TableError, match=f"row 7: {column} is {value:g}, beyond"):
        audit(request(save(rows), quick))


@pytest.mark.parametrize("in_range", [False, True])
def test_swapped_columns_are_read_the_other_way_round_with_a_warning(save, many, quick, in_range):
    """Whether latitudes are impossible (beyond 90 degrees) or merely in the Antarctic."""
    rows = many
    if in_range:  # from Illinois to Pennsylvania
        rows = many.assign(latitude=40.0, longitude=many["speaker_id"].str[1:].astype(int) % 50 / 5 - 88)
    swapped = rows.rename(columns={"latitude": "longitude", "longitude": "latitude"})
    found = audit(request(save(swapped), quick))
    assert "seem to be swapped" in found.warnings[0]
    straight = audit(request(save(rows, "straight.csv"), quick))
    assert not straight.warnings and found.document == straight.document


def test_unknown_positions_are_a_cohort_of_their_own(save, many, quick):
    rows = many.assign(latitude=many["latitude"].mask(many["speaker_id"] < "s040"))
    found = audit(request(save(rows), quick))
    assert "120 utterances have no position" in found.warnings[0]
    assert "position unknown" in [c.label for c in found.document.groupings[0].cohorts]


def test_a_table_without_positions_is_told_so(save, table, quick):
    with pytest.raises(TableError, match=r"column 'longitude' is missing; is it 'long'[?] then say --column"):
        audit(request(save(table.rename(columns={"longitude": "long"})), quick))
    with pytest.raises(TableError, match="no row has both"):
        audit(request(save(table.assign(latitude=None)), quick))
