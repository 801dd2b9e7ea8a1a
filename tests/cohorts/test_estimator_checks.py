"""scikit-learn's own checks of the rules.

Two things about the rules are not what the generic checks expect, both by intent: cohorts are strings, which the checks
would subtract from each other, and a geographic tree takes exactly two features. `Numbered` and `OfTwoColumns` lift
these two and nothing else, so that all other checks reach the estimators; the unchanged estimators run as well, with
the affected checks listed.
"""

import zlib

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from isogloss.cohorts.attribute import AttributeCohorts
from isogloss.cohorts.automatic import SpeakerClusters
from isogloss.cohorts.geodemographic import GeodemographicPartition
from isogloss.cohorts.geographic import GeographicTree
from isogloss.cohorts.slices import Slices

STRINGS = "subtracts predictions, which are strings"
TWO_FEATURES = "feeds another number of features than latitude and longitude"
EXPECTED_FAILURES_OF_NUMBERS = {
    "NumberedClusters": {
        "check_sample_weight_equivalence_on_dense_data": "weights are words; a speaker counts once in the clustering"
    },
    "NumberedSlices": {
        "check_sample_weight_equivalence_on_dense_data": "weights are words; quartiles are of rows, and rows speakers"
    },
}


class Numbered:
    """Predicts a number made of the cohort's name."""

    def predict(self, X):
        return np.array([zlib.crc32(cohort.encode()) for cohort in super().predict(X)])


class OfTwoColumns(Numbered, GeographicTree):
    """A tree over the first two columns of whatever X there is."""

    def _positions(self, features_NF):
        return np.hstack([features_NF, features_NF])[:, :2]


class NumberedAttributes(Numbered, AttributeCohorts):
    """Attribute cohorts by number."""


class NumberedPartition(Numbered, GeodemographicPartition):
    """The two sides of a partition by number."""


class NumberedClusters(Numbered, SpeakerClusters):
    """Clusters of speakers by number."""


class NumberedSlices(Numbered, Slices):
    """Slices by number."""


@parametrize_with_checks(
    [
        OfTwoColumns(min_speakers=1, min_words=1),
        NumberedAttributes(),
        NumberedPartition(min_speakers=1, min_words=1),
        NumberedClusters(n_clusters=2),
        NumberedSlices(min_speakers=1, min_words=1, max_conditions=1),
    ],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES_OF_NUMBERS.get(type(estimator).__name__, {}),
    xfail_strict=True,
)
def test_rules_pass_scikit_learns_checks_once_cohorts_are_numbers_and_features_are_two(estimator, check):
    check(estimator)


EXPECTED_FAILURES = {
    "GeographicTree": {
        "check_fit_idempotent": STRINGS,
        **dict.fromkeys(
            [
                "check_fit_score_takes_y",
                "check_dont_overwrite_parameters",
                "check_n_features_in_after_fitting",
                "check_positive_only_tag_during_fit",
                "check_estimators_dtypes",
                "check_sample_weights_list",
                "check_sample_weight_equivalence_on_dense_data",
                "check_dtype_object",
                "check_pipeline_consistency",
                "check_estimators_pickle",
                "check_f_contiguous_array_estimator",
                "check_methods_sample_order_invariance",
                "check_methods_subset_invariance",
                "check_fit2d_1sample",
                "check_fit2d_1feature",
                "check_dict_unchanged",
                "check_fit2d_predict1d",
            ],
            TWO_FEATURES,
        ),
    },
    **dict.fromkeys(
        ["AttributeCohorts", "GeodemographicPartition", "Slices", "SpeakerClusters"],
        dict.fromkeys(
            [
                "check_sample_weight_equivalence_on_dense_data",
                "check_estimators_pickle",
                "check_methods_sample_order_invariance",
                "check_methods_subset_invariance",
                "check_fit_idempotent",
            ],
            STRINGS,
        ),
    ),
}


@parametrize_with_checks(
    [
        GeographicTree(),
        AttributeCohorts(),
        GeodemographicPartition(),
        Slices(max_conditions=1),
        SpeakerClusters(n_clusters=2),
    ],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES[type(estimator).__name__],
    xfail_strict=True,
)
def test_unchanged_rules_fail_only_the_listed_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("features", [1, 3])
def test_a_geographic_tree_says_that_it_takes_two_features(features):
    with pytest.raises(ValueError, match=f"takes 2 features.*has {features}"):
        GeographicTree().fit(np.zeros((5, features)), np.zeros(5))
