"""Stage `report_speaker@<method>`: the report of a mitigated verifier beside the base one."""

import sys

from isogloss.audit.verification.report import report_verifier
from isogloss.audit.writing import PAGE
from isogloss.config import load_params
from isogloss.entry import entry


@entry
def main(method: str) -> None:
    """Write the report and say where it is."""
    print((report_verifier(method, load_params()) / PAGE).as_posix())


if __name__ == "__main__":
    main(sys.argv[1])
