"""The map draws regions on the right side of the country, in the right colour, and no speaker."""

import re

import numpy as np
import pandas as pd
import pytest

from isogloss.report.inputs import read_inputs
from isogloss.report.map import region_map as draw
from isogloss.report.page import build_report


def region_map(rule):
    names = ["base", *rule.methods]
    return draw(rule.any_method, rule.methods, names=names, metric=rule.document.metric)


def change(repository, edit):
    for method in ("finetune", "ewc"):
        content = repository.rule(method)
        edit(content)
        repository.write_rule(method, content)


@pytest.fixture
def atlas(repository):
    return region_map(read_inputs(repository.root).rules["geographic"])


def points(path: str) -> np.ndarray:
    return np.array([[float(n) for n in pair.split(",")] for pair in re.findall(r"-?[\d.]+,-?[\d.]+", path)])


def test_a_rule_without_geometry_has_no_map(repository):
    assert region_map(read_inputs(repository.root).rules["attribute"]) is None
    build_report(repository.root)
    assert repository.page().count("Where the regions lie") == 1


def test_there_is_one_map_for_each_system_with_all_regions(atlas):
    assert [panel.system for panel in atlas.panels] == ["base", "finetune", "ewc"]
    assert all(len(panel.shades) == 9 for panel in atlas.panels)


def test_the_country_fills_the_drawing_and_all_states_are_there(atlas):
    everything = np.concatenate([points(path) for path in atlas.land])
    assert len(atlas.land) == 49
    assert everything[:, 0].min() == pytest.approx(6, abs=0.1)
    assert everything[:, 0].max() == pytest.approx(atlas.width - 6, abs=0.1)
    assert everything[:, 1].min() >= 5.9 and everything[:, 1].max() <= atlas.height - 5.9


def test_west_is_left_and_north_is_up(atlas):
    places = {region.number: region.label_at for region in atlas.regions}
    assert places[7][0] < places[8][0] < places[4][0]  # mountains and coast, middle, New England
    assert places[7][1] < places[3][1] < places[1][1]  # north-west, middle west, south-west


def encloses(path: str, point: tuple[float, float]) -> bool:
    """Whether one of the rings of path data holds a point, by the even-odd rule."""
    for ring in path.split("M")[1:]:
        corners = points("M" + ring).tolist()
        inside = False
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
            if (y1 > point[1]) != (y2 > point[1]) and point[0] < x1 + (point[1] - y1) * (x2 - x1) / (y2 - y1):
                inside = not inside
        if inside:
            return True
    return False


def test_every_number_stands_on_the_land_of_its_own_region_alone(atlas):
    for region in atlas.regions:
        assert [r.number for r in atlas.regions if encloses(r.path, region.label_at)] == [region.number]
        assert any(encloses(state, region.label_at) for state in atlas.land)


def test_a_region_without_land_has_no_number(repository):
    change(repository, lambda content: content["regions"][0].update(rectangles=[[25.0, -124.0, 28.0, -119.0]]))
    atlas = region_map(read_inputs(repository.root).rules["geographic"])
    assert atlas.regions[0].label_at is None
    build_report(repository.root)


def test_a_region_of_several_rectangles_is_drawn_whole(repository):
    parts = [[24.0, -125.0, 34.1, -110.0], [24.0, -110.0, 34.1, -103.7]]
    change(repository, lambda content: content["regions"][0].update(rectangles=parts))
    atlas = region_map(read_inputs(repository.root).rules["geographic"])
    assert atlas.regions[0].path.count("M") == 2


def test_a_region_that_reaches_around_the_world_is_cut_to_the_map(repository):
    change(repository, lambda content: content["regions"][0].update(rectangles=[[-90.0, -180.0, 90.0, 180.0]]))
    atlas = region_map(read_inputs(repository.root).rules["geographic"])
    outline = points(atlas.regions[0].path)
    assert np.isfinite(outline).all()
    assert np.abs(outline).max() < 2 * atlas.width


def test_a_higher_rate_never_has_a_lighter_colour_on_any_map(atlas, repository):
    inputs = read_inputs(repository.root).rules["geographic"]
    shown = []
    for panel in atlas.panels:
        cohorts = inputs.any_method if panel.system == "base" else inputs.methods[panel.system]
        for shade in panel.shades:
            cohort = cohorts.cohort(shade.region.cohort)
            shown.append((cohort.before if panel.system == "base" else cohort.after, shade.step))
    steps = [step for _, step in sorted(shown)]
    assert steps == sorted(steps)
    assert steps[0] == 0 and steps[-1] >= 3


def test_the_colour_step_of_a_rate_is_the_one_between_its_limits_in_the_legend(atlas, repository):
    limits = [float(label) / 100 for label in atlas.legend]
    inputs = read_inputs(repository.root).rules["geographic"]
    for shade in atlas.panels[0].shades:
        rate = inputs.any_method.cohort(shade.region.cohort).before
        assert limits[shade.step] <= rate <= limits[shade.step + 1]


def test_a_region_whose_cohort_is_merged_has_no_colour(repository):
    merged = {"cohort": "other", "label": "1 small cohort", "discovery_rank": None}
    change(repository, lambda content: content["cohorts"][3].update(merged))
    atlas = region_map(read_inputs(repository.root).rules["geographic"])
    assert [shade.step is None for shade in atlas.panels[0].shades] == [i == 3 for i in range(9)]


def test_no_position_of_a_speaker_is_in_the_page(repository):
    build_report(repository.root)
    page = repository.page()
    metadata = pd.read_parquet(repository.root / "data/utterances.parquet")
    for value in [*metadata["latitude"].head(20), *metadata["longitude"].head(20)]:
        assert f"{value:.3f}" not in page
    assert not any(speaker in page for speaker in metadata["speaker_id"].unique())
