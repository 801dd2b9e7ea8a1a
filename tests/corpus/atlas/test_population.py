import numpy as np
import pytest

from isogloss.corpus.atlas.field import dialect_shares
from isogloss.corpus.atlas.population import assign_zips, describe_zips, draw_people, draw_positions
from isogloss.errors import CorpusError
from isogloss.geography import contains, project

PEOPLE = 20_000


@pytest.fixture(scope="module")
def people(description):
    return draw_people(description, PEOPLE, np.random.default_rng(2))


@pytest.fixture(scope="module")
def zips(people, description):
    codes, table = assign_zips(people, description.map.zips, np.random.default_rng(3))
    return codes, describe_zips(table, people.assign(zip=codes), description, np.random.default_rng(4))


def test_people_live_in_the_country_and_mostly_in_cities(description):
    latitude, longitude = draw_positions(description.map, 3000, np.random.default_rng(1))
    assert contains(latitude, longitude).all()
    x, y = project(latitude, longitude)
    cities = np.stack(
        project([m.latitude for m in description.map.metros], [m.longitude for m in description.map.metros])
    )
    nearest = np.hypot(x[:, None] - cities[0], y[:, None] - cities[1]).min(axis=1)
    assert (nearest < 80).mean() > 0.55  # three standard deviations of a city's core, plus those who live near by
    assert (nearest > 200).mean() > 0.03


def test_dialects_have_their_share_of_the_population(people, description):
    shares = people["dialect"].value_counts(normalize=True)
    for name, dialect in description.dialects.items():
        assert shares[name] == pytest.approx(dialect.share, rel=0.2)


def test_shares_at_a_place_sum_to_one(people, description):
    shares = dialect_shares(description, people["latitude"].to_numpy(), people["longitude"].to_numpy())
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert shares.min() >= 0.0


def test_every_dialect_is_the_majority_at_home_and_nearly_absent_elsewhere(people, description):
    x, y = project(people["latitude"], people["longitude"])
    for name, dialect in description.dialects.items():
        for area in dialect.areas[:1]:
            home_x, home_y = project(area.latitude, area.longitude)
            distance = np.hypot(x - home_x, y - home_y)
            speaks = (people["dialect"] == name).to_numpy()
            assert speaks[distance < 0.5 * area.spread_km].mean() > 0.5, name
        if dialect.rare:
            assert speaks[distance > 2 * area.spread_km].mean() < 0.01, name


def test_areas_that_cannot_hold_their_share_are_refused(people, description):
    crowded = description.dialects["mesa"].areas[0]
    dialects = dict(description.dialects)
    for name in ("highland", "gulf", "basin", "lakeside"):
        dialects[name] = dialects[name].model_copy(
            update={"areas": [crowded.model_copy(update={"spread_km": 5.0, "strength": 0.2})], "share": 0.17}
        )
    with pytest.raises(CorpusError, match=r"the areas of dialect '\w+' hold .* move them, raise their strength"):
        dialect_shares(
            description.model_copy(update={"dialects": dialects}),
            people["latitude"].to_numpy(),
            people["longitude"].to_numpy(),
        )


def test_everyone_has_the_nearest_zip(people, zips):
    codes, table = zips
    x, y = project(people["latitude"][:300], people["longitude"][:300])
    zip_x, zip_y = project(table["latitude"], table["longitude"])
    nearest = np.hypot(x[:, None] - zip_x, y[:, None] - zip_y).argmin(axis=1)
    assert (codes[:300].to_numpy() == table["zip"].to_numpy()[nearest]).all()


def test_the_zip_table_has_the_schema_of_census_extracts(zips):
    _, table = zips
    assert list(table.columns) == [
        "zip", "latitude", "longitude", "total_population", "percent_white", "percent_black", "percent_asian",
        "percent_hispanic", "per_capita_income", "median_rent", "median_age",
    ]  # fmt: skip
    assert len(table) >= 300
    assert table["zip"].is_unique
    assert table["zip"].str.fullmatch(r"\d{5}").all()
    percent = table.filter(like="percent_")
    assert percent.min().min() >= 0
    assert percent.sum(axis=1).max() <= 100.3  # four figures rounded to a tenth
    assert table["total_population"].mean() == pytest.approx(10_000, rel=0.01)
    assert table.notna().all().all()


def test_the_majority_of_a_zip_goes_with_the_dialect(people, zips):
    codes, table = zips
    majority = table.set_index("zip").filter(like="percent_").idxmax(axis=1)
    hispanic = majority[codes].to_numpy() == "percent_hispanic"
    mesa = (people["dialect"] == "mesa").to_numpy()
    assert hispanic[mesa].mean() > 0.4
    assert hispanic[~mesa].mean() < 0.02
