"""A past that was told once is kept for a week: whoever starts the demonstration again does not wait again.

Kept is the whole folder: trust, participants, keys, and the database's own files, under a name that changes with every
line of this software. What is kept is nobody's truth; it may be deleted at any time.
"""

import hashlib
import json
import os
import shutil
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_SOURCES = ("sandbox", "gateway", "signing", "adapters", "schemas", "untrusted")
_SUFFIXES = frozenset({".py", ".toml", ".sql"})
_AGE = timedelta(days=7)  # the lists of revoked certificates in it are good for thirty
_META = "kept.json"


def place(seed: int, policies: int) -> Path:
    """Where the past of that world is kept, whether or not it is: below the user's cache, named by all that made it."""
    digest = hashlib.sha256(f"{seed}/{policies}".encode())
    for package in _SOURCES:
        for file in sorted((_ROOT / package).rglob("*")):
            if file.suffix in _SUFFIXES:
                digest.update(str(file.relative_to(_ROOT)).encode() + b"\x00" + file.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "insurer-gateway" / f"past-{digest.hexdigest()[:24]}"


def find_kept(kept: Path, now: datetime) -> datetime | None:
    """The moment of the world that is kept there; None if nothing is, or if it is too old to begin with."""
    try:
        at = datetime.fromisoformat(json.loads((kept / _META).read_text(encoding="utf-8"))["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return at.astimezone(UTC) if at.tzinfo is not None and timedelta(0) <= now - at < _AGE else None


def keep(folder: Path, kept: Path, at: datetime) -> None:
    """Keep a copy of the folder, in which nothing runs; what was kept of other worlds, or by other software, goes.

    Where it cannot be kept, it is not.
    """
    with suppress(OSError, subprocess.CalledProcessError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        for old in kept.parent.glob("past-*"):
            shutil.rmtree(old, ignore_errors=True)
        unfinished = kept.with_name(f"past-unfinished-{os.getpid()}")
        _copy(folder, unfinished)
        (unfinished / _META).write_text(json.dumps({"at": at.isoformat()}), encoding="utf-8")
        unfinished.rename(kept)


def bring_back(kept: Path, folder: Path) -> None:
    """What is kept, into the empty `folder`: files that belong to the database's own account still do."""
    _copy(kept, folder)
    (folder / _META).unlink()


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run([shutil.which("cp") or "/bin/cp", "-a", f"{source}/.", str(target)], check=True)
