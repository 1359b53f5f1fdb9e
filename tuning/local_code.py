"""Packages of upsweep's from a checkout, to travel with a job in place of those that the cluster has."""

import shutil
from pathlib import Path

from data_utils.errors import InputError

PACKAGES = ("data_utils", "trainables", "tuning")


def pack(code: Path, folder: Path) -> None:
    """Copy upsweep's packages from a checkout to a job's folder, which Python looks into first.

    Raises:
        InputError: some are not there.
    """
    missing = [name for name in PACKAGES if not (code / name / "__init__.py").is_file()]
    if missing:
        problem = f"holds no {', '.join(missing)}; give a checkout of upsweep's, with its packages {', '.join(PACKAGES)}"
        raise InputError(f"--code {code}", [problem])
    for name in PACKAGES:
        shutil.copytree(code / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
