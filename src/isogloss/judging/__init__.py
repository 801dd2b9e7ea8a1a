"""What a recogniser gets wrong, for whom, and what the data allow to be said about it. No torch.

- `word_errors`: substitutions, deletions, insertions; error rates as ratios of sums
- `statistics`: intervals and tests whose units are speakers
- `pairing`: two result tables of the same utterances side by side
- `privacy`: small cohorts are merged before anything is written; `disclosure`: what sums give away together
- `figures`, `fairness`: two systems compared overall and cohort by cohort, as fairness.json
- `latency`: how late a streaming recogniser speaks
- `disparity`: one system, each cohort against all other speakers
"""

from isogloss.judging.disparity import Disparity, disparities
from isogloss.judging.fairness import compare
from isogloss.judging.word_errors import error_rate, error_rates, word_errors

__all__ = ["Disparity", "compare", "disparities", "error_rate", "error_rates", "word_errors"]
