"""Small cohorts are hidden before a document is made, so that nothing in it is about a few speakers.

- `suppression`: small cohorts of one grouping are merged; of several groupings that are published together, as many as
  it takes
- `attack`: what sums give away together, which suppression has to prevent
- `names`: under which names the cohorts of a document's groupings are shown
- `trials`: the same for verification, whose sums are about pairs of speakers
"""

from isogloss.judging.privacy.names import ShownNames, shown_names
from isogloss.judging.privacy.suppression import merge_small_cohorts, merged_name, suppress

__all__ = ["ShownNames", "merge_small_cohorts", "merged_name", "shown_names", "suppress"]
