"""Tables and lists of trials: what is read is what was written, and a mistake is one sentence."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from isogloss.config import VerificationParams, load_params
from isogloss.errors import ParamsError, TableError
from isogloss.judging.verification import read_list, trials_of, write_list
from isogloss.judging.verification.lists import bring_trials, make_trials, select, with_groups, write_lists
from isogloss.judging.verification.scoring import score_trials
from isogloss.judging.verification.study import scored_trials, trials_of_splits
from isogloss.judging.verification.trials import name_speakers


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("score", np.nan, "row 3 has the score nan"),
        ("score", np.inf, "row 3 has the score inf"),
        ("target", 2, "row 3 has the target 2; it must be 1 or 0"),
        ("target", 0, "row 3 says target 0, but its speakers are 's000' and 's000'"),
        ("enrol_speaker", None, "row 3 has no speaker"),
    ],
)
def test_a_wrong_cell_is_named(simulate, column, value, sentence):
    table = simulate().astype({"target": object, "enrol_speaker": object})
    table.loc[3, column] = value
    with pytest.raises(TableError, match=sentence) as caught:
        trials_of(table)
    assert "\n" not in str(caught.value)


def test_a_missing_column_and_an_empty_table_are_named(simulate):
    with pytest.raises(TableError, match="did you mean 'scores'"):
        trials_of(simulate().rename(columns={"score": "scores"}))
    with pytest.raises(TableError, match="no trial"):
        trials_of(simulate().iloc[:0])


def test_every_speaker_needs_a_positive_weight(simulate):
    weights = pd.Series(1.0, index=sorted(set(simulate()["enrol_speaker"])))
    weights["s004"] = 0.0
    with pytest.raises(TableError, match="'s004' has no positive weight"):
        trials_of(simulate(), weights=weights)


def test_a_list_is_read_as_it_was_written(tmp_path):
    trials = pd.DataFrame({"enrol_id": ["a", "b"], "test_id": ["c", "d"], "target": [True, False]})
    write_list(trials, tmp_path / "list.txt")
    assert (tmp_path / "list.txt").read_text() == "1 a c\n0 b d\n"
    pd.testing.assert_frame_equal(read_list(tmp_path / "list.txt"), trials)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1 a b\n2 a c\n", "line 2 is '2 a c'"),
        ("1 a b\n\n1 a\n", "line 3"),
        ("1 a z\n", "line 1 names the utterance 'z'"),
        ("1 a b\n0 a b\n", "stands twice"),
        ("1 a b\n1 c c\n", "line 2 pairs the utterance 'c' with itself"),
    ],
)
def test_a_mistake_in_a_list_is_named_by_its_line(tmp_path, text, sentence):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(TableError, match=sentence):
        read_list(tmp_path / "list.txt", known=["a", "b", "c"])


def test_a_list_that_is_missing_or_no_text_is_one_sentence(tmp_path):
    with pytest.raises(TableError, match="does not exist"):
        read_list(tmp_path / "list.txt")
    (tmp_path / "list.txt").write_bytes(b"1 a \xff\xfe")
    with pytest.raises(TableError, match="UTF-8"):
        read_list(tmp_path / "list.txt")


def test_a_trial_of_an_unknown_utterance_is_named():
    trials = pd.DataFrame({"enrol_id": ["a", "b"], "test_id": ["b", "x"], "target": [True, False]})
    speakers = pd.Series({"a": "s1", "b": "s1"})
    with pytest.raises(TableError, match="row 1 names the utterance 'x', whose speaker is not known"):
        name_speakers(trials, speakers)
    named = name_speakers(trials.iloc[:1], speakers)
    assert named[["enrol_speaker", "test_speaker"]].to_numpy().tolist() == [["s1", "s1"]]


def people(speakers=20, utterances=4):
    rows = [(f"s{s}-{u}", f"s{s}", "fm"[s % 2]) for s in range(speakers) for u in range(utterances)]
    return pd.DataFrame(rows, columns=["utterance_id", "speaker_id", "gender"])


def test_trials_have_each_pair_of_speakers_once_and_all_targets():
    trials = make_trials(people(), seed=1)
    targets, others = trials[trials["target"]], trials[~trials["target"]]
    assert len(targets) == 20 * 6
    assert (targets["enrol_speaker"] == targets["test_speaker"]).all()
    assert (targets["enrol_id"] != targets["test_id"]).all()
    pairs = {frozenset(pair) for pair in others[["enrol_speaker", "test_speaker"]].to_numpy().tolist()}
    assert len(others) == len(pairs) == 20 * 19 // 2
    owner = people().set_index("utterance_id")["speaker_id"]
    assert (owner[trials["enrol_id"]].to_numpy() == trials["enrol_speaker"]).all()
    assert (owner[trials["test_id"]].to_numpy() == trials["test_speaker"]).all()
    trials_of(trials.assign(score=0.0))


def test_trials_are_the_same_for_the_same_seed_whatever_the_order_of_rows():
    shuffled = people().sample(frac=1.0, random_state=3)
    pd.testing.assert_frame_equal(make_trials(people(), seed=1), make_trials(shuffled, seed=1))
    assert not make_trials(people(), seed=1).equals(make_trials(people(), seed=2))


def test_drawn_nontargets_are_half_of_the_same_gender():
    trials = with_groups(make_trials(people(), seed=1, max_nontargets=60), people()[["utterance_id", "gender"]])
    same = select(trials, same="gender")
    other = select(trials, other="gender")
    assert (~same["target"]).sum() == (~other["target"]).sum() == 30
    assert same["target"].sum() == other["target"].sum() == 120
    assert (same["enrol_gender"] == same["test_gender"]).all()


def test_too_few_speakers_or_utterances_are_refused():
    with pytest.raises(TableError, match="two speakers"):
        make_trials(people(speakers=1), seed=1)
    with pytest.raises(TableError, match="two utterances"):
        make_trials(people(utterances=1), seed=1)


def test_lists_of_a_grouping_part_the_nontargets_and_keep_all_targets(tmp_path):
    trials = with_groups(make_trials(people(), seed=1), people()[["utterance_id", "gender"]])
    write_lists(trials, ["gender"], tmp_path)
    lists = {path.name: read_list(path) for path in tmp_path.iterdir()}
    assert set(lists) == {"trials.txt", "trials.same-gender.txt", "trials.other-gender.txt"}
    gender = people().set_index("utterance_id")["gender"]
    pairs = {}
    for name, table in lists.items():
        assert table["target"].sum() == trials["target"].sum()
        others = table[~table["target"]]
        pairs[name] = set(zip(others["enrol_id"], others["test_id"], strict=True))
        if name != "trials.txt":
            same = others["enrol_id"].map(gender) == others["test_id"].map(gender)
            assert (same == (name == "trials.same-gender.txt")).all()
    assert pairs["trials.same-gender.txt"] | pairs["trials.other-gender.txt"] == pairs["trials.txt"]
    assert not pairs["trials.same-gender.txt"] & pairs["trials.other-gender.txt"]


def test_an_id_with_white_space_cannot_stand_in_a_list(tmp_path):
    trials = pd.DataFrame({"enrol_id": ["a", "b c"], "test_id": ["c", "d"], "target": [True, False]})
    with pytest.raises(TableError, match="'b c' has white space"):
        write_list(trials, tmp_path / "list.txt")
    assert not (tmp_path / "list.txt").exists()


def read_params(text, folder):
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    return load_params(folder / "params.yaml")


def brought(tmp_path, text):
    path = tmp_path / "list.txt"
    path.write_text(text, encoding="utf-8")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_list_of_ones_own_takes_the_place_of_the_made_one_in_test_alone(tmp_path):
    path, digest = brought(tmp_path, "0 s1-0 s2-3\n1 s3-0 s3-1\n")
    options = VerificationParams(trials=str(path), trials_sha256=digest, seed=3)
    trials = trials_of_splits({"discovery": people(), "test": people()}, options)
    assert trials["test"].to_numpy().tolist() == [
        ["s1-0", "s2-3", "s1", "s2", False],
        ["s3-0", "s3-1", "s3", "s3", True],
    ]
    pd.testing.assert_frame_equal(trials["discovery"], make_trials(people(), seed=3))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1 s1-0 s1-1\n0 s1-0 zz\n", "line 2 names the utterance 'zz', which the split test"),
        ("1 s1-0 s2-1\n0 s1-0 s2-0\n", "the trial s1-0 s2-1 is listed as 1, but its speakers are 's1' and 's2'"),
        ("1 s1-0 s1-1\n", "lacks targets or non-targets"),
        ("", "lacks targets or non-targets"),
    ],
)
def test_a_list_of_ones_own_that_does_not_fit_is_one_sentence(tmp_path, text, sentence):
    path, _ = brought(tmp_path, text)
    with pytest.raises(TableError, match=sentence) as caught:
        bring_trials(path, people())
    assert "\n" not in str(caught.value)


def test_a_list_that_changed_or_is_a_folder_is_one_sentence(tmp_path):
    path, _ = brought(tmp_path, "0 s1-0 s2-3\n1 s3-0 s3-1\n")
    with pytest.raises(TableError, match="has the digest"):
        bring_trials(path, people(), sha256="0" * 64)
    with pytest.raises(TableError, match="is a folder"):
        bring_trials(tmp_path, people())
    with pytest.raises(ParamsError, match="names no file"):
        read_params("verification: {trials_sha256: " + "a" * 64 + "}", tmp_path)


def test_both_verifiers_score_the_trials_and_groups_stand_on_both_sides():
    rng = np.random.default_rng(0)
    tables = [embeddings(rng, people()["utterance_id"]) for _ in range(2)]
    trials = make_trials(people(), seed=1)
    gender = people().set_index("utterance_id")["gender"].drop("s0-0")
    scored = scored_trials(trials, {"gender": gender}, *tables, VerificationParams())
    pd.testing.assert_frame_equal(scored[trials.columns], trials)
    for column, table in zip(("score_before", "score"), tables, strict=True):
        np.testing.assert_allclose(scored[column], score_trials(trials, table))
    for side in ("enrol", "test"):
        expected = trials[f"{side}_id"].map(gender).fillna("unspecified")
        assert scored[f"{side}_gender"].tolist() == expected.tolist()


def embeddings(rng, ids):
    return pd.DataFrame({"utterance_id": ids, "speaker_id": ids, "vector": list(rng.normal(size=(len(ids), 8)))})


def test_scores_are_cosines_and_s_norm_is_written_out():
    rng = np.random.default_rng(0)
    table, impostors = embeddings(rng, ["a", "b", "c"]), embeddings(rng, [f"i{k}" for k in range(9)])
    trials = pd.DataFrame({"enrol_id": ["a", "a", "b"], "test_id": ["b", "c", "c"]})
    vectors = dict(zip(table["utterance_id"], table["vector"], strict=True))

    def cosine(x, y):
        return x @ y / np.linalg.norm(x) / np.linalg.norm(y)

    plain = [cosine(vectors[e], vectors[t]) for e, t in trials.to_numpy()]
    np.testing.assert_allclose(score_trials(trials, table), plain)
    expected = []
    for (e, t), score in zip(trials.to_numpy(), plain, strict=True):
        sides = []
        for one in (e, t):
            nearest = sorted((cosine(vectors[one], i) for i in impostors["vector"]), reverse=True)[:4]
            sides.append((score - np.mean(nearest)) / np.std(nearest))
        expected.append(np.mean(sides))
    np.testing.assert_allclose(score_trials(trials, table, impostors=impostors, top=4), expected)


def test_a_trial_without_embedding_is_named():
    table = embeddings(np.random.default_rng(0), ["a", "b"])
    with pytest.raises(TableError, match="row 0 names the utterance 'z', which has no embedding"):
        score_trials(pd.DataFrame({"enrol_id": ["a"], "test_id": ["z"]}), table)
