"""Error rates of a recogniser or a verifier by cohort, with intervals and tests over speakers. No torch.

- `comparing`: one system, or two on the same speakers, overall and cohort by cohort: `compare`
- `document`: the typed document that `compare` returns; `grouping`: the cohorts that it takes
- `wer`: the document of word errors; `verification`: that of trials, EER
- `privacy`: small cohorts are hidden before a document is made
- `word_errors`: substitutions, deletions, insertions; error rates as ratios of sums
- `pairing`: result tables side by side, and their totals by speaker; `rates`: error rates of these, with intervals
- `disparity`: one system, each cohort against all other speakers; `gap`: bottom against top cohort
- `statistics`: intervals and tests whose units are speakers
- `system`: the systems of a pipeline; `tuning`: their results on dev; `worst`: the cohorts that are mitigated
- `latency`: delay of a streaming recogniser; `recovery`: agreement of cohorts with planted groups
"""

from isogloss.judging.comparing import compare
from isogloss.judging.disparity import Disparity, disparities
from isogloss.judging.document import Document
from isogloss.judging.grouping import Grouping
from isogloss.judging.word_errors import error_rate, error_rates, word_errors

__all__ = [
    "Disparity",
    "Document",
    "Grouping",
    "compare",
    "disparities",
    "error_rate",
    "error_rates",
    "word_errors",
]
