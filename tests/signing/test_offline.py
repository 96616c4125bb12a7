"""The judge speaks to nobody: every vector is judged in a process in which no socket, process or file can be opened."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JUDGE = """
import json, sys, tomllib
from pathlib import Path

sys.path.insert(0, {root!r})
told = set()
FORBIDDEN = ("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "poplib.", "imaplib.", "telnetlib.", "subprocess.")
FORBIDDEN += ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.", "ssl.", "asyncio.")
alone = []

def watch(event, arguments):
    if event.startswith(FORBIDDEN):
        raise RuntimeError("forbidden: " + event)
    if alone and (event == "open" or event.startswith(("os.", "shutil.", "import", "ctypes.dlopen"))):
        raise RuntimeError("forbidden while judging: " + event + " " + repr(arguments)[:100])

sys.addaudithook(watch)
import signing
from signing.errors import Unreadable

folder = Path({root!r}) / "tests" / "vectors"
trust = signing.TrustStore.load(folder / "trust")
cases = []
for path in sorted((folder / "seals").glob("*.toml")):
    vector = tomllib.loads(path.read_text(encoding="utf-8"))
    detached = (path.parent / vector["detached"]).read_bytes() if "detached" in vector else None
    cases.append((path.stem, vector, (path.parent / vector["document"]).read_bytes(), detached))

def judge(vector, document, detached):
    try:
        return signing.verify_document(document, trust=trust, at=vector["at"], detached=detached).outcome.value
    except Unreadable:
        return "unreadable"

for _, vector, document, detached in cases:  # what is imported on first use is imported now
    judge(vector, document, detached)
{probe}
alone.append(True)
found = {{name: judge(vector, document, detached) for name, vector, document, detached in cases}}
alone.clear()
wrong = [name for name, vector, _, _ in cases if found[name] != vector["outcome"]]
print(json.dumps({{"judged": len(found), "wrong": wrong}}))
"""


def run(probe: str = "") -> subprocess.CompletedProcess[str]:
    code = JUDGE.format(root=str(ROOT), probe=probe)
    return subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=300, check=False)


def test_every_vector_is_judged_without_a_socket() -> None:
    found = run()
    assert found.returncode == 0, found.stderr
    assert '"wrong": []' in found.stdout
    assert int(found.stdout.partition('"judged": ')[2].partition(",")[0]) > 200


@pytest.mark.parametrize(
    "probe",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/crl')",
        "import requests; requests.get('http://127.0.0.1:9/ocsp')",
        "import subprocess; subprocess.run(['true'])",
        "alone.append(True); open('/etc/hostname')",
    ],
)
def test_the_watch_would_see_it(probe: str) -> None:
    found = run(probe)
    assert found.returncode != 0
    assert "forbidden" in found.stderr


def test_nothing_is_fetched_by_construction() -> None:
    """The library that could fetch is never told how: no fetchers, no fetching, and no loop that could wait for any."""
    for path in sorted((ROOT / "signing").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert "allow_fetching" not in text, path
        assert "fetcher" not in text, path
        assert "asyncio" not in text, path
