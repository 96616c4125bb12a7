"""A bundle as a stranger hands it over: read within bounds, every file held against the manifest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gateway.bundle.layout import FORMAT, MANIFEST, SIGNATURE, Manifest, digest_of
from schemas.archive import write_archive
from untrusted import Refused, open_zip, read_json


class Unreadable(Exception):
    """The file is no evidence bundle; the message says why."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The manifest, the files by path, and the paths whose digests are not those of the manifest."""

    manifest: Manifest
    written: bytes
    signature: bytes
    files: Mapping[str, bytes]
    wrong: tuple[str, ...]

    def json(self, path: str) -> Any:
        """A file as JSON. Raises `Unreadable`."""
        if path not in self.files:
            raise Unreadable(f"{path}: missing")
        try:
            return read_json(self.files[path])
        except Refused as refused:
            raise Unreadable(f"{path}: {refused}") from refused

    def below(self, folder: str) -> list[str]:
        """The paths below a folder, in order."""
        return sorted(path for path in self.files if path.startswith(f"{folder}/"))


def read_bundle(data: bytes) -> Bundle:
    """Raises `Unreadable`."""
    try:
        archive = open_zip(data)
        files = {name: archive.read(name) for name in archive.names if not name.endswith("/")}
        written, signature = files.pop(MANIFEST, b""), files.pop(SIGNATURE, b"")
        manifest = Manifest.model_validate(read_json(written))
    except Refused as refused:
        raise Unreadable(str(refused)) from refused
    except ValidationError as error:
        raise Unreadable(f"{MANIFEST}: {error.errors()[0]['loc']}") from error
    if manifest.format != FORMAT:
        raise Unreadable(f"{MANIFEST}: not {FORMAT}")
    named = manifest.files
    wrong = {path for path in files if named.get(path) != digest_of(files[path])} | (named.keys() - files.keys())
    if write_archive({MANIFEST: written, SIGNATURE: signature, **dict(sorted(files.items()))}) != data:
        wrong.add("(archive)")  # a bundle has one form: what says nothing is not free either
    return Bundle(manifest, written, signature, files, tuple(sorted(wrong)))
