"""An audit from the request to the figures."""

from dataclasses import dataclass
from typing import Any

from isogloss.audit.figures import audit_document
from isogloss.audit.groupings import candidates, known_groupings
from isogloss.audit.request import Request
from isogloss.audit.utterances import read_utterances


@dataclass(frozen=True)
class Audit:
    """What was found. `document` may be shown to anybody; warnings and candidates are for who runs the audit."""

    document: dict[str, Any]
    warnings: tuple[str, ...]
    candidates: tuple[str, ...]
    """Columns that could tell cohorts apart, where none were named."""


def audit(request: Request) -> Audit:
    """Read, check, find cohorts, compare.

    Raises
    ------
    TableError, ParamsError
        One sentence for what does not fit; nothing is written by this function either way.
    """
    utterances = read_utterances(request)
    warnings = list(utterances.warnings)
    groupings = known_groupings(utterances.attributes, request)
    if request.discover:
        from isogloss.audit.discovering import discover  # slow to import

        for rule_name in request.discover:
            grouping, said = discover(rule_name, utterances, request)
            groupings.append(grouping)
            warnings += said
    document = audit_document(utterances, groupings, request)
    named = () if groupings else tuple(candidates(utterances.attributes, rows=len(utterances.before)))
    return Audit(document=document, warnings=tuple(warnings), candidates=named)
