"""Programs of Debian that tests need: installed by root where they are missing, else the test is skipped, loudly."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def program(package: str, *names: str) -> str:
    """The path of the first of these programs that is there; as root its package is installed if none is.

    Skips the test where that cannot be done.
    """
    found = _found(names)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        with (Path(tempfile.gettempdir()) / "gateway-tests-apt.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes, one package manager
            if (found := _found(names)) is None:
                for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
                    subprocess.run(
                        ["apt-get", *command],
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        timeout=600,
                        check=False,
                        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                    )
                found = _found(names)
    if found is None:
        pytest.skip(f"MISSING: {package} is not installed and cannot be, so nothing here was tested")
    return found


def _found(names: tuple[str, ...]) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)
