"""The fairness report: one self-contained page and the metrics beside it.

- `page.build_report`: reads the outputs of earlier stages, writes `reports/fairness.html` and `metrics.json`
- `inputs`: what is read, typed and checked
- `headline`: the sentences, computed
- `rules`: the base system under each cohort rule
- `charts`, `map`, `scale`: the drawings as plain data
- `templates/`: their HTML, SVG and style
"""
