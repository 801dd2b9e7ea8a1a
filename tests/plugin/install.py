"""Installs the package of toys as pip would, in a folder of its own."""

import shutil
from pathlib import Path

TOYS = Path(__file__).with_name("isogloss_toys")


def install_toys(site: Path, *, version: str = "1.0") -> None:
    """Copy the package into `site`, with the metadata that names its entry points; `site` belongs on PYTHONPATH."""
    shutil.copytree(TOYS, site / TOYS.name, ignore=shutil.ignore_patterns("__pycache__"))
    information = site / f"{TOYS.name}-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: isogloss-toys\nVersion: {version}\n")
    points = "".join(f"{path.stem} = isogloss_toys.{path.stem}\n" for path in sorted(TOYS.glob("[!_]*.py")))
    (information / "entry_points.txt").write_text(f"[isogloss.plugins]\n{points}")
