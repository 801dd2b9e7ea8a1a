import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isogloss.cohorts.attribute import AttributeParams
from isogloss.cohorts.automatic import AutomaticParams
from isogloss.cohorts.discovery import discover, write_discovery
from isogloss.cohorts.geodemographic import GeodemographicParams
from isogloss.cohorts.geographic import GeographicParams
from isogloss.cohorts.registry import allowed_rules, build_rule, load_rule
from isogloss.config import Params, StatisticsParams
from isogloss.errors import ParamsError, TableError
from isogloss.tables import ASSIGNMENT_COLUMNS, read_json, write_parquet

PARAMS = Params(
    geographic=GeographicParams(max_leaves=12, min_speakers=8, min_words=50),
    attribute=AttributeParams(columns=["age_band"]),
    statistics=StatisticsParams(resamples=200, min_speakers=10),
)


COLUMNS = {"geographic": ["latitude", "longitude"], "attribute": ["age_band"]}


def inputs_of(country, rule):
    return country[["utterance_id", "speaker_id", "split", *COLUMNS[rule]]]


def run(rule, country, params=PARAMS):
    results = country[country["split"].isin(["discovery", "dev", "test"])]
    return discover(rule, params, inputs_of(country, rule), results, where="results.parquet")


@pytest.mark.parametrize("rule", ["geographic", "attribute"])
def test_every_row_of_every_split_is_assigned_and_ranked(rule, country):
    discovery = run(rule, country)
    assignments = discovery.assignments
    assert assignments["utterance_id"].tolist() == country["utterance_id"].tolist()
    assert {name: str(dtype) for name, dtype in assignments.dtypes.items()} == ASSIGNMENT_COLUMNS
    ranks = {entry["cohort"]: entry["wer_rank"] for entry in discovery.summary["cohorts"]}
    assert sorted(ranks.values()) == list(range(1, len(ranks) + 1))
    assert (assignments["wer_rank"] == assignments["cohort"].map(ranks)).all()


def test_figures_of_a_cohort_are_those_of_its_rows_with_population_weights(country):
    country["weight"] = np.where(country["southwest"], 0.2, 1.5) * (1 + country["latitude"] % 2)
    discovery = run("geographic", country)
    rows = country.merge(discovery.assignments[["utterance_id", "cohort"]], on="utterance_id")
    here = rows[rows["split"] == "discovery"]
    wers = []
    for entry in discovery.summary["cohorts"]:
        mine = here[here["cohort"] == entry["cohort"]]
        wer = (mine["weight"] * mine["substitutions"]).sum() / (mine["weight"] * mine["words"]).sum()
        figures = entry["discovery"]
        wers.append(figures["wer"])
        assert figures["wer"] == pytest.approx(wer)
        assert (figures["utterances"], figures["words"]) == (len(mine), mine["words"].sum())
        assert figures["speakers"] == mine["speaker_id"].nunique() == entry["speakers_by_split"]["discovery"]
        weight_S = mine.groupby("speaker_id")["weight"].first()
        effective = weight_S.sum() ** 2 / (weight_S**2).sum()
        assert figures["effective_speakers"] == pytest.approx(effective)
        assert figures["ci95"] is None or effective >= 10
        assert figures["ci95"] is None or figures["ci95"][0] <= wer <= figures["ci95"][1]
    assert wers == sorted(wers, reverse=True)
    assert discovery.summary["worst"] == [entry["cohort"] for entry in discovery.summary["cohorts"]]


def test_population_weights_do_not_hide_a_rare_region_from_the_tree(country):
    country["weight"] = np.where(country["southwest"], 1e-3, 1.0)
    params = PARAMS.model_copy(update={"geographic": GeographicParams(max_leaves=4, min_speakers=8, min_words=50)})
    discovery = run("geographic", country, params)
    rows = country.merge(discovery.assignments, on=["utterance_id", "speaker_id"])
    assert rows.loc[rows["wer_rank"] == 1, "southwest"].mean() > 0.9


def test_only_discovery_decides(country):
    changed = country.copy()
    elsewhere = changed["split"] != "discovery"
    changed.loc[elsewhere, "substitutions"] = changed.loc[elsewhere, "words"]
    assert run("geographic", changed).rule.to_json() == run("geographic", country).rule.to_json()
    assert run("attribute", changed).summary == run("attribute", country).summary


def test_cohorts_that_discovery_does_not_have_come_last(country):
    country.loc[country["split"] == "discovery", "age_band"] = "65+"
    summary = run("attribute", country).summary
    assert [entry["cohort"] for entry in summary["cohorts"]] == ["age_band=65+", "age_band=18-29", "unspecified"]
    assert summary["worst"] == ["age_band=65+"]
    last = summary["cohorts"][-1]
    assert last["discovery"] == {
        **dict.fromkeys(("speakers", "utterances", "words", "effective_speakers"), 0),
        "wer": None,
        "ci95": None,
    }
    assert last["colour_class"] is None and last["speakers_by_split"]["test"] > 0


@pytest.mark.parametrize("rule", ["geographic", "attribute"])
def test_what_is_written_can_be_applied_again_and_is_the_same_bytes(rule, country, tmp_path):
    write_discovery(run(rule, country), tmp_path / "one")
    write_discovery(run(rule, country), tmp_path / "two")
    for name in ("rule.json", "assignments.parquet", "summary.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    written = pd.read_parquet(tmp_path / "one" / "assignments.parquet")
    again = load_rule(tmp_path / "one" / "rule.json").predict(country[COLUMNS[rule]])
    assert written["cohort"].tolist() == again.tolist()
    assert json.loads((tmp_path / "one" / "summary.json").read_text())["rule"] == rule


def test_utterances_without_reference_words_count_their_insertions(country):
    empty = country.assign(utterance_id="e" + country["utterance_id"], words=0, substitutions=0, insertions=1)
    both = pd.concat([country, empty], ignore_index=True)
    assert run("geographic", both).rule.to_json() == run("geographic", country).rule.to_json()
    wer = [entry["discovery"]["wer"] for entry in run("geographic", both).summary["cohorts"]]
    assert min(wer) > 1 / 6


@pytest.mark.parametrize("change", [{"latitude": np.nan}, {"longitude": np.nan}])
def test_a_corpus_without_positions_is_told_which_rules_it_allows(country, change):
    with pytest.raises(
        TableError,
        match=r"'geographic' cannot be used: no row has latitude and longitude.*attribute, automatic, slices ",
    ):
        run("geographic", country.assign(**change))


def test_a_missing_attribute_is_named(country):
    params = PARAMS.model_copy(update={"attribute": PARAMS.attribute.model_copy(update={"columns": ["accent"]})})
    with pytest.raises(TableError, match="there is no column 'accent'; this corpus allows automatic, geographic"):
        discover("attribute", params, inputs_of(country, "geographic"), country, where="results.parquet")
    assert allowed_rules(country, params) == ["automatic", "geographic", "slices"]


@pytest.mark.parametrize("zips", [None, np.nan])
def test_a_corpus_without_zips_is_told_which_rules_it_allows(country, zips):
    results = country if zips is None else country.assign(zip=zips)
    inputs = country[["utterance_id", "speaker_id", "split"]]
    message = (
        r"'geodemographic' cannot be used: (there is no column 'zip'|no row has zip).*allows attribute, automatic, "
    )
    with pytest.raises(TableError, match=message):
        discover("geodemographic", PARAMS, inputs, results, where="results.parquet")


def test_a_corpus_with_zips_but_without_their_table_is_told_so(country):
    with pytest.raises(
        TableError, match=r"its inputs hold identifiers alone.*attribute, automatic, geographic, slices "
    ):
        discover(
            "geodemographic", PARAMS, country[["utterance_id", "speaker_id", "split"]], country.assign(zip="01000")
        )


def test_an_attribute_that_the_table_of_zips_lacks_is_named(country):
    inputs = country[["utterance_id", "speaker_id", "split"]].assign(percent_whit=50.0)
    with pytest.raises(TableError, match="'percent_white' is missing; did you mean 'percent_whit'"):
        discover("geodemographic", PARAMS, inputs, country.assign(zip="01000"))


def voices(country, *, seed=0):
    """Embeddings in which the south-west sounds different."""
    rng = np.random.default_rng(seed)
    speakers = country["speaker_id"].unique()
    voice = pd.DataFrame(rng.normal(0, 1, (len(speakers), 6)), index=speakers)
    voice[0] += country.drop_duplicates("speaker_id").set_index("speaker_id")["southwest"].map({True: 9.0, False: -9.0})
    vectors = voice.loc[country["speaker_id"]].reset_index(drop=True).add_prefix("e")
    vectors += rng.normal(0, 0.3, vectors.shape)  # no utterance sounds like another of the same speaker
    return country[["utterance_id", "speaker_id", "split"]].join(vectors)


def test_voices_that_differ_are_found_and_ranked(country):
    params = PARAMS.model_copy(update={"automatic": AutomaticParams(n_clusters=2)})
    found = discover("automatic", params, voices(country), country)
    worst = found.assignments.merge(country, on=["utterance_id", "speaker_id"]).query("wer_rank == 1")
    assert worst["southwest"].mean() > 0.95
    assert [entry["label"] for entry in found.summary["cohorts"]] == ["voice group 1", "voice group 2"]


def test_zips_whose_people_are_served_worse_are_found(country):
    rng = np.random.default_rng(1)
    share = np.where(country["southwest"], rng.uniform(55, 90, len(country)), rng.uniform(0, 45, len(country)))
    inputs = country[["utterance_id", "speaker_id", "split"]].assign(percent_hispanic=share, median_age=40.0)
    section = GeodemographicParams(attributes=["percent_hispanic", "median_age"], min_speakers=8, min_words=50)
    params = PARAMS.model_copy(update={"geodemographic": section})
    found = discover("geodemographic", params, inputs, country.assign(zip="01000"))
    assert found.summary["worst"] == ["percent_hispanic>50", "others"]
    assert found.summary["cohorts"][0]["label"] == "ZIPs with percent hispanic above 50"


def test_swapped_coordinates_are_recognised(country):
    swapped = country.rename(columns={"latitude": "longitude", "longitude": "latitude"})
    with pytest.raises(TableError, match="seem to be swapped"):
        run("geographic", swapped)


def test_an_impossible_coordinate_is_shown_with_its_utterance(country):
    country.loc[5, "longitude"] = 361.0
    with pytest.raises(TableError, match="longitude of utterance 'u00005' is 361, beyond ±180 degrees"):
        run("geographic", country)


def test_utterances_that_do_not_match_are_counted_and_shown(country):
    first = country.index[country["split"] == "discovery"][:2]
    with pytest.raises(TableError, match=r"2 utterances of discovery have no row in results\.parquet, for instance 'u"):
        discover("geographic", PARAMS, inputs_of(country, "geographic"), country.drop(first), where="results.parquet")
    with pytest.raises(TableError, match=r"2 utterances of results\.parquet are not among"):
        discover("geographic", PARAMS, inputs_of(country.drop(first), "geographic"), country, where="results.parquet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[t["split"] != "discovery"], "no row has split 'discovery'"),
        (lambda t: t.assign(words=0), "hold no word"),
        (lambda t: t.assign(utterance_id="u"), "occurs twice"),
        (lambda t: t.rename(columns={"words": "word"}), "'words' is missing; did you mean 'word'"),
    ],
)
def test_results_that_cannot_be_used_are_refused_in_a_sentence(country, change, message):
    with pytest.raises(TableError, match=message):
        discover("geographic", PARAMS, inputs_of(country, "geographic"), change(country), where="results.parquet")


def test_params_build_the_rules_they_describe():
    tree = build_rule("geographic", Params(geographic=GeographicParams(max_leaves=5, min_speakers=3, min_words=7)))
    assert (tree.max_leaves, tree.min_speakers, tree.min_words) == (5, 3, 7)
    assert build_rule("attribute", PARAMS).columns == ["age_band"]
    with pytest.raises(ParamsError, match=r"no cohort rule 'weather'; known are attribute, .*geographic"):
        build_rule("weather", Params())


@pytest.mark.parametrize("content", ["[]", '{"rule": "weather"}', '{"rule": ["x"]}', '{"rule": "geographic"}'])
def test_files_that_hold_no_rule_are_refused(content, tmp_path):
    (tmp_path / "rule.json").write_text(content)
    with pytest.raises(TableError, match=r"rule\.json"):
        load_rule(tmp_path / "rule.json")


def test_an_attribute_that_the_inputs_do_not_offer_is_named(country):
    params = PARAMS.model_copy(update={"attribute": PARAMS.attribute.model_copy(update={"columns": ["latitude"]})})
    with pytest.raises(TableError, match="the inputs of attribute: column 'latitude' is missing; it has utterance_id"):
        discover("attribute", params, inputs_of(country, "attribute"), country)


def test_regions_have_rectangles_and_other_cohorts_no_geometry(country):
    country.loc[:30, "latitude"] = np.nan
    geometries = {e["cohort"]: e["geometry"] for e in run("geographic", country).summary["cohorts"]}
    assert geometries.pop("unspecified") is None
    assert all(len(rectangle) == 4 for geometry in geometries.values() for rectangle in geometry["rectangles"])
    assert {e["geometry"] for e in run("attribute", country).summary["cohorts"]} == {None}


ALL_RULES = Params(
    geodemographic=GeodemographicParams(attributes=["percent_black", "median_age"], min_speakers=10, min_words=50),
    automatic=AutomaticParams(n_clusters=2),
    statistics=PARAMS.statistics,
)


def test_a_partition_of_zips_is_discovered_from_joined_attributes(country, tmp_path):
    params = ALL_RULES
    rng = np.random.default_rng(0)
    inputs = country[["utterance_id", "speaker_id", "split"]].assign(
        percent_black=np.where(country["southwest"], 70.0, 20.0), median_age=rng.normal(40, 5, len(country))
    )
    discovery = discover("geodemographic", params, inputs, country.assign(zip="60601"))
    write_discovery(discovery, tmp_path / "geodemographic")
    worst = discovery.summary["cohorts"][0]
    assert worst["label"].startswith("ZIPs with percent black above 50") and worst["geometry"] is None
    again = load_rule(tmp_path / "geodemographic" / "rule.json")
    assert again.predict(inputs[["percent_black", "median_age"]]).tolist() == discovery.assignments["cohort"].tolist()
    with pytest.raises(TableError, match=r"no row has zip; this corpus allows attribute, automatic, geographic"):
        discover("geodemographic", params, inputs, country.assign(zip=None))


def test_voices_are_discovered_from_embeddings(country, tmp_path):
    params = ALL_RULES
    rng = np.random.default_rng(0)
    side = np.where(country["southwest"], 1.0, -1.0)[:, None]
    embeddings = side * [1.0, 0.0, 0.0] + rng.normal(0, 0.5, (len(country), 3))
    inputs = country[["utterance_id", "speaker_id", "split"]].join(pd.DataFrame(embeddings, columns=["e0", "e1", "e2"]))
    discovery = discover("automatic", params, inputs, country)
    write_discovery(discovery, tmp_path / "automatic")
    rows = country.merge(discovery.assignments, on=["utterance_id", "speaker_id"])
    assert (rows.groupby("speaker_id")["cohort"].nunique() == 1).all()
    assert ((rows["cohort"] == "voice-01") == rows["southwest"]).mean() > 0.95
    assert load_rule(tmp_path / "automatic" / "rule.json").to_json() == discovery.rule.to_json()
    with pytest.raises(TableError, match="hold identifiers alone"):
        discover("automatic", params, inputs[["utterance_id", "speaker_id", "split"]], country)
    too_many = params.model_copy(update={"automatic": AutomaticParams(n_clusters=5000)})
    with pytest.raises(TableError, match="'automatic' cannot be fitted to its inputs: n_clusters is 5000"):
        discover("automatic", too_many, inputs, country)


def test_the_log_of_the_stage_tells_nothing_of_a_cohort(country, tmp_path, monkeypatch, capfd):
    """As `python stages/discover.py attribute` runs in a repository; what it prints reaches Prefect's pages."""
    country.loc[country["speaker_id"] == country["speaker_id"].iloc[0], "age_band"] = "the only one"
    root = Path(__file__).parents[2]
    write_parquet(inputs_of(country, "attribute"), tmp_path / "data/cohort_inputs/attribute.parquet")
    results = country[country["split"].isin(["discovery", "dev", "test"])]
    write_parquet(results, tmp_path / "results/asr/base/utterances.parquet")
    (tmp_path / "params.yaml").write_text(
        "attribute: {columns: [age_band]}\ncohorts: {rules: [attribute]}\nmitigation: {rule: attribute}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["stages/discover.py", "attribute"])
    runpy.run_path(str(root / "stages/discover.py"), run_name="__main__")
    cohorts = read_json(tmp_path / "cohorts/attribute/summary.json")["cohorts"]
    said = f"{len(cohorts)} cohorts; cohorts/attribute/summary.json has their sizes and error rates\n"
    assert capfd.readouterr().out == said
