"""Two people of a regulator, a third one, and a key of nobody's, beside the sandbox's participants."""

import base64
import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from house import next_number, world
from service import URL, Answered, Service, provisioned

from sandbox.keys import Key, make_key
from sandbox.provision import participants
from signing.request import HttpMessage, sign_request
from signing.signer import load_signer

PEOPLE = {"ANNA": "监管甲", "BERT": "监管乙", "CARA": "监管丙", "ANNA-2": "监管甲"}


@cache
def key_of(who: str) -> Key:
    """The key of one of them."""
    return make_key(11, f"person/{who}", "ed25519")


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="filing-people-")


@cache
def participants_file() -> Path:
    """The sandbox's participants, and these people, each a participant of the regulator's role."""
    provisioned()
    found = participants(world())
    for who, holder in PEOPLE.items():
        key = key_of(who)
        spki = base64.b64encode(key.spki).decode()
        stated = {"keyid": key.keyid, "algorithm": key.algorithm, "public_key": spki, "holder": holder}
        found.append({"code": f"REG-{who}", "role": "regulator", "name": holder, "keys": [stated]})
    file = Path(_folder().name) / "participants.json"
    file.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    return file


async def act(
    service: Service, who: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answered:
    """One request that this person signs; others of the sandbox by the name that `Service.call` knows them by."""
    if who not in PEOPLE:
        return await service.call(who, method, path, body, headers)
    key = key_of(who)
    fields = {"content-type": "application/json", **(headers or {})} if body else dict(headers or {})
    message = HttpMessage(method, URL + path, tuple(fields.items()))
    signer = load_signer(key.pem, keyid=key.keyid)
    made = sign_request(message, body, signer, service.now, f"n-{next_number()}")
    return await service.send(method, path, body, {**fields, **{name.lower(): value for name, value in made.items()}})


async def propose(service: Service, who: str, body: bytes, query: str = "", media_type: str = "text/csv") -> Answered:
    """A proposal of this file."""
    return await act(service, who, "POST", f"/v1/filings/proposals{query}", body, {"content-type": media_type})


async def confirm(service: Service, who: str, proposed: Answered | str) -> Answered:
    """A confirmation of a proposal, by its answer or its id."""
    identity = proposed if isinstance(proposed, str) else proposed.json()["id"]
    return await act(service, who, "POST", f"/v1/filings/proposals/{identity}/confirmation")


async def get(service: Service, path: str, who: str = "REGULATOR") -> Any:
    """What a regulator reads there."""
    answer = await service.call(who, "GET", path)
    assert answer.status == 200, answer.body
    return answer.json()
