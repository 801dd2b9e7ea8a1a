import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.geography import EARTH_RADIUS, contains, project, state_polygons

LATITUDES = st.floats(24.0, 50.0)
LONGITUDES = st.floats(-126.0, -66.0)


def test_there_are_48_states_and_the_district():
    states = state_polygons()
    assert len(states) == 49
    assert "District of Columbia" in states
    assert "Alaska" not in states


def test_outlines_stay_within_the_extent_of_the_contiguous_states():
    points = np.concatenate([ring for polygon in state_polygons().values() for ring in polygon])
    assert points[:, 0].min() > 24.3
    assert points[:, 0].max() < 49.5
    assert points[:, 1].min() > -124.9
    assert points[:, 1].max() < -66.8


@pytest.mark.parametrize(
    ("latitude", "longitude", "inside"),
    [
        (39.74, -104.99, True),  # Denver
        (32.78, -96.80, True),  # Dallas
        (44.98, -93.27, True),  # Minneapolis
        (27.95, -82.46, True),  # Tampa
        (43.65, -79.38, False),  # Toronto
        (25.0, -90.0, False),  # Gulf of Mexico
        (19.43, -99.13, False),  # Mexico City
        (43.5, -87.0, False),  # Lake Michigan
        (61.2, -149.9, False),  # Anchorage
        (np.nan, -100.0, False),
    ],
)
def test_known_places_are_on_the_right_side_of_the_border(latitude, longitude, inside):
    assert bool(contains(latitude, longitude)) is inside


def test_states_have_about_their_published_area():
    # Total or land area in square kilometres (U.S. Census Bureau), chosen where shoreline does not matter.
    for state, area in {"Colorado": 269_601, "Kansas": 213_100, "Wyoming": 253_335, "Iowa": 145_746}.items():
        x, y = project(*state_polygons()[state][0].T)
        shoelace = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        assert shoelace == pytest.approx(area, rel=0.01), state


def test_the_nation_is_the_union_of_its_states():
    rng = np.random.default_rng(3)
    lat, lon = rng.uniform(24, 50, 300), rng.uniform(-126, -66, 300)
    union = np.zeros(300, dtype=bool)
    for polygon in state_polygons().values():
        for ring in polygon:
            union |= np.array([_brute_force_inside(a, b, ring) for a, b in zip(lat, lon, strict=True)])
    assert 100 < union.sum() < 250
    np.testing.assert_array_equal(contains(lat, lon), union)


def _brute_force_inside(latitude, longitude, ring):
    """The winding number: the angles under which the edges are seen add up to a full turn."""
    delta = ring - [latitude, longitude]
    angle = np.arctan2(delta[:, 0], delta[:, 1])
    turn = np.diff(np.append(angle, angle[0]))
    return abs(((turn + np.pi) % (2 * np.pi) - np.pi).sum()) > np.pi


def test_contains_broadcasts_and_keeps_the_shape():
    grid = contains(np.linspace(25, 49, 7)[:, None], np.linspace(-120, -70, 5)[None, :])
    assert grid.shape == (7, 5)
    assert contains([], []).shape == (0,)


def test_projection_agrees_with_the_worked_example_of_snyder():
    # Snyder 1987, p. 291: the sphere of radius 1, 35 N 75 W, origin 23 N 96 W gives x 0.2952720, y 0.2416774.
    x, y = project(35.0, -75.0)
    _, y_origin = project(23.0, -96.0)
    assert x / EARTH_RADIUS == pytest.approx(0.2952720, abs=1e-6)
    assert (y - y_origin) / EARTH_RADIUS == pytest.approx(0.2416774, abs=1e-6)


@given(LATITUDES, LONGITUDES)
def test_projection_keeps_areas(latitude, longitude):
    step = 1e-4
    x, y = project([latitude, latitude + step, latitude], [longitude, longitude, longitude + step])
    area = abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]))
    sphere = (EARTH_RADIUS * np.radians(step)) ** 2 * np.cos(np.radians(latitude))
    assert area == pytest.approx(sphere, rel=1e-3)
