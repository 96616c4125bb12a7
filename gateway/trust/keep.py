"""How files get into a trust folder: whole or not at all, one writer at a time, under names that stay the same."""

import base64
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.trust.folder import Folder, Held
from gateway.trust.revocations import Answer, NotSigned, answers, list_facts, list_scope, list_signer
from signing.certificate import fingerprint
from signing.checks.paths import Link
from signing.revocation import BadRevocationData, parse_crl

_NAME = re.compile(r"CN=((?:[^,+\\]|\\.)*)")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else writes to the folder meanwhile. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path`: a reader sees the old file or the new one, after a crash too. Raises OSError.

    The name of what is being written begins with a dot, so that a trust store never reads half a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def armoured(der: bytes) -> bytes:
    """A certificate in PEM (RFC 7468)."""
    text = base64.b64encode(der)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return b"\n".join((b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""))


def certificate_name(der: bytes, subject: str) -> str:
    """The name of a certificate's file: what it is called, for people, and its digest, which makes it the only one."""
    return f"{_slug(subject, 'certificate')}-{fingerprint(der)[:16]}.pem"


def place_of_list(folder: Folder, der: bytes, signer: Link, known: Sequence[Link]) -> tuple[str, Held | None]:
    """Where a list belongs, as `crl/name`, and the latest of its scope that it would take the place of, if any.

    A file of the operator's own naming keeps its name, as long as it holds nothing else.
    """
    scope = list_scope(der, signer)
    same = [held for held in folder.within("crl") if _scope(held, known) == scope]
    latest = max(same, key=lambda held: parse_crl(held.der).this_update, default=None)
    for held in same:
        if sum(other.file == held.file for other in folder.held) == 1:
            return held.file, latest
    return f"crl/{_slug(list_facts(der).issuer, 'list')}-{scope[:16]}.crl", latest


def place_of_response(folder: Folder, about: Answer) -> tuple[str, Held | None]:
    """Where a response about this certificate belongs, as `ocsp/name`, and the one that it would take the place of."""
    same = [
        held
        for held in folder.within("ocsp")
        if any(
            one.serial == about.serial
            and one.issuer_key_hash == about.issuer_key_hash
            and one.hash_oid == about.hash_oid
            for one in _answers(held)
        )
    ]
    for held in same:
        if sum(other.file == held.file for other in folder.held) == 1 and len(_answers(held)) == 1:
            return held.file, held
    digest = hashlib.sha256(
        about.issuer_name_hash + about.issuer_key_hash + about.serial.to_bytes(32, "big", signed=True)
    )
    return f"ocsp/answer-{digest.hexdigest()[:16]}.der", same[0] if same else None


def _scope(held: Held, known: Sequence[Link]) -> str | None:
    try:
        return list_scope(held.der, list_signer(held.der, known))
    except NotSigned:
        return None


def _answers(held: Held) -> tuple[Answer, ...]:
    try:
        return answers(held.der)
    except BadRevocationData:
        return ()


def _slug(name: str, otherwise: str) -> str:
    """The common name in letters that every file system has."""
    found = _NAME.search(name)
    slug = re.sub(r"[^a-z0-9]+", "-", found[1].lower() if found else "").strip("-")[:40].strip("-")
    return slug or otherwise
