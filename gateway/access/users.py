"""People who sign in: a file of names, each with the hash of a password and the participant that they belong to."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from gateway.access.passwords import find_flaw
from gateway.errors import Misconfigured
from schemas.base import Noun
from schemas.identifiers import InsurerCode
from untrusted import Refused, read_json

_NAME = r"^[0-9A-Za-z@._-]{1,100}$"


class User(Noun):
    """One person. `participant` is whose data they read, in its role; `keyids` are the keys that they sign with.

    Without `password_hash` nobody signs in by password: the entry then says what an identity provider does not, of the
    person with this name. From `ends_at` on they are nobody, and their sessions end.
    """

    name: str = Field(min_length=1, max_length=200)
    display_name: str = Field(min_length=1, max_length=100)
    participant: InsurerCode
    password_hash: str | None = Field(default=None, max_length=500, repr=False)
    keyids: tuple[str, ...] = Field(default=(), max_length=20)
    ends_at: AwareDatetime | None = None

    def is_current(self, at: datetime) -> bool:
        """Whether they are somebody at `at`."""
        return self.ends_at is None or at < self.ends_at


class Entry(User):
    """A user as the file has them: under a name that can be typed, with an Argon2id hash."""

    name: str = Field(pattern=_NAME)

    @model_validator(mode="after")
    def _hash_is_usable(self) -> "Entry":
        flaw = find_flaw(self.password_hash) if self.password_hash is not None else None
        if flaw is not None:
            raise ValueError(f"user {self.name}: {flaw}")
        return self


class Users:
    """The users of a file, read again whenever the file has changed: who is taken out is out at once."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._seen: tuple[int, int, int] | None = None
        self._users: Mapping[str, User] = {}

    def all(self) -> Mapping[str, User]:
        """By name. Raises `Misconfigured` if the file cannot be read now: then nobody is known, rather than all who
        were."""
        if self._file is None:
            return self._users
        try:
            told = self._file.stat()
            seen = (told.st_mtime_ns, told.st_size, told.st_ino)
            if seen != self._seen:
                self._users, self._seen = load_users(self._file), seen
        except OSError as error:
            raise Misconfigured(f"{self._file}: {error}") from error
        return self._users


def load_users(file: Path) -> Mapping[str, User]:
    """The users of a JSON file: an array. Raises `Misconfigured` naming the entry; nothing of a hash is told."""
    try:
        entries = read_json(file.read_bytes())
    except (OSError, Refused) as error:
        raise Misconfigured(f"{file}: {error}") from error
    if not isinstance(entries, list):
        raise Misconfigured(f"{file}: an array of users is expected")
    users: dict[str, User] = {}
    for place, entry in enumerate(entries):
        try:
            user = Entry.model_validate(entry)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            raise Misconfigured(f"{file}: entry {place}: {first['loc']}: {first['msg']}") from error
        if user.name in users:
            raise Misconfigured(f"{file}: user {user.name} stands twice")
        users[user.name] = user
    return users
