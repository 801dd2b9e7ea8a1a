import json

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from isogloss.cohorts.automatic import SpeakerClusters


def make_voices(groups, speakers, seed=0, noise=0.15, utterances=3):
    """Embeddings of utterances around one direction a group, of any length."""
    rng = np.random.default_rng(seed)
    directions = np.eye(8)[:groups]
    group = np.repeat(np.arange(groups), speakers // groups)
    voice = directions[group] + noise * rng.normal(size=(len(group), 8))
    speaker = np.repeat(np.arange(len(group)), utterances)
    X = voice[speaker] + 0.3 * rng.normal(size=(len(speaker), 8))
    X *= rng.uniform(0.5, 4, (len(group), 1))[speaker]
    y = np.array([0.1, 0.5, 0.2, 0.3])[group[speaker]]
    return X, y, group[speaker], np.array([f"s{n}" for n in speaker])


@pytest.mark.parametrize("groups", [3, 4])
def test_planted_voices_are_found_and_their_number_is_chosen(groups):
    X, y, group, speakers = make_voices(groups, 96)
    rule = SpeakerClusters(max_clusters=6).fit(X, y, groups=speakers)
    assert len(rule.cohorts_) == groups
    assert adjusted_rand_score(group, rule.predict(X, groups=speakers)) > 0.95


def test_cohorts_are_named_from_the_highest_error_rate_down():
    X, y, _, speakers = make_voices(4, 80)
    rule = SpeakerClusters(n_clusters=4).fit(X, y, groups=speakers)
    cohorts = rule.predict(X, groups=speakers)
    rates = [y[cohorts == cohort].mean() for cohort in rule.cohorts_]
    assert rates == sorted(rates, reverse=True)
    assert rule.cohorts_[0] == "voice-01" and rule.label("voice-01") == "voice group 1"


def test_errors_have_no_part_in_the_clustering():
    X, y, _, speakers = make_voices(3, 60)
    one = SpeakerClusters(n_clusters=3).fit(X, y, groups=speakers)
    other = SpeakerClusters(n_clusters=3).fit(X, 1 - y, groups=speakers)
    assert np.allclose(np.sort(one.centres_, axis=0), np.sort(other.centres_, axis=0))


def test_all_rows_of_a_speaker_share_a_cohort_even_without_embedding():
    X, y, _, speakers = make_voices(3, 60)
    rule = SpeakerClusters(n_clusters=3).fit(X, y, groups=speakers)
    X[::3] = np.nan
    X[speakers == "s7"] = np.nan
    cohorts = rule.predict(X, groups=speakers)
    for speaker in np.unique(speakers):
        assert len(set(cohorts[speakers == speaker])) == 1
    assert set(cohorts[speakers == "s7"]) == {"unspecified"}
    assert (rule.predict(X)[::3] == "unspecified").all()
    assert rule.label("unspecified") == "voice unknown"


def test_a_speaker_counts_once_however_many_utterances_he_has():
    X, y, _, speakers = make_voices(3, 60, utterances=2)
    rule = SpeakerClusters(n_clusters=3).fit(X, y, groups=speakers)
    often = np.repeat(np.arange(len(X)), np.where(speakers == "s0", 500, 1))
    again = SpeakerClusters(n_clusters=3).fit(X[often], y[often], groups=speakers[often])
    assert np.allclose(np.sort(rule.centres_, axis=0), np.sort(again.centres_, axis=0))


def test_written_clusters_predict_the_same_on_other_voices():
    X, y, _, speakers = make_voices(3, 60)
    rule = SpeakerClusters(n_clusters=3).fit(X, y, groups=speakers)
    again = SpeakerClusters.from_json(json.loads(json.dumps(rule.to_json())))
    other = make_voices(4, 40, seed=5)[0]
    assert again.predict(other).tolist() == rule.predict(other).tolist()
    assert again.to_json() == rule.to_json()


def test_the_same_seed_gives_the_same_rule():
    X, y, _, speakers = make_voices(3, 60)
    fitted = [SpeakerClusters(max_clusters=3, random_state=3).fit(X, y, groups=speakers) for _ in range(2)]
    assert fitted[0].to_json() == fitted[1].to_json()


def test_without_any_embedding_everybody_is_unspecified():
    rule = SpeakerClusters().fit(np.full((4, 3), np.nan), np.ones(4))
    assert set(rule.predict(np.ones((2, 3)))) == {"unspecified"}
    assert SpeakerClusters.from_json(rule.to_json()).cohorts_ == []


def test_few_speakers_are_one_cohort_and_more_clusters_than_speakers_are_refused():
    X, y, _, speakers = make_voices(3, 6)
    assert SpeakerClusters().fit(X, y, groups=speakers).cohorts_ == ["voice-01"]
    with pytest.raises(ValueError, match="n_clusters is 9, but must be from 1 to the 6 distinct speakers"):
        SpeakerClusters(n_clusters=9).fit(X, y, groups=speakers)


def make_channels(seed=0):
    """Two groups that differ along one direction, and utterances of everybody that differ far more along another."""
    rng = np.random.default_rng(seed)
    group = np.repeat([0, 1], 60)
    speaker = np.repeat(np.arange(120), 6)
    X = np.zeros((len(speaker), 6))
    X[:, 0] = 5.0  # what all voices share
    X[:, 1] = (2 * group[speaker] - 1) + 0.3 * rng.normal(size=120)[speaker]
    X[:, 2] = 8.0 * rng.normal(size=len(speaker))
    X[:, 3:] = 0.2 * rng.normal(size=(len(speaker), 3))
    return X, group, speaker


def test_what_the_utterances_of_a_speaker_differ_by_is_taken_away():
    X, _, speaker = make_channels()
    others, other_group, other_speaker = make_channels(seed=1)
    found = {}
    for normalization in ("none", "mean", "within_speaker"):
        rule = SpeakerClusters(n_clusters=2, normalization=normalization)
        rule.fit(X, np.full(len(X), 0.1), groups=speaker)
        found[normalization] = adjusted_rand_score(
            other_group[other_speaker], rule.predict(others, groups=other_speaker)
        )
    assert found["within_speaker"] > 0.95
    assert found["none"] < 0.5 and found["mean"] < 0.5


def test_whitening_makes_all_directions_within_a_speaker_alike():
    """Against the covariance of numpy, of many utterances, where shrinkage has little to do."""
    rng = np.random.default_rng(2)
    mixing = rng.normal(size=(4, 4))
    speaker = np.repeat(np.arange(40), 100)
    X = rng.normal(size=(40, 4))[speaker] + rng.normal(size=(len(speaker), 4)) @ mixing
    rule = SpeakerClusters(n_clusters=2, normalization="within_speaker").fit(X, np.full(len(X), 0.1), groups=speaker)
    white = (X - rule.mean_) @ rule.whitening_
    residuals = np.concatenate([white[speaker == one] - white[speaker == one].mean(axis=0) for one in range(40)])
    np.testing.assert_allclose(np.cov(residuals.T, bias=True), np.eye(4), atol=0.05)
    np.testing.assert_allclose(rule.mean_, X.mean(axis=0))


def test_errors_that_count_draw_the_cohorts_and_voices_alone_tell_who_belongs_to_them():
    """A loud direction that errors do not follow, and a faint one that they do."""
    rng = np.random.default_rng(3)
    loud, faint = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    X = np.column_stack([np.full(200, 2.0), 1.2 * loud, 0.8 * faint]) + 0.1 * rng.normal(size=(200, 3))
    y = 0.1 + 0.4 * faint + 0.02 * rng.uniform(size=200)
    agreement = {}
    for weight in (0.0, 1.0):
        rule = SpeakerClusters(n_clusters=2, normalization="mean", error_weight=weight).fit(X[:100], y[:100])
        agreement[weight] = adjusted_rand_score(faint[100:], rule.predict(X[100:]))
        assert rule.centres_.shape == (2, 3)
    assert agreement[0.0] < 0.2
    assert agreement[1.0] > 0.9


def test_written_clusters_of_normalised_voices_predict_the_same():
    X, _, speaker = make_channels()
    for normalization in ("mean", "within_speaker"):
        rule = SpeakerClusters(n_clusters=2, normalization=normalization, error_weight=0.5)
        rule.fit(X, np.linspace(0.1, 0.9, len(X)), groups=speaker)
        again = SpeakerClusters.from_json(json.loads(json.dumps(rule.to_json())))
        np.testing.assert_array_equal(again.predict(X, groups=speaker), rule.predict(X, groups=speaker))


def test_one_utterance_a_speaker_tells_nothing_of_what_they_differ_by():
    X, _, _ = make_channels()
    with pytest.raises(ValueError, match="no speaker has two utterances; take mean"):
        SpeakerClusters(n_clusters=2, normalization="within_speaker").fit(X, np.full(len(X), 0.1))


def test_utterances_that_repeat_their_speakers_embedding_have_nothing_to_normalise_within():
    """Whitened all the same, the rounding of the means decided on the clusters."""
    voice = np.random.default_rng(1).normal(size=(50, 8))
    speaker = np.repeat(np.arange(50), 3)
    rule = SpeakerClusters(n_clusters=3, normalization="within_speaker")
    for X in (voice[speaker], np.ones((150, 8))):
        with pytest.raises(ValueError, match="all utterances of a speaker have the same embedding; take mean"):
            rule.fit(X, np.full(150, 0.1), groups=speaker)
