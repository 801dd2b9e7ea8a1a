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
