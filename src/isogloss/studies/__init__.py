"""Studies over experiments: joint results of several settings, each run with several seeds.

- `systems`: error rates by setting, over seeds and speakers, compared with a reference
- `scatter`: a scatter plot of two figures of each setting, with intervals
- `claims`: quantitative claims of papers, and verdicts; `recognition_claims`, `verification_claims`: tests of the
  claims on the runs of an experiment; `recognition_page`, `verification_page`: the table for `docs/`
- `choice`: options chosen on dev by one rule
- `writing`: a study as Markdown, its numbers as JSON and its chart, for `docs/`
"""
