"""Where the published suites lie; what came of each is counted by `tests.tally`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tally import Tally as Tally

ROOT = Path(__file__).resolve().parents[3] / "shared" / "vectors"


def vectors(name: str) -> Path:
    """The folder of the suite `name`; skips, and says so, where the suites are not beside the project."""
    folder = ROOT / name
    if not folder.is_dir():
        pytest.skip(f"the published suite {name} is not at {folder}", allow_module_level=True)
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
