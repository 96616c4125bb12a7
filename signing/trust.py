"""Whom this verifier believes: anchors by purpose, revocation data, policy, and which seal belongs to which insurer.

A trust folder is plain files that an operator can read and compare; its digest is part of every report that rests on
it. Loading is the only place where `signing` touches the disk.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

from asn1crypto import pem

from schemas.canonical import canonical
from schemas.verification import SealIdentity, SignerIdentity
from signing.certificate import BadCertificate, parse_certificate
from signing.revocation import BadRevocationData, parse_crl, parse_ocsp

_BEIJING = timezone(timedelta(hours=8))
_LARGEST_FILE = 64 << 20  # the largest list of a busy authority is about 30 MiB
_CERTIFICATE_FOLDERS = ("signers", "seal-makers", "tsa", "xml", "intermediates")
_FOLDERS = frozenset((*_CERTIFICATE_FOLDERS, "crl", "ocsp"))
_NOT_OCTETS = frozenset({"policy", "owners", "digest"})
_FILES = frozenset({"policy.toml", "owners.toml"})


class TrustError(ValueError):
    """The trust folder cannot be used; the message names the file and says why."""


class Purpose(StrEnum):
    """What a certificate was used for; each purpose has its own anchors."""

    document_signing = "document_signing"
    seal_making = "seal_making"
    timestamping = "timestamping"
    request_signing = "request_signing"
    xml_signing = "xml_signing"
    any = "any"


_ANCHORS: Mapping[Purpose, tuple[str, ...]] = {
    Purpose.document_signing: ("signers",),
    Purpose.seal_making: ("seal-makers",),
    Purpose.timestamping: ("tsa",),
    Purpose.request_signing: ("signers",),
    Purpose.xml_signing: ("xml",),
    Purpose.any: ("signers", "seal-makers", "tsa", "xml"),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The switches of `policy.toml`; what the file does not say is strict. Days, hours and seconds are whole numbers.

    - `revocation`: `require` makes a certificate without revocation data indeterminate; `if-available` passes it.
    - `crl_max_age_hours`: oldest usable list, besides its own nextUpdate; 0 leaves it to nextUpdate alone.
    - `clock_skew_seconds`: allowed at both ends of every validity period.
    - `require_key_usage`: an end-entity certificate must have the keyUsage extension (GM/T 0015).
    - `accept_extended_key_usages`: further OIDs that allow signing a document.
    - `allow_test_certificates`: names with TEST or 测试 are believed.
    - `allow_unattributed_pdf`: a PDF signature without signed attributes may pass; `allow_embedded_files`: a PDF may
      carry files, which no reader shows with it.
    - `interop_repair`: repair known encoding faults of vendors, always flagged; `allow_v5`: judge GM/T 0031-2025 seals.
    - `allow_rsa_seals`: RSA with SHA-256, of at least 2048 bits, in seals and seal signatures and in OFD.
    - `certificate_policies`: dotted OIDs of which a chain must carry one (RFC 5280 section 6.1.1 c), empty for any;
      `require_explicit_policy`, `inhibit_policy_mapping`, `inhibit_any_policy`: its inputs d to f.
    - `timestamp_tolerance_minutes`: how far a claimed moment may be from its proof or lie in the future.
    """

    interop_repair: bool = True
    allow_v5: bool = False
    allow_rsa_seals: bool = False
    allow_unattributed_pdf: bool = False
    allow_embedded_files: bool = False
    allow_test_certificates: bool = False
    require_key_usage: bool = True
    accept_extended_key_usages: tuple[str, ...] = ()
    certificate_policies: tuple[str, ...] = ()
    require_explicit_policy: bool = False
    inhibit_policy_mapping: bool = False
    inhibit_any_policy: bool = False
    revocation: Literal["require", "if-available"] = "require"
    crl_max_age_hours: int = 0
    clock_skew_seconds: int = 0
    timestamp_tolerance_minutes: int = 10

    @property
    def clock_skew(self) -> timedelta:
        """`clock_skew_seconds` as a duration."""
        return timedelta(seconds=self.clock_skew_seconds)

    @property
    def timestamp_tolerance(self) -> timedelta:
        """`timestamp_tolerance_minutes` as a duration."""
        return timedelta(minutes=self.timestamp_tolerance_minutes)

    @classmethod
    def read(cls, text: str) -> Self:
        """The policy of a `policy.toml`. Raises ValueError on an unknown key, a wrong type or a value out of range."""
        values = tomllib.loads(text)
        known = {one.name: one.default for one in fields(cls)}
        for key, value in values.items():
            if key not in known:
                raise ValueError(f"unknown policy key {key!r}")
            values[key] = _policy_value(key, value, known[key])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Owner:
    """One `[[owner]]` of `owners.toml`: by what an insurer's seals and certificates are known, and from when till when.

    `first` and `last` are days in Asia/Shanghai, both included. `names`, where given, must stand in the subject or in
    the name of the seal, character for character; a name alone never makes an owner.
    """

    insurer: str
    credit_code: str | None = None
    names: tuple[str, ...] = ()
    seal_ids: frozenset[str] = frozenset()
    certificates: frozenset[str] = frozenset()
    first: date | None = None
    last: date | None = None

    def holds_at(self, at: datetime) -> bool:
        """The entry is in force on the day of `at` in Asia/Shanghai."""
        day = at.astimezone(_BEIJING).date()
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class TrustStore:
    """A loaded trust folder: DER bytes by category, policy, owners, and the digest that identifies all of it."""

    signers: tuple[bytes, ...] = ()
    seal_makers: tuple[bytes, ...] = ()
    tsa: tuple[bytes, ...] = ()
    xml: tuple[bytes, ...] = ()
    intermediates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    policy: Policy = Policy()
    owners: tuple[Owner, ...] = ()
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        for one in fields(self):
            if one.name not in _NOT_OCTETS:  # in one order: a store is its contents, whatever its files are called
                object.__setattr__(self, one.name, tuple(sorted(set(getattr(self, one.name)))))
        object.__setattr__(self, "digest", _digest(self))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a trust folder; an empty one is legal and trusts nobody.

        Raises `TrustError`, naming the file, on what is not a certificate, list, response or known setting, and on a
        folder or file that has no meaning here: a misspelt name must not silently trust less, or more.
        """
        if not folder.is_dir():
            raise TrustError(f"{folder}: not a folder")
        for entry in sorted(folder.iterdir()):
            if not (entry.name.startswith((".", "README")) or entry.name in (_FOLDERS if entry.is_dir() else _FILES)):
                raise TrustError(f"{entry}: has no meaning in a trust folder")
        certificates = {name: _read_certificates(folder / name) for name in _CERTIFICATE_FOLDERS}
        return cls(
            signers=certificates["signers"],
            seal_makers=certificates["seal-makers"],
            tsa=certificates["tsa"],
            xml=certificates["xml"],
            intermediates=certificates["intermediates"],
            crls=_read_lists(folder / "crl"),
            ocsps=_read_responses(folder / "ocsp"),
            policy=_read_policy(folder / "policy.toml"),
            owners=_read_owners(folder / "owners.toml"),
        )

    def anchors(self, purpose: Purpose) -> tuple[bytes, ...]:
        """The DER certificates that end a path for `purpose`, each once."""
        folders = {"signers": self.signers, "seal-makers": self.seal_makers, "tsa": self.tsa, "xml": self.xml}
        return tuple(dict.fromkeys(der for name in _ANCHORS[purpose] for der in folders[name]))

    def owners_of(self, signer: SignerIdentity, seal: SealIdentity | None, at: datetime) -> tuple[str, ...]:
        """The insurers whose certificate, seal or credit code this is as of `at`, sorted; none if the signs contradict.

        A sign is a certificate digest, a seal id, or the 统一社会信用代码 of the subject. An insurer that one sign
        names and another denies is not an owner. The caller decides what no owner, or more than one, means.
        """
        in_force = [owner for owner in self.owners if owner.holds_at(at)]
        by_certificate = {o.insurer for o in in_force if signer.certificate_sha256 in o.certificates}
        by_seal = {o.insurer for o in in_force if seal is not None and seal.id in o.seal_ids}
        found = set()
        for owner in in_force:
            by_code = signer.credit_code is not None and signer.credit_code == owner.credit_code
            if not (by_code or owner.insurer in by_certificate | by_seal):
                continue
            denied = (
                (bool(by_certificate) and owner.insurer not in by_certificate)
                or (bool(by_seal) and owner.insurer not in by_seal)
                or (signer.credit_code is not None and owner.credit_code not in (None, signer.credit_code))
                or not _named(owner, signer, seal)
            )
            if not denied:
                found.add(owner.insurer)
        return tuple(sorted(found))


def _named(owner: Owner, signer: SignerIdentity, seal: SealIdentity | None) -> bool:
    texts = (signer.subject,) if seal is None else (signer.subject, seal.name)
    return not owner.names or any(name in text for name in owner.names for text in texts)


def _digest(store: TrustStore) -> str:
    """Sha256 over the canonical listing: same contents, same digest, whatever the files are called."""
    listing: dict[str, Any] = {
        one.name: sorted(hashlib.sha256(der).hexdigest() for der in getattr(store, one.name))
        for one in fields(TrustStore)
        if one.name not in _NOT_OCTETS
    }
    listing["policy"] = {
        one.name: list(value) if isinstance(value := getattr(store.policy, one.name), tuple) else value
        for one in fields(Policy)
    }
    listing["owners"] = sorted((_owner_listing(owner) for owner in store.owners), key=canonical)
    return "sha256:" + hashlib.sha256(canonical(listing)).hexdigest()


def _owner_listing(owner: Owner) -> dict[str, Any]:
    return {
        "insurer": owner.insurer,
        "credit_code": owner.credit_code,
        "names": sorted(owner.names),
        "seal_ids": sorted(owner.seal_ids),
        "certificates": sorted(owner.certificates),
        "from": owner.first.isoformat() if owner.first else None,
        "to": owner.last.isoformat() if owner.last else None,
    }


def _files(folder: Path) -> Iterable[tuple[Path, bytes]]:
    if not folder.exists():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_file():
            raise TrustError(f"{path}: not a file")
        if path.stat().st_size > _LARGEST_FILE:
            raise TrustError(f"{path}: larger than {_LARGEST_FILE} bytes")
        yield path, path.read_bytes()


def _items(path: Path, data: bytes, label: str) -> list[bytes]:
    """The DER values of a PEM file, or the file itself as one."""
    if not pem.detect(data):
        return [data]
    try:
        found = list(pem.unarmor(data, multiple=True))
    except ValueError as error:
        raise TrustError(f"{path}: {error}") from error
    for kind, _, _ in found:
        if kind != label:
            raise TrustError(f"{path}: holds a {kind}, not a {label}")
    return [der for _, _, der in found]


def _read_certificates(folder: Path) -> tuple[bytes, ...]:
    ders: dict[bytes, None] = {}
    for path, data in _files(folder):
        for der in _items(path, data, "CERTIFICATE"):
            try:
                parse_certificate(der)
            except BadCertificate as error:
                raise TrustError(f"{path}: {error}") from error
            ders[der] = None
    return tuple(ders)


def _read_lists(folder: Path) -> tuple[bytes, ...]:
    ders: dict[bytes, None] = {}
    for path, data in _files(folder):
        for der in _items(path, data, "X509 CRL"):
            try:
                parse_crl(der)
            except BadRevocationData as error:
                raise TrustError(f"{path}: {error}") from error
            ders[der] = None
    return tuple(ders)


def _read_responses(folder: Path) -> tuple[bytes, ...]:
    ders: dict[bytes, None] = {}
    for path, data in _files(folder):
        for der in _items(path, data, "OCSP RESPONSE"):
            try:
                parse_ocsp(der)
            except BadRevocationData as error:
                raise TrustError(f"{path}: {error}") from error
            ders[der] = None
    return tuple(ders)


def _read_policy(path: Path) -> Policy:
    if not path.exists():
        return Policy()
    try:
        return Policy.read(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrustError(f"{path}: {error}") from error


def _policy_value(key: str, value: Any, default: Any) -> Any:
    if key == "revocation":
        if value not in ("require", "if-available"):
            raise ValueError(f"{key} is 'require' or 'if-available'")
        return value
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{key} is true or false")
        return value
    if isinstance(default, int):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
            raise ValueError(f"{key} is a whole number from 0 to 1000000")
        return value
    return _texts(key, value)


def _read_owners(path: Path) -> tuple[Owner, ...]:
    if not path.exists():
        return ()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        if unknown := set(document) - {"owner"}:
            raise ValueError(f"unknown key {sorted(unknown)[0]!r}")
        tables = document.get("owner", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise ValueError("owner is a list of tables: [[owner]]")
        return tuple(_owner(table) for table in tables)
    except ValueError as error:
        raise TrustError(f"{path}: {error}") from error


def _owner(table: dict[str, Any]) -> Owner:
    known = {"insurer", "credit_code", "names", "seal_ids", "certificates", "from", "to"}
    if unknown := set(table) - known:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r} of an owner")
    insurer, credit_code = table.get("insurer"), table.get("credit_code")
    if not isinstance(insurer, str) or not insurer:
        raise ValueError("an owner names its insurer")
    if credit_code is not None and not (isinstance(credit_code, str) and len(credit_code) == 18):
        raise ValueError(f"{insurer}: credit_code has 18 characters")
    names = _texts("names", table.get("names", []))
    seal_ids = _texts("seal_ids", table.get("seal_ids", []))
    digests = _texts("certificates", table.get("certificates", []))
    certificates = frozenset(text.removeprefix("sha256:").lower() for text in digests)
    if not all(len(text) == 64 and set(text) <= set("0123456789abcdef") for text in certificates):
        raise ValueError(f"{insurer}: certificates are sha256 digests in hex")
    if not (credit_code or seal_ids or certificates):
        raise ValueError(f"{insurer}: an owner is known by its credit code, a seal id or a certificate, not by name")
    first, last = _day("from", table.get("from")), _day("to", table.get("to"))
    if first and last and last < first:
        raise ValueError(f"{insurer}: 'to' lies before 'from'")
    return Owner(insurer, credit_code, names, frozenset(seal_ids), certificates, first, last)


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise ValueError(f"{key} is a list of texts")
    return tuple(value)


def _day(key: str, value: Any) -> date | None:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(_BEIJING).date()
    if value is None or isinstance(value, date):
        return value
    raise ValueError(f"{key} is a date")
