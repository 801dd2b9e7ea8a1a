"""Error rates by recording, where it is planted how much of a score is voice and how much is channel."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_curve

from isogloss.errors import TableError
from isogloss.judging.verification.lists import make_trials, with_groups
from isogloss.judging.verification.recordings import lists_by_recording, rates_by_recording


def corpus(channel, speakers=120, utterances=4, per_recording=2):
    """Utterances whose embeddings are a voice, a recording's channel and chance; and the scores of all trials."""
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(speakers), utterances)
    session = np.tile(np.arange(utterances) // per_recording, speakers)
    table = pd.DataFrame(
        {
            "utterance_id": [f"u{n:04d}" for n in range(len(who))],
            "speaker_id": [f"s{n:03d}" for n in who],
            "recording_id": [f"s{s:03d}-r{r}" for s, r in zip(who, session, strict=True)],
            "gender": np.where(who % 2, "female", "male"),
        }
    )
    gender = np.where(who % 2, 1.5, -1.5)[:, None] * np.eye(8)[0]
    voice = rng.normal(size=(speakers, 8))[who]
    sessions = rng.normal(size=(speakers * utterances, 8))[who * utterances + session]
    vectors = gender + voice + channel * sessions + 0.7 * rng.normal(size=(len(who), 8))
    trials = with_groups(make_trials(table, seed=1), table[["utterance_id", "gender"]])
    place = {name: n for n, name in enumerate(table["utterance_id"])}
    first, second = (vectors[trials[f"{side}_id"].map(place)] for side in ("enrol", "test"))
    score = -np.linalg.norm(first - second, axis=1)
    return table, trials.assign(score=score, score_before=score)


def eer(part):
    """Where scikit-learn's curve crosses the diagonal."""
    accepted, hits, _ = roc_curve(part["target"], part["score"], drop_intermediate=False)
    nearest = np.argmin(np.abs(accepted - (1 - hits)))
    return (accepted[nearest] + 1 - hits[nearest]) / 2


def test_a_verifier_of_channels_is_told_from_one_of_voices():
    for channel, told in ((1.5, True), (0.0, False)):
        table, trials = corpus(channel)
        parts = lists_by_recording(trials, table, hard="gender")
        rates = rates_by_recording(parts, pd.Series(1.0, index=sorted(set(table["speaker_id"]))))
        assert list(rates) == ["all", "within-recording", "across-recordings", "hard"]
        for name, part in parts.items():
            assert rates[name]["after"] == pytest.approx(eer(part), abs=0.003)
        gap = rates["across-recordings"]["after"] - rates["within-recording"]["after"]
        assert (gap > 0.08) == told and (told or abs(gap) < 0.03)
        assert rates["hard"]["after"] > rates["across-recordings"]["after"]


def test_the_lists_have_the_trials_that_they_are_named_after():
    table, trials = corpus(1.0)
    parts = lists_by_recording(trials, table, hard="gender")
    targets = {name: int(part["target"].sum()) for name, part in parts.items()}
    # Of 4 utterances in 2 recordings: 6 pairs a speaker, 2 of them within a recording.
    assert targets == {"all": 720, "within-recording": 240, "across-recordings": 480, "hard": 480}
    nontargets = parts["hard"][~parts["hard"]["target"]]
    assert (nontargets["enrol_gender"] == nontargets["test_gender"]).all()
    assert len(nontargets) == 2 * 60 * 59 / 2


def test_where_every_utterance_is_a_recording_none_is_within():
    table, trials = corpus(1.0, per_recording=1)
    assert list(lists_by_recording(trials, table)) == ["all", "across-recordings"]
    with pytest.raises(TableError, match="recording_id"):
        lists_by_recording(trials, table.drop(columns="recording_id"))
