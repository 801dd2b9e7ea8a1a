"""Trials of made-up speakers, and a brute-force weighted ROC."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest


def simulated_trials(speakers=12, seed=0, *, shift=2.0, decimals=None, groups=("a", "b")):
    """All pairs of speakers once, six targets a speaker; the first half of the speakers is of the first group."""
    rng = np.random.default_rng(seed)
    names = [f"s{number:03d}" for number in range(speakers)]
    first, second = np.triu_indices(speakers, 1)
    owner = np.repeat(np.arange(speakers), 6)
    enrol, test = np.concatenate([owner, first]), np.concatenate([owner, second])
    target = np.arange(len(enrol)) < len(owner)
    score = rng.normal(size=len(enrol)) + shift * target + 0.5 * rng.normal(size=speakers)[enrol] * target
    group = np.array(groups)[(np.arange(speakers) >= speakers // 2).astype(int)]
    return pd.DataFrame(
        {
            "enrol_speaker": np.array(names)[enrol],
            "test_speaker": np.array(names)[test],
            "target": target,
            "score": score if decimals is None else score.round(decimals),
            "enrol_gender": group[enrol],
            "test_gender": group[test],
        }
    )


@pytest.fixture
def simulate():
    return simulated_trials


def brute_force_roc(scores, targets, weights):
    """(FAR, FRR) at every threshold, by counting, from the strictest to the laxest."""
    points = []
    for threshold in [np.inf, *sorted(set(scores), reverse=True)]:
        accepted = scores >= threshold
        far = weights[accepted & ~targets].sum() / weights[~targets].sum()
        frr = weights[~accepted & targets].sum() / weights[targets].sum()
        points.append((far, frr))
    return points


def brute_force_eer(scores, targets, weights=None):
    """The crossing of the polygon through all points, segment by segment."""
    weights = np.ones(len(scores)) if weights is None else weights
    points = brute_force_roc(scores, targets, weights)
    for (far, frr), (far_next, frr_next) in pairwise(points):
        if far <= frr and far_next >= frr_next:
            share = (frr - far) / ((frr - far) + (far_next - frr_next))
            return far + share * (far_next - far)
    raise AssertionError("no crossing")


@pytest.fixture
def roc_by_counting():
    return brute_force_roc


@pytest.fixture
def eer_by_counting():
    return brute_force_eer
