"""Where the published suites and the domain samples lie, beside the project; whoever lacks them is told so loudly."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def vectors(name: str) -> Path:
    """The folder of the published suite `name`; skips the test, or the module, where it is missing."""
    return shared(f"vectors/{name}")


def shared(path: str) -> Path:
    """A file or folder of the shared material; skips the test, or the module, where it is missing."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"MISSING: {found} is not beside the project, so nothing here was tested", allow_module_level=True)
    return found
