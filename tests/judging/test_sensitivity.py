"""Findings that rest on the normaliser are told from those that do not, by an audit under each."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

pytest.importorskip("whisper_normalizer", reason="the extra isogloss[normalizers] is not installed")

from isogloss.cli import main


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Two bands of 30 speakers: one is written with a capital and a full stop, a third is really misheard."""
    rng = np.random.default_rng(1)
    rows = []
    for band, written, wrong in (("plain", "go on now please", 0.05), ("dotted", "Go on. Now please.", 0.05)):
        for speaker in range(30):
            for utterance in range(4):
                words = ["uh" if rng.random() < wrong else word for word in written.split()]
                rows.append(
                    (f"{band}{speaker}", f"{band}{speaker}-{utterance}", band, "go on now please", " ".join(words))
                )
    columns = ["speaker_id", "utterance_id", "band", "ref", "hyp"]
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv("heard.csv", index=False)
    table.assign(hyp="go on now please").to_csv("better.csv", index=False)
    return table


def test_a_disparity_of_punctuation_alone_depends_on_the_normaliser(table):
    result = CliRunner().invoke(main, ["sensitivity", "heard.csv", "--by", "band"])
    assert result.exit_code == 0, result.output
    lines = {line.split(" (")[0].strip(" *"): line for line in result.output.splitlines()}
    dotted = lines["dotted"]
    assert dotted.lstrip().startswith("*") and dotted.count("yes") == 1 and dotted.count("no (") == 2
    assert not lines["plain"].lstrip().startswith("*")
    assert "1 of 2 findings depend on the normaliser." in result.output


def test_nothing_is_cut_in_a_narrow_window(table):
    given = ["sensitivity", "heard.csv", "--by", "band"]
    wide, narrow = (CliRunner().invoke(main, given, env={"COLUMNS": width}).output for width in ("200", "30"))
    assert "…" not in narrow and sorted("".join(narrow.split())) == sorted("".join(wide.split()))


def test_an_improvement_under_every_normaliser_depends_on_none(table):
    options = ["--by", "band", "--normalise", "basic", "--normalise", "english"]
    result = CliRunner().invoke(main, ["sensitivity", "heard.csv", "--after", "better.csv", *options])
    assert result.exit_code == 0 and "0 of 6 findings depend on the normaliser." in result.output
    assert sum(line.count("yes") == 2 for line in result.output.splitlines()) == 2  # both bands are improved


def test_a_mapping_that_is_none_is_refused(table):
    result = CliRunner().invoke(main, ["sensitivity", "heard.csv", "--by", "band", "--column", "ref"])
    assert result.exit_code == 2 and "'ref' is not OURS=THEIRS" in result.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--column", "=ref"), "'=ref' is not OURS=THEIRS"),
        (("--column", "ref="), "'ref=' is not OURS=THEIRS"),
        (("--column", "ref=hyp", "--column", "ref=ref"), "--column ref is given twice"),
        (("--normalise", "basic", "--normalise", "basic"), "--normalise names the same steps twice"),
        (("--normalise", "lower", "--normalise", " lower"), "--normalise names the same steps twice"),
        (("--seed", "9999999999"), "9999999999 is not in the range"),
    ],
)
def test_options_that_do_not_fit_are_one_sentence(table, options, said):
    result = CliRunner().invoke(main, ["sensitivity", "heard.csv", "--by", "band", *options])
    assert result.exit_code == 2 and said in result.stderr and result.stdout == ""


def test_warnings_of_the_audits_are_printed_once(table):
    table.assign(site=table["band"].map({"plain": "[red]a", "dotted": "b"})).to_csv("heard.csv", index=False)
    result = CliRunner().invoke(main, ["sensitivity", "heard.csv", "--by", "band", "--by", "site"])
    assert result.exit_code == 0 and result.stderr.count("go together") == 1
    assert "[red]a (site) is worse" in result.stdout
