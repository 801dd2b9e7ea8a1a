from isogloss.cohorts.labels import label_rectangles


def test_whole_degrees_suffice_for_large_regions():
    assert label_rectangles([(24.6, -103.9, 31.4, -97.2)]) == ["25–31° N, 97–104° W"]


def test_regions_over_the_equator_and_the_meridian_name_both_sides():
    assert label_rectangles([(-10.0, -5.0, 20.0, 30.0)]) == ["10° S–20° N, 5° W–30° E"]
    assert label_rectangles([(-33.0, 100.0, -12.0, 120.0)]) == ["12–33° S, 100–120° E"]


def test_decimals_grow_until_regions_are_apart_and_none_is_a_line():
    labels = label_rectangles([(30.0, -100.0, 30.31, -90.0), (30.31, -100.0, 30.38, -90.0)])
    assert labels == ["30.0–30.3° N, 90.0–100.0° W", "30.3–30.4° N, 90.0–100.0° W"]
