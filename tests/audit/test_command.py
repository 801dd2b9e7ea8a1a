"""`isogloss audit` as its users call it."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from isogloss.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


def test_three_mistakes_in_a_table_made_by_hand_are_three_sentences(tmp_path):
    """A misnamed column, an utterance given twice, and a latitude off the globe: one after the other is put right."""
    mistakes = [
        "utterance_id,speaker,ref,hyp,latitude,longitude",
        "u1,anna,turn on the light,turn on the light,41.9,-87.6",
        "u2,ben,play some music,play sam music,29.8,-95.4",
        "u2,cara,stop,stop,40.7,-74.0",
        "u4,dan,what time is it,what time is it,141.9,-97.6",
    ]
    path = tmp_path / "by_hand.csv"

    def sentence(*arguments) -> str:
        path.write_text("\n".join(mistakes) + "\n")
        result = run(path, "--min-speakers", 1, "--out", tmp_path / "out", "--discover", "geographic", *arguments)
        assert result.exit_code == 2 and not (tmp_path / "out").exists() and result.stdout == ""
        return result.stderr.replace(str(tmp_path) + "/", "")

    assert sentence() == (
        "isogloss: by_hand.csv: there is no column of speakers, and the utterances of one speaker are alike, so an "
        "interval or test that takes them for independent claims differences that are not there; is it 'speaker'? then "
        "say --column speaker_id=speaker, or pass --speakers-unknown for figures without intervals\n"
    )
    assert sentence("--column", "speaker_id=speaker") == (
        "isogloss: by_hand.csv, row 3: utterance 'u2' occurs a second time (1 such rows, 'u2'); keep one row an "
        "utterance\n"
    )
    mistakes[3] = mistakes[3].replace("u2", "u3")
    assert sentence("--column", "speaker_id=speaker") == (
        "isogloss: by_hand.csv, row 4: latitude is 141.9, beyond ±90 degrees; correct it or leave it empty\n"
    )


def test_a_whole_run_writes_three_files_and_prints_a_table(tmp_path, save, table):
    result = run(
        save(table), "--by", "part", "--normalise", "lower,punctuation", "--out", tmp_path / "out", "--name", "mine"
    )
    assert result.exit_code == 0
    assert "mine fails north (part, 20 speakers)" in result.output
    assert "normalisation: lower, punctuation" in result.output
    assert json.loads((tmp_path / "out" / "fairness.json").read_text())["normalisation"] == ["lower", "punctuation"]


def test_without_cohorts_it_names_columns_that_could_tell_some_apart(save, table):
    result = run(save(table))
    assert result.exit_code == 0 and "columns that could tell cohorts apart (--by): part, gender, zip" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--column", "ref"], "is not OURS=THEIRS"),
        (["--normalise", "lowercase"], "known are none, basic, english, nfkc, lower"),
        (["--by", "part", "--by", "part"], "given twice"),
    ],
)
def test_wrong_options_exit_with_2(save, table, arguments, said):
    result = run(save(table), *arguments)
    assert result.exit_code == 2 and said in result.stderr


def test_it_loads_no_torch(save, table):
    heavy = ("torch", "lhotse", "lightning", "prefect", "dvc", "statsmodels")
    program = (
        "import sys; from isogloss.cli import main\n"
        f"try: main(['audit', {str(save(table))!r}, '--by', 'part'])\n"
        f"except SystemExit: print('loaded:', [m for m in {heavy!r} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert "loaded: []" in result.stdout


@pytest.mark.parametrize(
    ("wild", "sentence"),
    [
        ({"a": 2, "b": 2}, "2.0 % of the utterances of each cohort."),
        ({"a": 1, "b": 3}, "1.0 % to 3.0 % of the utterances of a cohort, most often of b."),
    ],
)
def test_the_share_of_runaway_hypotheses_is_a_range_only_where_cohorts_differ(tmp_path, wild, sentence):
    """100 utterances of each cohort, some of whose hypotheses loop."""
    rows = ["utterance_id,speaker_id,part,ref,hyp"]
    for part, loops in wild.items():
        rows += [f"{part}{n},{part}{n % 25},{part},we go,{'we go ' * 9 if n < loops else 'we so'}" for n in range(100)]
    (tmp_path / "loops.csv").write_text("\n".join(rows) + "\n")
    result = run(tmp_path / "loops.csv", "--by", "part")
    assert f"(more inserted words than were said): {sentence}" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--within", "gender"), "--within is about the comparison of cohorts"),
        (("--adjust", "gender"), "--adjust is about the comparison of cohorts"),
        (("--zips", "z.csv", "--by", "part"), "--zips is the input of a rule"),
        (("--embeddings", "e.parquet", "--by", "part"), "--embeddings is the input of a rule"),
        (("--max-cohorts", "3", "--by", "part"), "--max-cohorts is of the cohorts that --discover finds"),
        (("--after-name", "new"), "--after-name names the system of --after"),
        (("--name", "mine", "--system-column", "part"), "--name does not go with --system-column"),
        (("--name", "mine", "--hyp", "a=hyp"), "--name does not go with --system-column or --hyp"),
        (("--hyp", "a=hyp", "--column", "hyp=ref"), "both name the column of hypotheses"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(tmp_path, save, table, options, said):
    result = run(save(table), *options, "--out", tmp_path / "out")
    assert result.exit_code == 2 and said in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--utt2spk", "u", "--speaker-pattern", "^(.)"), "both say who spoke"),
        (("--utt2spk", "u", "--speakers-unknown"), "--utt2spk says who spoke"),
        (("--system-column", "part"), "--ref takes its place"),
    ],
)
def test_speakers_and_systems_of_kaldi_files_are_named_in_one_way(tmp_path, options, said):
    for name, text in (("ref", "a1 x\nb1 y\n"), ("hyp", "a1 x\nb1 y\n"), ("u", "a1 anna\nb1 ben\n")):
        (tmp_path / name).write_text(text)
    options = [tmp_path / "u" if one == "u" else one for one in options]
    result = run("--ref", tmp_path / "ref", "--hyp", tmp_path / "hyp", *options)
    assert result.exit_code == 2 and said in result.stderr and result.stdout == ""
