"""Hiding small cohorts before a document is made, so that none of its figures is about a few speakers.

- `suppression`: small cohorts are merged, and as few others as it takes, over all groupings that are published together
- `fewest_hidden`: the search for the choice of hidden cohorts that hides the fewest speakers
- `attack`, `exact_attack`: sums about few speakers that follow from published sums, which suppression has to prevent
- `names`: under which names the cohorts of a document's groupings are shown
- `trials`: the same for verification, whose sums are about pairs of speakers
"""

from isogloss.judging.privacy.names import ShownNames, shown_names
from isogloss.judging.privacy.suppression import merged_name, suppress

__all__ = ["ShownNames", "merged_name", "shown_names", "suppress"]
