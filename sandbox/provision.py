"""A folder from which a gateway serves the sandbox's world: trust, participants, configuration, registry file."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.insurers import WITHOUT_LINE
from sandbox.keys import Key, make_key
from sandbox.people import Person, people, with_people, write_people
from sandbox.world import World

MARKER, WORDS = "SIMULATED-TIME", "gateway sandbox: nothing in this folder ever happened\n"
"""What a gateway looks for before it believes a simulated clock: the file, and what stands in it."""


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Where things stand: the configuration to serve from, and the registry file to push.

    Where people can sign in: who they are, and the files of theirs that a console in demo mode may show.
    """

    config: Path
    trust: Path
    registry: Path
    people: tuple[Person, ...] = ()
    demo_users: Path | None = None
    demo_keys: Path | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What a gateway needs that is to be given a past: a configuration with a clock that somebody moves, and the clock.

    `marker` says that the data folder is a sandbox's; it is taken away when the past is over, and no clock can be
    simulated there any more.
    """

    config: Path
    clock: Path
    marker: Path


def provision(world: World, folder: Path, *, port: int, workers: int = 1, with_users: bool = False) -> Provisioned:
    """Write everything that an operator would set up by hand; `with_users` people can sign in."""
    folder.mkdir(parents=True, exist_ok=True)
    trust = folder / "trust"
    world.trust_dir(trust)
    registry = folder / "clause-registry.json"
    registry.write_bytes(world.registry_json())
    somebody = people(world) if with_users else []
    (folder / "participants.json").write_text(
        json.dumps(with_people(participants(world), somebody), ensure_ascii=False, indent=1), encoding="utf-8"
    )
    sm2_key = folder / "gateway-sm2-key.pem"
    sm2_key.touch(mode=0o600)
    sm2_key.write_bytes(make_key(world.seed, "log", "sm2-sm3").pem)
    config = folder / "gateway.toml"
    config.write_text(
        f'data_dir = "data"\nport = {port}\nworkers = {workers}\ntrust_dir = "trust"\n'
        'participants = "participants.json"\nsigning_key = "gateway-key.pem"\nlog_origin = "gateway.example/sandbox"\n'
        'sm2_signing_key = "gateway-sm2-key.pem"\npublish_every_seconds = 0.5\n'
        + ('users = "users.json"\n' if with_users else ""),
        encoding="utf-8",
    )
    if not with_users:
        return Provisioned(config, trust, registry)
    files = write_people(somebody, folder)
    return Provisioned(config, trust, registry, tuple(somebody), files["demo_users"], files["demo_keys"])


def participants(world: World) -> list[dict[str, Any]]:
    """The participants file of the gateway: codes, roles, names, and public keys."""
    found = [
        {
            "code": one.code,
            "role": "insurer",
            "name": one.name,
            "credit_code": one.credit_code,
            "company_code": one.company_code,
            "dialect": one.dialect,
            "document_profile": one.document_profile,
            # A bordereau has no column for the line of business: it is registered.
            **({"line": one.line} if one.dialect in WITHOUT_LINE else {}),
            "keys": [_key(one.request_key)],
        }
        for one in world.insurers
    ]
    for code, role, other, holder in (
        ("SUBSIDY", "subsidy_system", world.subsidy_system, None),
        ("REGULATOR", "regulator", world.regulator, None),
        ("OPERATOR", "operator", world.operator, "运营甲"),
        ("OPERATOR-2", "operator", world.second_operator, "运营乙"),
    ):
        key = _key(other.request_key) | ({"holder": holder} if holder else {})
        found.append({"code": code, "role": role, "name": other.name, "keys": [key]})
    return found


def _key(key: Key) -> dict[str, str]:
    return {"keyid": key.keyid, "algorithm": key.algorithm, "public_key": base64.b64encode(key.spki).decode()}


def provision_past(world: World, made: Provisioned, *, port: int, since: datetime) -> Past:
    """What the same gateway serves from while it is given its past: another trust folder, in which the lists are those
    of `since`, and a clock. Its data folder is marked as a sandbox's: no other code writes that marker."""
    folder = made.config.parent
    world.trust_dir(folder / "trust-of-the-past", since=since)
    data = folder / "data"
    data.mkdir(exist_ok=True)
    marker = data / MARKER
    marker.write_text(WORDS, encoding="utf-8")
    clock = folder / "clock"
    clock.write_text(since.isoformat(), encoding="ascii")
    config = folder / "past.toml"
    text = made.config.read_text(encoding="utf-8").replace('trust_dir = "trust"', 'trust_dir = "trust-of-the-past"')
    lines = [line for line in text.splitlines() if not line.startswith(("port", "workers", "publish_every"))]
    # Nothing is judged again while days pass in a tenth of a second: that comes once, with the present.
    lines += [f"port = {port}", 'simulated_clock = "clock"', "recheck_every_seconds = 86400"]
    lines += ["publish_every_seconds = 2"]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Past(config, clock, marker)
