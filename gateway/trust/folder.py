"""A trust folder with the names of its files, so that an operator learns which one to mend.

The trust store itself (`signing.TrustStore`) refuses a folder at its first fault and forgets names; what it would
refuse is found here file by file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.trust.items import LARGEST_FILE, Item, Kind, NotAnItem, read_items
from signing.trust import Policy, TrustError, TrustStore

ANCHORS = ("signers", "seal-makers", "tsa", "xml")
CERTIFICATES = (*ANCHORS, "intermediates")
HOLDS: dict[str, Kind] = {**dict.fromkeys(CERTIFICATES, "certificate"), "crl": "list", "ocsp": "response"}


@dataclass(frozen=True, slots=True)
class Held:
    """One certificate, list or response, and where it stands: `folder` and `file` as `signers/root.pem`."""

    folder: str
    file: str
    der: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that the trust store does not take, and why: `reason` is a stable slug."""

    file: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Folder:
    """What stands in a trust folder. `store` holds what could be read; it is the real one only if nothing is broken."""

    path: Path
    held: tuple[Held, ...]
    broken: tuple[Broken, ...]
    store: TrustStore

    def within(self, *folders: str) -> tuple[Held, ...]:
        """What stands in these folders, in order of their files."""
        return tuple(one for one in self.held if one.folder in folders)


def read_folder(path: Path) -> Folder:
    """Read a trust folder as it stands. Raises `TrustError` if there is none, OSError if it cannot be read."""
    if not path.is_dir():
        raise TrustError(f"{path}: not a folder")
    held: list[Held] = []
    broken: list[Broken] = []
    for folder, kind in HOLDS.items():
        for file in _files(path / folder):
            name = f"{folder}/{file.name}"
            try:
                held += [Held(folder, name, item.der) for item in _read(file, kind)]
            except NotAnItem as error:
                broken.append(Broken(name, error.reason, str(error)))
    try:
        return Folder(path, tuple(held), tuple(broken), TrustStore.load(path))
    except TrustError as error:
        if not broken:
            broken.append(_refusal(path, error))
    return Folder(path, tuple(held), tuple(broken), _store(path, held))


def _files(folder: Path) -> list[Path]:
    """As the trust store sees them: what begins with a dot is not there."""
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if not file.name.startswith("."))


def _read(file: Path, kind: Kind) -> Iterator[Item]:
    if not file.is_file():
        raise NotAnItem("unknown", "not a file")
    if file.stat().st_size > LARGEST_FILE:
        raise NotAnItem("too-large", f"more than {LARGEST_FILE} bytes")
    for item in read_items(file.read_bytes()):
        if item.kind != kind:
            raise NotAnItem("misplaced", f"a {item.kind} in a folder of {kind}s")
        yield item


def _refusal(path: Path, error: TrustError) -> Broken:
    """What the trust store says of a file, with its name below the folder."""
    file, _, detail = str(error).partition(": ")
    name = file.removeprefix(f"{path}/")
    reason = "setting" if name.endswith(".toml") else "no-meaning"
    return Broken(name, reason, detail)


def _store(path: Path, held: list[Held]) -> TrustStore:
    """What could be read of a folder that the trust store refuses: enough to judge the rest, never to verify with."""
    ders = {folder: tuple(dict.fromkeys(one.der for one in held if one.folder == folder)) for folder in HOLDS}
    try:
        text = (path / "policy.toml").read_text(encoding="utf-8")
        policy = Policy.read(text)
    except (OSError, ValueError):
        policy = Policy()
    return TrustStore(
        signers=ders["signers"],
        seal_makers=ders["seal-makers"],
        tsa=ders["tsa"],
        xml=ders["xml"],
        intermediates=ders["intermediates"],
        crls=ders["crl"],
        ocsps=ders["ocsp"],
        policy=policy,
    )
