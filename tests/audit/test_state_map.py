"""An audit by states draws them, in the colours of their rates, and nothing where cohorts are something else."""

import numpy as np
import pytest

from isogloss.cli.auditing import audit_utterances
from isogloss.geography import POSTAL_CODES, state_named, state_polygons
from isogloss.judging.intake import Request
from isogloss.report.map import region_map

from .conftest import QUICK, results

PARTS = {"north": "MN", "south": "TX", "west": "UT"}


@pytest.fixture
def drawn(tmp_path):
    """The map of an audit by a column, made from the parts of the speakers."""

    def draw(names, **options):
        table = results(worst="south")
        table["home"] = table["part"].map(names) if isinstance(names, dict) else names(table)
        table.to_csv(tmp_path / "table.csv", index=False)
        found = audit_utterances(Request(table=tmp_path / "table.csv", by=("home",), statistics=QUICK, **options))
        return region_map(found.document.groupings[0], {}, names=["base"], metric="WER")

    return draw


def test_every_state_that_is_drawn_has_a_postal_code_of_its_own():
    assert set(state_polygons()) | {"Alaska", "Hawaii"} == set(POSTAL_CODES)
    assert len(set(POSTAL_CODES.values())) == len(POSTAL_CODES) == 51
    assert [state_named(code) for code in POSTAL_CODES.values()] == list(POSTAL_CODES)


@pytest.mark.parametrize("names", [PARTS, {"north": "minnesota", "south": " Texas", "west": "Utah"}])
def test_states_are_drawn_by_code_or_name_and_the_worst_is_darkest_and_outlined(drawn, names):
    atlas = drawn(names)
    assert atlas.of_states
    shades = {shade.region.number: shade for shade in atlas.panels[0].shades}
    assert set(shades) == set(PARTS.values())
    assert shades["TX"].step > max(shades["MN"].step, shades["UT"].step)
    assert [code for code, shade in shades.items() if shade.region.marked] == ["TX"]
    assert shades["TX"].title.startswith("Texas: ")
    places = {code: shade.region.label_at for code, shade in shades.items()}
    assert places["UT"][0] < places["TX"][0] < places["MN"][0]
    assert places["MN"][1] < places["UT"][1] < places["TX"][1]


def test_a_state_of_few_speakers_has_no_colour(drawn):
    def homes(table):
        few = table["speaker_id"].isin(["s000", "s003", "s006"])
        fewer = table["speaker_id"].isin(["s001", "s004", "s007"])
        return np.select([few, fewer], ["KS", "OH"], table["part"].map(PARTS))

    assert {shade.region.number for shade in drawn(homes).panels[0].shades} <= set(PARTS.values())


@pytest.mark.parametrize(
    "names",
    [
        {"north": "MN", "south": "TX", "west": "Ontario"},
        {"north": "MN", "south": "TX", "west": "TX"},
        {"north": "north", "south": "south", "west": "west"},
    ],
)
def test_other_cohorts_have_no_map(drawn, names):
    assert drawn(names) is None


def test_one_state_under_two_names_has_no_map(drawn):
    assert (
        drawn(
            lambda table: (
                table["part"]
                .map(PARTS)
                .where(table["gender"] == "f", table["part"].map({"north": "MN", "south": "Texas", "west": "UT"}))
            )
        )
        is None
    )
