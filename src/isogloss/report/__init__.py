"""Documents (`isogloss.judging.document`) as pages, terminal tables and metrics; no figure is computed here.

- `page`: the fairness report of a pipeline, with `metrics`; `inputs`: the documents it reads, checked
- `document_page`: the page of one document: an audit's, or a verifier's (`verifier`); `folder`: it and its figures on
  disk; `flat`: one row a cohort
- `terminal`: a document in the terminal
- `headline`, `rules`, `verdicts`, `findings`, `verifier_findings`: sentences computed from figures
- `charts`, `map`, `scale`, `text`: drawings and numbers as plain data; `frame`, `templates/`: their HTML, SVG and style
- `comparison`, `comparison_page`, `comparison_scales`, `parallel`, `readings`: experiments side by side
"""
