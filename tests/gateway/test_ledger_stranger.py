"""A stranger's verifier, written from the C2SP texts and RFC 6962 alone, over a whole exported log.

It imports nothing of `gateway.ledger` to judge: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-tiles.
"""

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway import ledger
from schemas.log import Entry
from schemas.verification import Outcome, Report
from signing.signer import load_signer, sm2_signer

ORIGIN = "gateway.example/premiums"
CLIENT = Path(__file__).parents[1] / "tlog_client"


class Wrong(Exception):
    """The log is not what a log must be."""


def require(claim: bool, what: str) -> None:
    if not claim:
        raise Wrong(what)


def mth(entries: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def name_of(level: str, index: int, width: int) -> str:
    """<L>/<N>[.p/<W>]: N in zero-padded elements of three digits, all but the last with an x."""
    digits = str(index)
    digits = digits.zfill((len(digits) + 2) // 3 * 3)
    elements = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    path = "/".join(["x" + element for element in elements[:-1]] + elements[-1:])
    return f"tile/{level}/{path}" + (f".p/{width}" if width != 256 else "")


def signed_text(note: str, key: str) -> str:
    """The note's text, if the Ed25519 key signed it."""
    name, key_id, encoded = key.split("+", 2)
    blob = base64.b64decode(encoded)
    require(blob[0] == 1 and len(blob) == 33, "not an Ed25519 key")
    require(hashlib.sha256(name.encode() + b"\n" + blob).digest()[:4].hex() == key_id, "the key ID is another")
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        raw = base64.b64decode(signature)
        if (dash, signer, raw[:4].hex()) == ("—", name, key_id):
            try:
                Ed25519PublicKey.from_public_bytes(blob[1:]).verify(raw[4:], text.encode())
            except InvalidSignature as error:
                raise Wrong("the signature does not hold") from error
            return text
    raise Wrong("not signed by the key")


def verify_log(folder: Path, key: str) -> list[dict[str, Any]]:
    """Everything that the checkpoint covers, recomputed from the entries; the entries."""
    return [json.loads(entry) for entry in verify_entries(folder, key)]


def verify_entries(folder: Path, key: str) -> list[bytes]:
    """As `verify_log`; the entries' bytes."""
    lines = signed_text((folder / "checkpoint").read_text(), key).split("\n")
    require(lines[0] == ORIGIN, "another log")
    size, root = int(lines[1]), base64.b64decode(lines[2])
    entries: list[bytes] = []
    for index in range((size + 255) // 256):
        width = min(256, size - index * 256)
        bundle = (folder / name_of("entries", index, width)).read_bytes()
        for _ in range(width):
            length = int.from_bytes(bundle[:2], "big")
            require(len(bundle) >= 2 + length, "a bundle ends within an entry")
            entries.append(bundle[2 : 2 + length])
            bundle = bundle[2 + length :]
        require(bundle == b"", "a bundle has more than its entries")
    require(mth(entries) == root, "the root is another")
    level, span = 0, 1
    while size // span:
        count = size // span
        for index in range((count + 255) // 256):
            width = min(256, count - index * 256)
            tile = (folder / name_of(str(level), index, width)).read_bytes()
            first = index * 256
            expected = [mth(entries[place * span : (place + 1) * span]) for place in range(first, first + width)]
            require(tile == b"".join(expected), f"tile {level}/{index} is another")
        level, span = level + 1, span * 256
    return entries


@pytest.fixture(scope="module")
def exported(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 66,000 entries (three levels of tiles), published in uneven steps, with its folder."""
    from gateway.db import create_database

    folder = tmp_path_factory.mktemp("log")
    dsn = create_database(postgres, f"stranger_{folder.parent.name.replace('-', '_')}", template="template_migrated")
    pem = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    signers = load_signer(pem), sm2_signer(42)

    async def build() -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            at = datetime(2026, 6, 1, tzinfo=UTC)
            written = 0
            for size in (1, 255, 256, 1000, 40_000, 66_000):
                for start in range(written, size, 5000):
                    entries = [
                        Entry(kind="premium", at=at, body={"number": number})
                        for number in range(start, min(size, start + 5000))
                    ]
                    await ledger.append(connection, entries, ORIGIN)
                written = size
                await ledger.publish(connection, signers[0], beside=[signers[1]], origin=ORIGIN, at=at)
            await ledger.export(connection, folder, [ledger.key_of(ORIGIN, signer) for signer in signers])

    asyncio.run(build())
    return folder


def key_line(folder: Path) -> str:
    return (folder / "key").read_text().splitlines()[0]


def test_a_stranger_finds_the_exported_log_whole(exported: Path) -> None:
    entries = verify_log(exported, key_line(exported))
    assert [entry["body"]["number"] for entry in entries] == list(range(66_000))


def audited(folder: Path) -> Report:
    return ledger.audit(ledger.fetch_from_folder(folder), (folder / "key").read_text())


def test_our_audit_agrees(exported: Path) -> None:
    report = audited(exported)
    assert report.outcome is Outcome.PASSED
    assert {check.rule: check.facts for check in report.checks}["log.entries"] == {"count": 66_000}


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def reseal(folder: Path, change: Callable[[str], str]) -> None:
    """Another text under the same signatures."""
    file = folder / "checkpoint"
    file.write_text(change(file.read_text()))


TAMPERED: dict[str, tuple[Callable[[Path], None], dict[str, str]]] = {
    "an entry": (
        lambda folder: flip(folder / "tile/entries/007", 60),
        {"log.entries": "not-an-entry", "log.tiles": "differs", "log.root": "differs"},
    ),
    "a leaf hash": (lambda folder: flip(folder / "tile/0/003", 40), {"log.tiles": "differs"}),
    "an inner hash": (lambda folder: flip(folder / "tile/1/000", 40), {"log.tiles": "differs"}),
    "a partial tile": (lambda folder: flip(folder / "tile/2/000.p/1", 4), {"log.tiles": "differs"}),
    "a missing tile": (lambda folder: (folder / "tile/0/255").unlink(), {"log.tiles": "missing"}),
    "a longer tile": (
        lambda folder: (folder / "tile/0/255").write_bytes(bytes(8193)),
        {"log.tiles": "differs"},
    ),
    "a missing bundle": (
        lambda folder: (folder / "tile/entries/200").unlink(),
        {"log.entries": "missing", "log.tiles": "not-reached", "log.root": "not-reached"},
    ),
    "a longer bundle": (
        lambda folder: (folder / "tile/entries/200").write_bytes((folder / "tile/entries/200").read_bytes() + b"\0"),
        {"log.entries": "malformed", "log.tiles": "not-reached", "log.root": "not-reached"},
    ),
    "a smaller size": (
        lambda folder: reseal(folder, lambda text: text.replace("66000", "65999")),
        {"log.checkpoint": "bad-signature"},
    ),
    "another origin": (
        lambda folder: reseal(folder, lambda text: text.replace(ORIGIN, "other.example/log", 1)),
        {"log.checkpoint": "bad-signature"},
    ),
    "no signature": (
        lambda folder: reseal(folder, lambda text: text.replace("— gateway", "— stranger")),
        {"log.checkpoint": "unknown-signer"},
    ),
    "no checkpoint": (lambda folder: (folder / "checkpoint").unlink(), {"log.checkpoint": "missing"}),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_both_find_what_was_changed(exported: Path, tmp_path: Path, what: str) -> None:
    folder = tmp_path / "log"
    shutil.copytree(exported, folder)
    tamper, reasons = TAMPERED[what]
    tamper(folder)
    report = audited(folder)
    assert report.outcome is Outcome.FAILED
    found = {check.rule: check.reason for check in report.checks if check.reason is not None}
    assert reasons.items() <= found.items()
    assert set(found) - set(reasons) <= {"log.entries", "log.tiles", "log.root"}
    with pytest.raises((Wrong, FileNotFoundError)):
        verify_log(folder, key_line(folder))


def test_what_could_not_be_fetched_is_unknown(exported: Path) -> None:
    read = ledger.fetch_from_folder(exported)

    def fetch(path: str) -> bytes:
        if path == "tile/entries/100":
            raise TimeoutError(path)
        return read(path)

    report = ledger.audit(fetch, (exported / "key").read_text())
    assert report.outcome is Outcome.INDETERMINATE
    assert report.failing() == ("log.entries", "log.tiles", "log.root")


def test_a_full_tile_serves_for_a_partial_one(exported: Path, tmp_path: Path) -> None:
    """C2SP tlog-tiles lets a log delete a partial tile once it has the full one."""
    folder = tmp_path / "log"
    shutil.copytree(exported, folder)
    for level in ("0", "entries"):
        partial = folder / f"tile/{level}/257.p/208"
        rest = bytes(48 * 32) if level == "0" else b"\x00\x01x" * 48
        (folder / f"tile/{level}/257").write_bytes(partial.read_bytes() + rest)
        partial.unlink()
    assert audited(folder).outcome is Outcome.PASSED


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody else's client of such logs: Go's (golang.org/x/mod/sumdb, of Debian), with a page of ours around it."""
    from tests.debian import program, sources  # here: what stands above is run as a script too, outside of the tests

    go = program("golang-go", "go")
    library = sources("golang-golang-x-mod-dev", Path("/usr/share/gocode/src/golang.org/x/mod"))
    folder = tmp_path_factory.mktemp("client")
    shutil.copy(CLIENT / "main.go", folder)
    (folder / "go.mod").write_text(
        f"module stranger\n\ngo 1.19\n\nrequire golang.org/x/mod v0.0.0\n\nreplace golang.org/x/mod => {library}\n"
    )
    built = subprocess.run(
        [go, "build", "-o", "stranger", "."],
        cwd=folder,
        env={**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GO111MODULE": "on"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder / "stranger"


def test_somebody_elses_client_reads_the_log(exported: Path, client: Path, tmp_path: Path) -> None:
    told = subprocess.run([client, exported], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["signer"], found["size"], found["entries"]) == (ORIGIN, 66_000, 66_000)
    assert found["proved"] > 300
    folder = tmp_path / "log"
    shutil.copytree(exported, folder)
    flip(folder / "tile/0/003", 40)
    changed = subprocess.run([client, folder], capture_output=True, text=True, check=False)
    assert changed.returncode == 1
    assert "inconsistent tile" in changed.stderr or "invalid transparency proof" in changed.stderr


def test_a_key_that_cannot_be_read_is_no_verdict(exported: Path) -> None:
    with pytest.raises(ledger.NoteRefused):
        ledger.audit(ledger.fetch_from_folder(exported), "no key")
