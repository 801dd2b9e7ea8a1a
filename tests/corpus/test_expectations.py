"""The gate lets a sound table through, stops each flaw by name, and shows nobody's data."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from isogloss.config import ValidationParams
from isogloss.corpus.expectations import rules
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.corpus.gate import SOUND_COLUMNS, effective_speakers, validate, validate_utterances
from isogloss.errors import ParamsError, TableError
from isogloss.report.validation import write_validation_page
from isogloss.tables import METADATA_COLUMNS, SPLITS, conform, write_parquet

PARAMS = ValidationParams(min_speakers=4)
ALPHABET = "abcdefghijklmnopqrstuvwxyz' "


def sound_table() -> pd.DataFrame:
    """Five speakers a split, two utterances each; train and adapt share theirs, every other speaker has no position."""
    rows = []
    for split in SPLITS:
        for number in range(5):
            speaker = f"speaker-{'train' if split == 'adapt' else split}-{number}"
            position = (40.0 + number, -90.0) if number % 2 else (np.nan, np.nan)
            for take in range(2):
                rows.append(
                    {
                        "utterance_id": f"utterance-{split}-{number}-{take}",
                        "speaker_id": speaker,
                        "split": split,
                        "weight": 0.5 if number == 0 else 1.125,
                        "ref": "play bear's song",
                        "words": 3,
                        "duration_s": 2.0,
                        "latitude": position[0],
                        "longitude": position[1],
                        "zip": f"9875{number}",
                        "gender": None,
                        "age": np.nan,
                        "accent": None,
                    }
                )
    return conform(pd.DataFrame(rows), METADATA_COLUMNS, where="the test's table")


def failures(table: pd.DataFrame) -> dict[str, tuple[int | None, int | None]]:
    """Unexpected and checked counts of the expectations that fail, by sentence."""
    summary = validate_utterances(table, PARAMS, alphabet=ALPHABET)
    assert summary["success"] == all(e["success"] for e in summary["expectations"])
    return {e["expectation"]: (e["unexpected"], e["checked"]) for e in summary["expectations"] if not e["success"]}


def test_a_sound_table_passes_every_expectation():
    summary = validate_utterances(sound_table(), PARAMS, alphabet=ALPHABET)
    assert summary["success"]
    assert (summary["utterances"], summary["speakers"]) == (50, 20)
    assert [e["expectation"] for e in summary["expectations"]] == [r.sentence for r in rules(PARAMS, ALPHABET)]
    assert summary == validate_utterances(sound_table(), PARAMS, alphabet=ALPHABET)


IDS = "ids are unique"
SPEAKERS = "no speaker is in two splits (train and adapt count as one)"
DURATION = "duration is above 0 and at most 30 s"
RATE = "speech has at most 10 words a second"
WORDS = "words is the number of words in ref"
CASE = "ref is in lower case"
SPACES = "ref is words with single spaces between them"


def test_a_recogniser_that_brings_its_vocabulary_is_not_held_to_the_corpus_characters():
    summary = validate_utterances(sound_table(), PARAMS, alphabet="x")
    assert not summary["success"]
    without = validate_utterances(sound_table(), PARAMS, alphabet=None)
    assert without["success"] and len(without["expectations"]) == len(summary["expectations"]) - 1


ALPHABETICAL = "ref is made of the characters of the token alphabet"
MEAN = "the speakers of a split have a mean weight within 0.1 of 1"

FLAWS = [
    ({"utterance_id": "utterance-test-4-1"}, [IDS]),
    ({"speaker_id": None}, ["speaker_id is known"]),
    ({"speaker_id": "speaker-test-4"}, [SPEAKERS]),
    ({"duration_s": 30.5}, [DURATION]),
    ({"duration_s": 0.29}, [RATE]),
    ({"duration_s": -1.0}, [DURATION, RATE]),
    ({"words": 4}, [WORDS]),
    ({"ref": "play beár song"}, [ALPHABETICAL]),
    ({"ref": "play  bear song"}, [SPACES]),
    ({"ref": "play bear song\n"}, [SPACES, ALPHABETICAL]),
    ({"ref": "Play bear song"}, [CASE, ALPHABETICAL]),
    ({"ref": ""}, [WORDS, SPACES, ALPHABETICAL]),
    ({"ref": None}, ["ref is known", WORDS]),
    (
        {"latitude": 91.0, "longitude": -181.0},
        ["latitude is from -90 to 90 degrees", "longitude is from -180 to 180 degrees"],
    ),
    ({"latitude": 40.0, "longitude": np.nan}, ["latitude and longitude are known together"]),
    ({"weight": 0.0}, ["weight is positive"]),
    ({"weight": None}, ["weight is known"]),
    ({"split": "dev2"}, ["split is one of train, adapt, discovery, dev, test"]),
]


def test_each_flaw_fails_what_it_should_and_nothing_else():
    table = sound_table()
    expected: Counter[str] = Counter()
    for row, (changes, failed) in enumerate(FLAWS):
        for column, value in changes.items():
            table.loc[row, column] = value
        expected.update(failed)
    expected[IDS] += 1  # the row whose id was copied
    expected[SPEAKERS] += 1  # the speaker of the row in an unknown split is in a known one too
    expected[MEAN] += 1  # of adapt, which has the weight of 0: (0.5 + 1.125 / 2 + 3 * 1.125) / 5 = 0.89
    found = failures(table)
    assert {sentence: unexpected for sentence, (unexpected, _) in found.items()} == expected
    assert found[IDS][1] == len(table)


def test_a_split_whose_speakers_do_not_weigh_one_on_average_fails():
    table = sound_table()
    table.loc[0, "weight"] = 9.0
    assert failures(table) == {MEAN: (1, 5)}


def test_a_split_with_too_few_speakers_or_none_fails():
    table = sound_table()
    few = table[~table["speaker_id"].isin(["speaker-dev-0", "speaker-dev-1"])]
    assert failures(few) == {
        "every split has at least 4 speakers": (1, 5),
        "the speakers of a split have a mean weight within 0.1 of 1": (1, 5),
    }
    assert failures(table[table["split"] != "dev"]) == {"every split has at least 4 speakers": (1, 5)}


def test_splits_and_columns_are_named_and_of_many_rows_the_first_ten():
    table = sound_table().assign(accent="a", duration_s=31.0)
    table = table[~table["speaker_id"].isin(["speaker-dev-0", "speaker-dev-1"])].reset_index(drop=True)
    summary = validate_utterances(table, PARAMS, alphabet=ALPHABET, columns=["accent"])
    places = {e["name"]: e["places"] for e in summary["expectations"] if not e["success"]}
    assert places == {
        "duration": list(range(10)),
        "split_speakers": ["dev"],
        "mean_weight": ["dev"],
        "effective_speakers": ["accent"],
    }


def test_an_empty_table_fails():
    assert "the table has rows" in failures(sound_table().iloc[:0])


def sound_of(table: pd.DataFrame) -> pd.DataFrame:
    """Recordings as they should be."""
    sound = pd.DataFrame({"utterance_id": table["utterance_id"], "level_db": -20.0, "peak": 0.4})
    return sound.assign(dc_offset=0.0, clipped_share=0.0, non_finite=0)[list(SOUND_COLUMNS)]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    write_parquet(sound_table(), folder / "utterances.parquet")
    write_parquet(sound_of(sound_table()), folder / "sound.parquet")
    Tokens.of([ALPHABET]).write(folder / "tokens.txt")
    return folder


def test_the_stage_leaves_its_mark_only_where_all_holds(data, tmp_path, capfd):
    output = tmp_path / "reports/validation.json"
    summary = validate(PARAMS, data=data, output=output, render=write_validation_page)
    assert json.loads(output.read_text()) == summary
    assert (data / "validated.txt").read_text() == f"{len(summary['expectations'])} expectations were checked\n"
    assert (tmp_path / "reports/validation/index.html").exists()
    table = sound_table()
    table.loc[0, "words"] = 4
    table.loc[1, "weight"] = 0.0
    write_parquet(table, data / "utterances.parquet")
    with pytest.raises(TableError) as raised:
        validate(PARAMS, data=data, output=output)
    assert str(raised.value) == (
        f"{data / 'utterances.parquet'}: 2 of {len(summary['expectations'])} expectations fail, the first: weight "
        f"is positive (1 of 50 rows); see {tmp_path / 'reports/validation/failed.json'}, correct "
        "the corpus or the thresholds"
    )
    assert not output.exists()
    assert not (data / "validated.txt").exists()
    assert json.loads((tmp_path / "reports/validation/failed.json").read_text())["success"] is False
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


def test_no_identifier_zip_or_transcript_leaves_the_gate(data, tmp_path):
    table = sound_table()
    table.loc[0, ["utterance_id", "ref", "weight"]] = ["utterance-test-4-1", "secret  words", -1.0]
    table.loc[3, "speaker_id"] = "speaker-test-4"
    write_parquet(table, data / "utterances.parquet")
    with pytest.raises(TableError) as raised:
        validate(PARAMS, data=data, output=tmp_path / "reports/validation.json", render=write_validation_page)
    pages = [path for path in (tmp_path / "reports").rglob("*") if path.suffix in (".html", ".json")]
    assert len(pages) == 2
    for text in [str(raised.value), *(path.read_text("utf-8") for path in pages)]:
        for private in ("speaker-test", "utterance-", "9875", "secret"):
            assert private not in text.replace(str(tmp_path), "")


def test_flaws_of_recordings_stop_or_warn():
    table = sound_table()
    sound = sound_of(table)
    for row, (column, value) in enumerate(
        [("non_finite", 3), ("peak", 1e-4), ("level_db", -70.0), ("clipped_share", 0.2), ("dc_offset", -0.2)]
    ):
        sound.loc[row, column] = value
    summary = validate_utterances(table, PARAMS, alphabet=ALPHABET, sound=sound)
    failed = {e["name"]: (e["severity"], e["unexpected"]) for e in summary["expectations"] if not e["success"]}
    assert failed == {
        "finite": ("stop", 1),
        "not_silent": ("stop", 1),
        "not_quiet": ("warn", 1),
        "not_clipped": ("warn", 1),
        "no_offset": ("warn", 1),
    }
    assert not summary["success"]


def test_params_decide_what_stops_and_what_warns():
    table = sound_table()
    table.loc[0, "words"] = 4
    lenient = ValidationParams(min_speakers=4, warn=["words"])
    assert validate_utterances(table, lenient, alphabet=ALPHABET)["success"]
    assert not validate_utterances(table, PARAMS, alphabet=ALPHABET)["success"]
    with pytest.raises(ParamsError, match=r"validation\.stop names 'wrods'; the expectations are alphabet, "):
        validate_utterances(table, ValidationParams(stop=["wrods"]), alphabet=ALPHABET)


def test_a_cohort_of_few_effective_speakers_warns():
    # Four equal speakers count as four; one who outweighs the others counts for almost all: (10+1+1+1)^2 / 103 = 1.64.
    table = sound_table()
    table["accent"] = np.where(table["speaker_id"].str.endswith(("0", "1", "2", "3")), "many", "one")
    table.loc[table["split"] == "test", "weight"] = 1.0
    assert effective_speakers(table, ["accent"])["effective"].tolist() == [4.0, 1.0]
    table.loc[table["speaker_id"] == "speaker-test-0", "weight"] = 10.0
    assert effective_speakers(table, ["accent"])["effective"].iloc[0] == pytest.approx(169 / 103)
    summary = validate_utterances(sound_table().assign(accent="a"), PARAMS, alphabet=ALPHABET, columns=["accent"])
    (entry,) = (e for e in summary["expectations"] if e["name"] == "effective_speakers")
    assert (entry["success"], entry["severity"], entry["unexpected"]) == (False, "warn", 1)
    assert summary["success"]


def test_the_speakers_that_a_power_takes_are_those_of_statsmodels():
    from statsmodels.stats.power import NormalIndPower

    params = ValidationParams(detectable=0.1, power=0.8, speaker_sd=0.15)
    needed = NormalIndPower(ddof=0).solve_power(0.1 / 0.15, power=0.8, alpha=0.05, ratio=0)
    assert params.effective_speakers == int(np.ceil(needed))


TEN_FAULTS = {
    "finite": ("sound", 0, {"non_finite": 7}),
    "not_silent": ("sound", 1, {"peak": 0.0}),
    "not_clipped": ("sound", 2, {"clipped_share": 0.4}),
    "ids_unique": ("utterances", 3, {"utterance_id": "utterance-test-4-1"}),
    "disjoint": ("utterances", 4, {"speaker_id": "speaker-test-4"}),
    "duration": ("utterances", 5, {"duration_s": 31.0}),
    "speech_rate": ("utterances", 6, {"duration_s": 0.1}),
    "words": ("utterances", 7, {"words": 9}),
    "alphabet": ("utterances", 8, {"ref": "play bearß song"}),
    "coordinates": ("utterances", 9, {"latitude": 40.0, "longitude": np.nan}),
}
"""Ten planted faults, by the expectation that finds each."""


def test_ten_planted_faults_are_found_each_by_its_expectation_and_shown_on_the_page(data, tmp_path):
    tables = {"utterances": sound_table(), "sound": sound_of(sound_table())}
    for name, row, changes in TEN_FAULTS.values():
        for column, value in changes.items():
            tables[name].loc[row, column] = value
    for name, table in tables.items():
        write_parquet(table, data / f"{name}.parquet")
    with pytest.raises(TableError, match=r"9 of \d+ expectations fail"):
        validate(PARAMS, data=data, output=tmp_path / "reports/validation.json", render=write_validation_page)
    failed = json.loads((tmp_path / "reports/validation/failed.json").read_text())
    assert {e["name"] for e in failed["expectations"] if not e["success"]} == set(TEN_FAULTS)
    # Each is found by its row; of an id or a speaker that two rows share, both are named.
    places = {e["name"]: e["places"] for e in failed["expectations"] if not e["success"]}
    assert places == {name: [row] for name, (_, row, _) in TEN_FAULTS.items()} | {
        "ids_unique": [3, 49],
        "disjoint": [4, 48],
    }
    page = (tmp_path / "reports/validation/index.html").read_text()
    assert "9 of 29 expectations fail and stop the run; 1 warns" in page
    assert page.count('<span class="tag few">warns</span>') == 2
    for rows in (*(f"row {row} of" for row in (0, 1, 2, 5, 6, 7, 8, 9)), "rows 3 and 49 of", "rows 4 and 48 of"):
        assert page.count(f"{rows} data/utterances.parquet") == 1
    assert "http" not in page.replace("http-equiv", "") and "<script" not in page


@pytest.mark.parametrize("unit", ["words", "pieces"])
def test_letters_that_tokens_lack_pass_where_tokens_have_one_for_what_they_cannot_spell(data, tmp_path, unit):
    table = sound_table()
    rare = table["ref"].copy()
    rare.iloc[-1] = rare.iloc[-1].replace(rare.iloc[-1][0], "ß", 1)
    write_parquet(table.assign(ref=rare), data / "utterances.parquet")
    output = tmp_path / "reports/validation.json"
    with pytest.raises(TableError, match="characters of the token alphabet"):
        validate(PARAMS, data=data, output=output)
    Tokens.of(table["ref"], unit=unit, pieces=20).write(data / "tokens.txt")
    assert validate(PARAMS, data=data, output=output)["success"]
