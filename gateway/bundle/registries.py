"""What the registries beside filings stated of a premium's product and holder: put into a bundle, and read back."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import orjson

from gateway.bundle.store import KeptRevision
from gateway.db import Connection
from gateway.registries.entries import NOUNS, RegistryName, product_key
from gateway.registries.registry import Registries, Registry, Stated
from gateway.registries.store import load
from gateway.submissions.known import PolicyState
from schemas.canonical import as_json

Identities = Mapping[str, str]  # digest of a registry by its name


def identities_of(report: Mapping[str, Any]) -> dict[str, str]:
    """The registries that a report rests on."""
    return {name: digest for name, digest in report["basis"].items() if name in NOUNS}


async def registry_files(
    connection: Connection, states: Iterable[PolicyState], revisions: Sequence[KeptRevision]
) -> dict[str, bytes]:
    """One file for each state of the registries that a revision rests on: what they stated of these policies."""
    keys = sorted({key for state in states for key in _keys(state)})
    files: dict[str, bytes] = {}
    done: list[dict[str, str]] = []
    for one in revisions:
        report = orjson.loads(one.body)["report"]
        wanted = identities_of(report)
        if not wanted or wanted in done:
            continue
        registries = await load(connection, datetime.fromisoformat(report["at"]))
        if registries.identities() == wanted:
            done.append(wanted)
            files[f"registries/{len(done):04d}.json"] = _written(registries, wanted, keys)
    return files


def _keys(state: PolicyState) -> Iterable[str]:
    """Everything under which a registry may be asked about the policy."""
    current = state.current_policy()
    yield state.policy_no
    yield f"sha256:{hashlib.sha256(state.policy_no.encode()).hexdigest()}"
    if current is None:
        return
    policy = current.record
    product = policy.product
    codes = {policy.policyholder.credit_code}
    if product is not None:
        codes |= {party.credit_code for party in (product.holder, product.manufacturer) if party is not None}
        if product.approval_no is not None:
            yield product.approval_no
    for code in codes:
        if code is not None:
            yield code
            if product is not None and (named := product_key(product.generic_name, code)) is not None:
                yield named


def _written(registries: Registries, identities: Identities, keys: Sequence[str]) -> bytes:
    body: dict[str, Any] = {"identities": dict(identities), "registries": {}}
    for name, registry in _named(registries).items():
        found = {(one.source, one.entry.key()): one for key in keys for one in registry.find(key)}
        body["registries"][name] = {
            "wholes": {source: str(day) for source, day in registry.wholes.items()},
            "entries": [
                {"source": one.source, "as_of": str(one.as_of), "entry": as_json(one.entry)}
                for _, one in sorted(found.items())
            ],
        }
    return orjson.dumps(body)


def _named(registries: Registries) -> dict[RegistryName, Registry[Any]]:
    return {
        "varieties": registries.varieties,
        "credit": registries.credit,
        "sister-awards": registries.sister_awards,
        "hospital-list": registries.hospital_list,
    }


def read_registries(plain: Mapping[str, Any]) -> tuple[dict[str, str], Registries]:
    """The registries of one file, under the digests of all that they stated then."""
    identities = dict(plain["identities"])

    def one(name: RegistryName) -> Registry[Any]:
        told = plain["registries"][name]
        stated = [
            Stated(entry["source"], date.fromisoformat(entry["as_of"]), NOUNS[name].model_validate(entry["entry"]))
            for entry in told["entries"]
        ]
        wholes = {source: date.fromisoformat(day) for source, day in told["wholes"].items()}
        registry: Registry[Any] = Registry(stated, wholes)
        registry.digest = identities.get(name, registry.digest)
        return registry

    return identities, Registries(one("varieties"), one("credit"), one("sister-awards"), one("hospital-list"))
