"""Studies over experiments: what several settings, each run with several seeds, say together.

- `systems`: error rates by setting, over seeds and speakers, beside a reference
- `scatter`: two figures of each setting against each other, with intervals, as a picture
- `writing`: a study as Markdown, its numbers as JSON and its picture, for `docs/`
"""
