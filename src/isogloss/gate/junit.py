"""A gate's result as JUnit XML: a suite with one test case for each check.

A harmed cohort is a failure, an undecided check is an error, and a cohort that cannot be judged but need not be is
skipped.
"""

import re
from xml.etree import ElementTree

from isogloss.gate.result import Check, GateResult

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def junit_xml(result: GateResult) -> str:
    """The XML document, with its declaration."""
    outcomes = [_outcome(check) for check in result.checks]
    counts = {tag: str(outcomes.count(tag)) for tag in ("failure", "error", "skipped")}
    sizes = {
        "tests": str(len(outcomes)),
        "failures": counts["failure"],
        "errors": counts["error"],
        "skipped": counts["skipped"],
    }
    root = ElementTree.Element("testsuites", {"name": "isogloss gate", **sizes})
    suite = ElementTree.SubElement(
        root, "testsuite", {"name": _text(f"{result.systems[1]} against {result.systems[0]}"), **sizes}
    )
    for check, outcome in zip(result.checks, outcomes, strict=True):
        group = check.grouping or "overall"
        case = ElementTree.SubElement(suite, "testcase", classname=_text(f"gate.{group}"), name=_text(check.label))
        if outcome is None:
            ElementTree.SubElement(case, "system-out").text = _text(check.reason)
        else:
            ElementTree.SubElement(case, outcome, message=_text(check.reason), type=check.verdict)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _outcome(check: Check) -> str | None:
    """The element of a check that did not pass; None for one that passed."""
    if check.verdict == "passed":
        return None
    if not check.blocks:
        return "skipped"
    return "failure" if check.verdict == "harmed" else "error"


def _text(text: str) -> str:
    """A text with the characters that XML cannot hold replaced."""
    return _FORBIDDEN.sub("\ufffd", text)
