"""A PKCS #11 token in software (SoftHSM 2), for tests: the Debian package is installed where that may be done."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
PIN = "123456"
SO_PIN = "87654321"


@cache
def module() -> Path:
    """The library. Skips, loudly, where it is not there and cannot be installed (only root tries, by apt-get)."""
    found = _found()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"check": False, "capture_output": True, "timeout": 300}
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        subprocess.run(["apt-get", "install", "-y", "-qq", "softhsm2"], **quiet)
        found = _found()
    if found is None:
        pytest.skip("SoftHSM 2 IS NOT HERE: install the package softhsm2; keys in tokens are not tested")
    return found


def _found() -> Path | None:
    return next((Path(one) for one in MODULES if Path(one).exists() and shutil.which("softhsm2-util")), None)


def configure(folder: Path) -> None:
    """Tokens of this process live below `folder`; before the library is loaded."""
    tokens = folder / "tokens"
    tokens.mkdir(parents=True, exist_ok=True)
    file = folder / "softhsm2.conf"
    file.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(file)


def new_token(label: str) -> None:
    """A token of this name, with the PIN."""
    _util("--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", SO_PIN)


def drop_token(label: str) -> None:
    """Remove it, with all that is in it."""
    _util("--delete-token", "--token", label)


def _util(*arguments: str) -> None:
    done = subprocess.run(["softhsm2-util", *arguments], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
