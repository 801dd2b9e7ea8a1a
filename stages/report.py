"""Stage `report`: the fairness report and the metrics that `dvc metrics` and `dvc exp show` list."""

from pathlib import Path

from isogloss.entry import entry
from isogloss.report.page import build_report


@entry
def main() -> None:
    """Build the page and say where it is."""
    build_report(Path())
    print("reports/fairness.html")


if __name__ == "__main__":
    main()
