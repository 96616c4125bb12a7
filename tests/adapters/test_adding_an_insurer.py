"""docs/adding-an-insurer.md is true: its commands are run, its edits made, and what it shows is what comes out."""

import contextlib
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import main
from sandbox.newcomer import export, records

ROOT = Path(__file__).parents[2]
PAGES = ("docs/adding-an-insurer.md", "docs/adding-an-insurer.zh-CN.md")
_FENCE = re.compile(r"^```(console|diff [^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each fenced block that is run: what it is, and its lines."""
    for kind, body in _FENCE.findall((ROOT / page).read_text(encoding="utf-8")):
        yield kind, body.splitlines()


def edited(text: str, block: list[str]) -> str:
    """The text after an edit: what is taken away and what stands around it must be there, once."""
    for hunk in "\n".join(block).split("\n@@\n"):
        lines = hunk.split("\n")
        before = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
        after = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
        assert text.count(before) == 1, hunk
        text = text.replace(before, after)
    return text


def test_the_sample_is_what_the_sandbox_writes() -> None:
    assert (ROOT / "docs/samples/demo-list.csv").read_bytes() == export(records())


def output(command: str, capture: pytest.CaptureFixture[bytes]) -> list[str]:
    """What a command line prints. `gateway` runs in this process, what it is piped into in a shell."""
    first, _, rest = command.partition(" | ")
    if not first.startswith("gateway "):
        return shell(command, b"")
    main(shlex.split(first)[1:])
    printed = capture.readouterr().out
    return shell(rest, printed) if rest else printed.decode().splitlines()


def shell(command: str, given: bytes) -> list[str]:
    ran = subprocess.run(["bash", "-c", command], input=given, capture_output=True, check=True)
    return ran.stdout.decode().splitlines()


@pytest.mark.parametrize("page", PAGES)
def test_the_walk_is_as_it_is_written(page: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    shutil.copytree(ROOT / "docs/samples", tmp_path / "docs/samples")
    commands = 0
    with contextlib.chdir(tmp_path):
        for kind, lines in blocks(page):
            if kind.startswith("diff "):
                file = Path(kind.removeprefix("diff "))
                file.write_text(edited(file.read_text(encoding="utf-8"), lines), encoding="utf-8")
                continue
            command, *shown = lines
            assert output(command.removeprefix("$ "), capfdbinary) == shown, command
            commands += 1
        assert "Undecided(" not in Path("work/demo_pc.py").read_text(encoding="utf-8")
    assert commands >= 10


def test_both_pages_make_the_same_edits() -> None:
    english, chinese = ([block for block in blocks(page) if block[0].startswith("diff")] for page in PAGES)
    assert english == chinese
    assert len(english) == 7
