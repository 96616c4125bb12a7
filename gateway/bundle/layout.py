"""The layout of an evidence bundle: a ZIP whose every file is named, with its digest, in `manifest.json`.

manifest.json                 format, premium, revision, settings, digests of all other files
cover.html                    for people; as PDF it stands beside the bundle: see `gateway.bundle.cover`
premiums/INSURER/NUMBER/R.json    every revision, canonical, as logged; also of premiums that hang together with it
submissions/ID/body           a message's raw bytes as they came
submissions/ID/message.json   who sent it, when, under which key, the signature base and signature of its request
submissions/ID/receipt.json   what it was told
documents/SHA256/bytes        a sealed document; missing if it was erased by order
documents/SHA256/document.json    who handed it in, when; every verdict on it; by which order it was erased
filings/N.json                what the registries stated of the insurers, as known from a moment on
registries.json               what the other registries state of the product and its holder
claims.json                   in which ways the product's approval number was told, first told first
participants.json             the participants whose keys signed
catalogue.json                the rules
trust/…                       the trust folder, with its revocation data
log/checkpoint, log/key       the signed tree head that everything is proven against
log/timestamps.json           time-stamps of others on the log, if there are any: statements, tokens, checkpoints
log/leaves.json               each leaf: index, entry, path to the root (RFC 6962 section 2.1.1)
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from schemas.archive import write_archive
from schemas.base import Noun
from schemas.canonical import canonical

FORMAT = "premium-evidence/1.0"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"


class Manifest(Noun):
    """What a bundle is about, and the digest of each of its files by path."""

    format: str
    insurer: str
    policy_no: str
    revision: int
    made_at: str
    settings: dict[str, Any]
    files: dict[str, str]


def digest_of(data: bytes) -> str:
    """`sha256:` and hex."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def write_bundle(files: Mapping[str, bytes], about: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> bytes:
    """The ZIP of these files; the same files give the same bytes. `about` is the manifest without its list; `sign`
    makes the signature of the log's key over the manifest."""
    listed = {path: digest_of(data) for path, data in sorted(files.items())}
    manifest = canonical(Manifest.model_validate({**about, "format": FORMAT, "files": listed}))
    return write_archive({MANIFEST: manifest, SIGNATURE: sign(manifest), **dict(sorted(files.items()))})
