"""The Fisher information of a recogniser's weights.

- `diagonal`: its diagonal, for any recogniser
"""

from isogloss.mitigation.fisher.diagonal import diagonal_fisher

__all__ = ["diagonal_fisher"]
