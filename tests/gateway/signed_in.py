"""People of the sandbox's world who sign in, with cheap password hashes; one for each participant."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from argon2 import PasswordHasher
from house import world
from service import Answered, Service

# What is no GET and yet writes nothing, or not always: a session may ask for it.
HARMLESS = {
    ("POST", "/v1/premiums/match"),
    ("POST", "/v1/evidence/verification"),
    ("POST", "/v1/submissions"),
    ("POST", "/v1/sessions"),
    ("DELETE", "/v1/sessions/current"),
    ("POST", "/v1/filings/proposals"),
}
PASSWORD = "correct horse battery"


@cache
def cheap_hash(password: str = PASSWORD) -> str:
    """The least that a users' file may hold."""
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(password)


def entry(participant: str, /, **changes: Any) -> dict[str, Any]:
    """A user of a participant, named after it."""
    made = {
        "name": participant.lower(),
        "display_name": f"{participant}的经办人",
        "participant": participant,
        "password_hash": cheap_hash(),
    }
    return made | changes


def everybody() -> list[dict[str, Any]]:
    """One user for each participant of the world."""
    codes = [one.code for one in world().insurers] + ["SUBSIDY", "REGULATOR", "OPERATOR", "OPERATOR-2"]
    return [entry(code) for code in codes]


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="gateway-users-")


@cache
def users_file() -> Path:
    """A file with everybody."""
    return write_users(Path(_folder().name) / "users.json", everybody())


def write_users(file: Path, entries: Any) -> Path:
    """These entries as a file, written whole as a careful operator would."""
    beside = file.with_suffix(".new")
    beside.write_bytes(orjson.dumps(entries))
    beside.replace(file)
    return file


async def try_in(service: Service, user: str, password: str = PASSWORD) -> Answered:
    """The answer to a sign-in."""
    body = orjson.dumps({"user": user, "password": password})
    return await service.send("POST", "/v1/sessions", body, {"content-type": "application/json"})


async def sign_in(service: Service, participant: str) -> str:
    """The token of this participant's user."""
    got = await try_in(service, participant.lower())
    assert got.status == 201, got.body
    token: str = got.json()["token"]
    return token


def bearing(token: str, **headers: str) -> dict[str, str]:
    """The header fields of a request in this session."""
    return {"authorization": f"Bearer {token}", **headers}


async def read(service: Service, token: str, path: str) -> Answered:
    """A GET in this session; a signed answer must hold."""
    sent = bearing(token)
    got = await service.send("GET", path, b"", sent)
    if "signature" in got.headers:
        service.check_signature(got, "GET", path, sent)
    return got
