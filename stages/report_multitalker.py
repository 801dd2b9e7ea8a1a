"""Stage `report_multitalker@<system>`: what a system hears when talkers overlap, as a page."""

import sys
from pathlib import Path

from isogloss.entry import entry
from isogloss.report.conversations_page import write_conversations_page


@entry
def main(system: str) -> None:
    """Write the page and say where it is."""
    page = Path("reports/multitalker") / f"{system}.html"
    write_conversations_page(Path("results/multitalker") / system, page)
    print(page.as_posix())


if __name__ == "__main__":
    main(sys.argv[1])
