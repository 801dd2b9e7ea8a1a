import json

import numpy as np
import pandas as pd
import pytest

from isogloss.cli.auditing import audit_utterances as audit
from isogloss.cohorts.halves import choosing_half
from isogloss.errors import TableError
from isogloss.judging.intake import Request
from isogloss.report.document_page import render_document as render


@pytest.fixture
def many(make):
    return make(speakers=240, utterances=3)


def test_a_speaker_is_in_one_half_which_depends_on_the_seed_and_not_on_the_rows(many):
    speakers = many["speaker_id"]
    half = choosing_half(speakers, seed=1)
    assert (pd.Series(half).groupby(speakers.to_numpy()).nunique() == 1).all()
    assert 0.35 < half.mean() < 0.65
    order = np.random.default_rng(1).permutation(len(speakers))
    assert (choosing_half(speakers.iloc[order], seed=1) == half[order]).all()
    assert (choosing_half(speakers, seed=2) != half).any()


def test_planted_regions_are_found_and_judged_on_speakers_who_had_no_part_in_it(save, many, quick):
    document = audit(Request(table=save(many), discover=("geographic",), statistics=quick)).document
    (grouping,) = document.groupings
    worst = grouping.cohorts[0]
    south, _, north, _ = grouping.regions[0].rectangles[0]
    assert worst.discovery_rank == 1 and worst.rest.worse and south < 46 < north and south > 40
    judged = many[~choosing_half(many["speaker_id"], seed=quick.seed)]
    assert grouping.speakers == judged["speaker_id"].nunique() == sum(c.speakers for c in grouping.cohorts)
    north_rows = judged[judged["part"] == "north"]
    errors = (north_rows["hyp"].str.count("x")).sum()
    assert worst.before == pytest.approx(errors / (8 * len(north_rows)))


def test_no_disparity_is_rarely_found_where_there_is_none(save, make, quick):
    found = []
    for seed in range(12):
        table = make(speakers=150, utterances=2, worst="nobody", seed=seed)
        grouping = audit(
            Request(table=save(table), discover=("geographic",), statistics=quick, max_cohorts=4)
        ).document.groupings[0]
        found.append(bool(grouping.worse_cohorts))
    assert sum(found) <= 3  # of 12 at a level of 5 %: more has a probability of 0.002


def test_every_output_says_how_cohorts_were_chosen(save, many, quick):
    document = audit(Request(table=save(many), discover=("geographic",), statistics=quick)).document
    assert document.groupings[0].split == "reporting half of the speakers"
    assert "One half chose and ranked these cohorts" in render(document)


def test_voices_are_clustered_and_no_embedding_leaves_the_audit(tmp_path, save, many, quick):
    rng = np.random.default_rng(1)
    centre = {"north": [10.0, 0, 0], "south": [0, 10.0, 0], "west": [0, 0, 10.0]}
    vectors = [(np.array(centre[part]) + rng.normal(0, 0.3, 3)).round(6).tolist() for part in many["part"]]
    pd.DataFrame({"utterance_id": many["utterance_id"], "vector": vectors}).to_parquet(tmp_path / "e.parquet")
    request = Request(
        table=save(many), discover=("automatic",), embeddings=tmp_path / "e.parquet", statistics=quick, max_cohorts=4
    )
    document = audit(request).document
    (grouping,) = document.groupings
    assert [c.rest.worse for c in grouping.cohorts] == [True, False, False]
    text = json.dumps(document.content()) + render(document)
    written = {str(number) for vector in vectors for number in vector if number > 5}  # no figure is as large
    assert not [number for number in written if len(number) >= 8 and number in text]


def test_embeddings_of_others_and_of_unequal_length_are_refused(tmp_path, save, many, quick):
    def refusal(frame: pd.DataFrame) -> str:
        frame.to_parquet(tmp_path / "e.parquet")
        with pytest.raises(TableError) as caught:
            audit(Request(table=save(many), discover=("automatic",), embeddings=tmp_path / "e.parquet"))
        return str(caught.value)

    assert "none of its speaker_ids is among ours" in refusal(pd.DataFrame({"speaker_id": ["q"], "vector": [[1.0]]}))
    unequal = pd.DataFrame({"speaker_id": ["s001", "s002"], "vector": [[1.0], [1.0, 2.0]]})
    assert "e.parquet, row 2: 'vector' is not a list of 1 numbers" in refusal(unequal)
    assert "column 'vector' is missing" in refusal(pd.DataFrame({"speaker_id": ["s001"], "vec": [[1.0]]}))
    assert "no number of a possible size" in refusal(pd.DataFrame({"speaker_id": ["s001"], "vector": [[float("nan")]]}))


def test_demography_of_zip_codes_finds_the_planted_side(save, many, quick):
    codes = many["part"].map({"north": "01001", "south": "01002", "west": "01003"})
    zips = save(
        pd.DataFrame({"zcta": ["01001", "01002", "01003"], "name": list("abc"), "percent_x": [80, 10, 20]}), "zips.csv"
    )
    request = Request(table=save(many.assign(zip=codes)), discover=("geodemographic",), zips=zips, statistics=quick)
    (grouping,) = audit(request).document.groupings
    assert [(c.label, c.rest.worse) for c in grouping.cohorts] == [
        ("ZIPs with percent x above 50", True),
        ("ZIPs with percent x at most 50", False),
    ]


def test_crossed_attributes_are_ranked_on_the_half_that_chooses(save, many, quick):
    request = Request(table=save(many), by=("part", "gender"), discover=("attribute",), statistics=quick)
    grouping = audit(request).document.groupings[-1]
    assert grouping.discovered and "part = north" in grouping.cohorts[0].label


def test_too_few_speakers_to_be_halved_are_refused(save, table, quick):
    with pytest.raises(TableError, match="of 60 speakers one half chooses"):
        audit(Request(table=save(table), discover=("geographic",), statistics=quick))


def test_slices_are_searched_on_one_half_and_judged_on_the_other(save, many, quick):
    noisy = np.random.default_rng(5).permutation(np.arange(len(many)) % 2 == 0)
    table = many.assign(
        snr_db=np.where(noisy, 5.0, 25.0) + np.arange(len(many)) % 7,
        device=np.where(many["part"] == "north", "phone", "car"),
        hyp=many["hyp"].where(~noisy, many["hyp"] + " and and and"),
    )
    document = audit(Request(table=save(table), discover=("slices",), statistics=quick)).document
    (grouping,) = document.groupings
    first = next(cohort for cohort in grouping.cohorts if cohort.discovery_rank == 1)
    assert "snr_db at most" in first.label or "device = phone" in first.label
    assert first.rest.worse
    judged = table[~choosing_half(table["speaker_id"], seed=quick.seed)]
    assert grouping.speakers == judged["speaker_id"].nunique()


def test_slices_of_a_table_with_ids_and_texts_alone_are_refused(save, many, quick):
    bare = many[["utterance_id", "speaker_id", "ref", "hyp"]]
    with pytest.raises(TableError, match="has no column beside ids and texts; give attributes or measures"):
        audit(Request(table=save(bare), discover=("slices",), statistics=quick))


def test_a_planted_region_holds_in_most_divisions_and_all_outputs_say_so(save, many, quick):
    request = Request(table=save(many), discover=("geographic",), divisions=9, statistics=quick)
    document = audit(request).document
    found = document.groupings[0].divisions
    assert found.divisions == 9 and found.higher == found.judged >= 7 and found.p < 0.01
    assert found.tenths[0] <= found.ratio <= found.tenths[1]
    once = audit(Request(table=save(many), discover=("geographic",), statistics=quick)).document.groupings[0]
    assert once.cohorts == document.groupings[0].cohorts and once.divisions is None
    page = " ".join(render(document).split())
    assert f"was worse on the other half {found.judged} times. It had {found.ratio:.2f} times the rate" in page


def test_the_p_value_over_divisions_is_rarely_small_where_there_is_no_disparity(save, make, quick):
    found = []
    for seed in range(12):
        table = make(speakers=150, utterances=2, worst="nobody", seed=seed)
        request = Request(table=save(table), discover=("slices",), divisions=7, statistics=quick, max_cohorts=4)
        try:
            found.append(audit(request).document.groupings[0].divisions.p)
        except TableError:
            found.append(1.0)  # the first division found a single cohort
    assert sum(p <= 0.05 for p in found) <= 2
