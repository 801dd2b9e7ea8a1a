"""What a recogniser or a verifier gets wrong, for which cohorts, and what the data allow to be said about it. No torch.

- `comparing`: one system, or two on the same speakers, overall and cohort by cohort: `compare`
- `document`: the typed document that comes of it, and of nothing else; `grouping`: the cohorts that go into it
- `wer`: the document of word errors; `verification`: that of trials, EER
- `privacy`: small cohorts are hidden before a document is made
- `word_errors`: substitutions, deletions, insertions; error rates as ratios of sums
- `pairing`: result tables side by side, and their totals by speaker; `rates`: error rates of these, with intervals
- `disparity`: one system, each cohort against all other speakers; `gap`: bottom against top cohort
- `statistics`: intervals and tests whose units are speakers
- `system`: the systems of a pipeline; `tuning`: what dev says of them; `worst`: the cohorts they mitigate
- `latency`: how late a streaming recogniser speaks; `recovery`: whether cohorts are what was planted
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
