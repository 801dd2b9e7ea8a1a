"""Trials and scores in the formats of VoxCeleb and Kaldi give the document of a table of the same trials."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from isogloss.cli.audit import audit
from isogloss.errors import TableError
from isogloss.io.score_files import read_score_file, with_scores


def trials():
    """Each of twelve speakers against each, first recording against second."""
    pairs = [(a, b) for a in range(12) for b in range(12)]
    return pd.DataFrame(
        {
            "enrol_id": [f"id{a:02d}/x/1.wav" for a, _ in pairs],
            "test_id": [f"id{b:02d}/x/2.wav" for _, b in pairs],
            "score": [float((7 * a + 3 * b) % 5) + 1.5 * (a == b) for a, b in pairs],
            "target": [int(a == b) for a, b in pairs],
        }
    )


def figures(folder, *arguments):
    (folder / "speakers.csv").write_text(
        "speaker_id,gender\n" + "".join(f"id{n:02d},{'fm'[n % 2]}\n" for n in range(12))
    )
    options = ["--speakers", "speakers.csv", "--by", "gender", "--speaker-pattern", "^([^/]+)/", "--out", "out"]
    paths = [str(folder / one) if (folder / one).exists() or one == "out" else one for one in (*arguments, *options)]
    result = CliRunner().invoke(audit, paths)
    assert result.exit_code == 0, result.output
    return {k: v for k, v in json.loads((folder / "out" / "fairness.json").read_text()).items() if k != "origin"}


def lines(columns):
    return "\n".join(" ".join(map(str, row)) for row in zip(*columns, strict=True)) + "\n"


def test_the_formats_of_toolkits_give_what_a_table_gives(tmp_path):
    one = trials()
    one.to_csv(tmp_path / "t.csv", index=False)
    words = one["target"].map({1: "target", 0: "nontarget"})
    (tmp_path / "veri.txt").write_text(lines([one["target"], one["enrol_id"], one["test_id"]]))
    (tmp_path / "kaldi").write_text(lines([one["enrol_id"], one["test_id"], words]))
    (tmp_path / "foil.txt").write_text(lines([one["enrol_id"], one["test_id"], one["score"], words]))
    shuffled = one.sample(frac=1, random_state=1)
    (tmp_path / "plain.scores").write_text(lines([shuffled["enrol_id"], shuffled["test_id"], shuffled["score"]]))
    expected = figures(tmp_path, "--trials", "t.csv")
    assert expected["targets"] == 12 and expected["nontargets"] == 132
    for arguments in (
        ("--trials", "veri.txt", "--scores", "plain.scores"),
        ("--trials", "kaldi", "--scores", "plain.scores"),
        ("--trials", "foil.txt"),
    ):
        assert figures(tmp_path, *arguments) == expected
    assert figures(tmp_path, "--trials", "plain.scores")["overall"] == expected["overall"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty; give one trial a line"),
        ("a b 0.5\na b\n", "line 2 has 2 fields, but line 1 has 3"),
        ("a b c d e\n", "line 1 holds 5 fields"),
        ("a b c\n", "of no known format"),
    ],
)
def test_other_lines_are_refused_with_their_place(tmp_path, content, said):
    path = tmp_path / "t.txt"
    path.write_text(content)
    with pytest.raises(TableError, match=r"t\.txt") as caught:
        read_score_file(path)
    assert said in str(caught.value)


def test_a_trial_without_a_score_or_with_two_is_refused(tmp_path):
    (tmp_path / "t.txt").write_text("1 a b\n0 a c\n")
    for content, said in (
        ("a b 1.5\n", "t.txt, line 2: "),
        ("a b 1.5\na b 2.5\na c 0.5\n", "s.txt, line 2 scores 'a'"),
    ):
        (tmp_path / "s.txt").write_text(content)
        with pytest.raises(TableError) as caught:
            with_scores(read_score_file(tmp_path / "t.txt"), read_score_file(tmp_path / "s.txt"))
        assert said in str(caught.value)
