"""People of the sandbox: who signs in, with a password that everybody may know and a key of their own."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from argon2.low_level import Type, hash_secret

from sandbox.keys import Key, make_key
from sandbox.world import World

_ALGORITHM = "ecdsa-p256-sha256"  # what every browser can sign with
_PASSES, _MEMORY, _LANES = 2, 19_456, 1  # the least that a gateway takes: a sandbox has nothing to keep from anybody


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody: the name to sign in with, the name to be shown, whose data they read, and their key."""

    name: str
    display_name: str
    participant: str
    role: str
    key: Key

    @property
    def password(self) -> str:
        """Not a secret."""
        return f"sandbox-{self.name}"


def people(world: World) -> list[Person]:
    """A clerk of each insurer, two officers of the subsidy office, two supervisors, two operators: who has to agree
    with somebody is never alone."""
    listed = [
        (f"clerk-{one.code[-1].lower()}", f"{one.name[2]}公司经办", one.code, "insurer") for one in world.insurers
    ]
    listed += [
        ("officer", "补贴办经办 林一", "SUBSIDY", "subsidy_system"),
        ("second-officer", "补贴办复核 林二", "SUBSIDY", "subsidy_system"),
        ("supervisor", "监管局 周一", "REGULATOR", "regulator"),
        ("second-supervisor", "监管局 周二", "REGULATOR", "regulator"),
        ("operator-1", "运营甲", "OPERATOR", "operator"),
        ("operator-2", "运营乙", "OPERATOR-2", "operator"),
    ]
    return [
        Person(name, shown, participant, role, make_key(world.seed, f"person/{name}", _ALGORITHM))
        for name, shown, participant, role in listed
    ]


def with_people(participants: list[dict[str, Any]], listed: list[Person]) -> list[dict[str, Any]]:
    """The participants with each person's key beside those of their systems."""
    found = []
    for participant in participants:
        keys = [
            {
                "keyid": one.key.keyid,
                "algorithm": _ALGORITHM,
                "public_key": base64.b64encode(one.key.spki).decode(),
                "holder": one.display_name,
            }
            for one in listed
            if one.participant == participant["code"]
        ]
        found.append(participant | {"keys": [*participant["keys"], *keys]})
    return found


def write_people(listed: list[Person], folder: Path) -> Mapping[str, Path]:
    """`users`: the gateway's file of users; `demo_users` and `demo_keys`: what a console in demo mode may show, and
    hand to a user's browser."""
    users, shown, keys = folder / "users.json", folder / "demo-users.json", folder / "demo-keys"
    _write(
        users,
        [
            {
                "name": one.name,
                "display_name": one.display_name,
                "password_hash": _hashed(one),
                "participant": one.participant,
                "keyids": [one.key.keyid],
            }
            for one in listed
        ],
    )
    _write(
        shown,
        [
            {"user": one.name, "password": one.password, "display_name": one.display_name, "role": one.role}
            for one in listed
        ],
    )
    for one in listed:
        own = keys / one.name
        own.mkdir(parents=True, exist_ok=True)
        (own / f"{one.key.keyid}.pem").write_bytes(one.key.pem)
    return {"users": users, "demo_users": shown, "demo_keys": keys}


def _hashed(person: Person) -> str:
    """The Argon2id hash of the password: the same each time, as everything here."""
    salt = sha256(f"sandbox/{person.name}".encode()).digest()[:16]
    return hash_secret(person.password.encode(), salt, _PASSES, _MEMORY, _LANES, 32, Type.ID).decode("ascii")


def _write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
