"""Repeated releases on one test set: a file with one line for each release, and the significance level of each.

If release after release is tried on the same speakers, one will pass by chance. So the number of releases is fixed
beforehand, each is tested at its share of the level (Bonferroni), and a release that passes hands its level on to the
next one: the fallback procedure (Wiens 2003), of the family of sequentially rejective procedures that Feng et al. 2022
(2203.11377) extend for modifications of a model that are validated on the same data. The probability that any harmful
release passes is then at most the level, as long as candidates are not fitted to what the gate has shown.

The file is JSON lines and belongs under version control. Each line must follow from those before it; judging the same
release again adds none.
"""

import json
from pathlib import Path

from pydantic import ValidationError

from isogloss.config import LedgerParams
from isogloss.errors import TableError
from isogloss.gate.result import Release
from isogloss.tables import atomic_path

TOLERANCE = 1e-9
"""Largest difference of two levels that counts as rounding."""


def read_ledger(path: Path) -> list[Release]:
    """All lines of a ledger; empty if there is no file yet.

    Raises
    ------
    TableError
        A line is damaged, or a level does not follow from the lines before it.
    """
    if not path.exists():
        return []
    found: list[Release] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            release = Release.model_validate_json(line)
        except ValidationError:
            raise TableError(f"{path}, line {number} is no line of a ledger; restore it from version control") from None
        of_set = [one for one in found if one.test_set == release.test_set]
        first = of_set[0] if of_set else release
        follows = (
            release.release == len(of_set) + 1
            and (release.digest, release.releases, release.alpha) == (first.digest, first.releases, first.alpha)
            and abs(release.level - level_after(of_set, alpha=release.alpha, releases=release.releases)) < TOLERANCE
        )
        if not follows:
            raise TableError(
                f"{path}, line {number} does not follow from the lines before it (release {release.release} on "
                f"{release.test_set!r}); a line was changed or removed, so restore the file from version control"
            )
        found.append(release)
    return found


def level_after(judged: list[Release], *, alpha: float, releases: int) -> float:
    """The one-sided level of the next release on a test set, after those that were judged on it."""
    share = alpha / releases
    return share + judged[-1].level if judged and judged[-1].verdict == "passed" else share


def known_or_next(path: Path, params: LedgerParams, *, digest: str, key: str, alpha: float) -> tuple[float, int, bool]:
    """Level and number of a release, and whether it was judged before.

    Parameters
    ----------
    path
        The file of the ledger.
    params
        The test set's name, and the planned number of releases.
    digest, key
        Digest of the test set; key of the release (`Release`).
    alpha
        One-sided level of all releases together.

    Raises
    ------
    TableError
        The ledger is damaged; the test set or the plan has changed; all planned releases have been judged.
    """
    judged = [one for one in read_ledger(path) if one.test_set == params.test_set]
    for one in judged:
        if one.digest != digest:
            raise TableError(
                f"{path}: the utterances of the test set {params.test_set!r} are not those of release {one.release}; "
                "give changed ones a new name (ledger.test_set)"
            )
        if (one.releases, one.alpha) != (params.releases, alpha):
            raise TableError(
                f"{path}: {params.test_set!r} was planned for {one.releases} releases at a level of {one.alpha:g}, not "
                f"{params.releases} at {alpha:g}; a plan cannot change while it is carried out"
            )
        if one.key == key:
            return one.level, one.release, True
    if len(judged) >= params.releases:
        raise TableError(
            f"{path}: all {params.releases} releases planned for the test set {params.test_set!r} have been judged; "
            "collect new speakers and give them a name of their own (ledger.test_set)"
        )
    return level_after(judged, alpha=alpha, releases=params.releases), len(judged) + 1, False


def add_release(path: Path, release: Release) -> None:
    """Add a line."""
    lines = path.read_text(encoding="utf-8") if path.exists() else ""
    with atomic_path(path) as temporary:
        temporary.write_text(lines + json.dumps(release.model_dump(mode="json")) + "\n", encoding="utf-8")
