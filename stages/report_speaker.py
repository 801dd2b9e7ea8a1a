"""Stage `report_speaker@<method>`: the report of a mitigated verifier beside the base one."""

import sys

from isogloss.entry import entry
from isogloss.report.folder import PAGE
from isogloss.report.verifier import report_verifier


@entry
def main(method: str) -> None:
    """Write the report and say where it is."""
    print((report_verifier(method) / PAGE).as_posix())


if __name__ == "__main__":
    main(sys.argv[1])
