"""A release gate as an assertion, for the tests of other projects.

from isogloss.testing import assert_no_cohort_harmed

def test_the_new_model_harms_nobody():
    assert_no_cohort_harmed("base.csv", "new.csv", by=["gender", "accent"], relative=0.1)
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.config import GateParams, validated
from isogloss.gate import GateResult, run_gate
from isogloss.gate.markdown import markdown

if TYPE_CHECKING:
    import pandas as pd


def assert_no_cohort_harmed(
    baseline: "str | Path | pd.DataFrame",
    candidate: "str | Path | pd.DataFrame",
    *,
    by: Sequence[str] = (),
    relative: float | None = None,
    absolute: float | None = None,
    undecided: bool = False,
    **options: Any,
) -> GateResult:
    """Fail unless a candidate keeps its margins for all speakers together and for each cohort.

    Parameters
    ----------
    baseline, candidate
        Transcripts with utterance_id, speaker_id, ref and hyp: a table that `isogloss audit` reads, or a DataFrame.
    by
        Columns of the baseline whose values are cohorts; `a+b` for intersections.
    relative, absolute
        The margin (`config.MarginParams`), a fraction; one of them or both.
    undecided
        Whether a candidate passes too that is not shown to harm anybody, though the margins are not shown to hold.
        That is no evidence for the candidate: a test of few speakers never shows harm.
    options
        Further keys of gate.yaml, such as `normalise=["lower"]`, `statistics={"min_speakers": 30}`.

    Returns
    -------
    The result, where it passes.

    Raises
    ------
    AssertionError
        A cohort is harmed, or the speakers do not allow a decision; the message is the Markdown summary.
    ParamsError, TableError
        The tables do not fit together.

    Examples
    --------
    >>> assert_no_cohort_harmed("base.csv", "new.csv", by=["gender"], relative=0.1)  # doctest: +SKIP
    """
    with tempfile.TemporaryDirectory() as name:
        sides = {
            role: _path(transcripts, Path(name) / f"{role}.parquet")
            for role, transcripts in (("baseline", baseline), ("candidate", candidate))
        }
        margin = {"relative": relative, "absolute": absolute}
        content: Mapping[str, Any] = {**sides, "margin": margin, "cohorts": list(by), **options}
        result = run_gate(validated(content, GateParams, where="assert_no_cohort_harmed"), Path.cwd())
    if result.verdict == "harmed" or (result.verdict == "undecided" and not undecided):
        raise AssertionError(markdown(result))
    return result


def _path(transcripts: "str | Path | pd.DataFrame", file: Path) -> str:
    """The path of a table; a DataFrame is written to `file`."""
    if isinstance(transcripts, str | Path):
        return str(transcripts)
    transcripts.to_parquet(file, index=False)
    return str(file)
