"""Studies over experiments: what several settings, each run with several seeds, say together.

- `systems`: error rates by setting, over seeds and speakers, beside a reference
- `scatter`: two figures of each setting against each other, with intervals, as a picture
- `claims`: what papers say in figures, and verdicts; `recognition_claims`, `verification_claims`: what the runs of an
  experiment say of them; `recognition_page`, `verification_page`: the table for `docs/`
- `choice`: options chosen on dev by one rule
- `writing`: a study as Markdown, its numbers as JSON and its picture, for `docs/`
"""
