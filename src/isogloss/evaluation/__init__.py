"""What a recogniser gets wrong, for whom, and what the data allow to be said about it. No torch.

- `word_errors`: substitutions, deletions, insertions; error rates as ratios of sums
- `statistics`: intervals and tests whose units are speakers
- `privacy`: small cohorts are merged before anything is written
- `fairness`: two systems compared cohort by cohort, as fairness.json
"""
