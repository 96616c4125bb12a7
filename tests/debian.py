"""Programs of Debian that tests need: installed by root where they are missing, else the test is skipped, loudly."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest


def program(package: str, *names: str) -> str:
    """The path of the first of these programs that is there; as root its package is installed if none is.

    Skips the test where that cannot be done.
    """
    return _wanted(package, lambda: next((path for name in names if (path := shutil.which(name))), None))


def sources(package: str, folder: Path) -> Path:
    """A folder that a package brings; installed and skipped like a program."""
    return Path(_wanted(package, lambda: str(folder) if folder.is_dir() else None))


def _wanted(package: str, find: Callable[[], str | None]) -> str:
    found = find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        with (Path(tempfile.gettempdir()) / "gateway-tests-apt.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes, one package manager
            if (found := find()) is None:
                for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
                    subprocess.run(
                        ["apt-get", *command],
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        timeout=600,
                        check=False,
                        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                    )
                found = find()
    if found is None:
        pytest.skip(f"MISSING: {package} is not installed and cannot be, so nothing here was tested")
    return found
