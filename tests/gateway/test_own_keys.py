"""The gateway's own keys: rotated with overlap, ended by a dated word in the log; what they signed stays verifiable."""

import base64
import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from house import next_number, world
from service import Service, provisioned, serve

from gateway.app import publish_now
from gateway.cli import main
from gateway.errors import Misconfigured
from signing.signer import LocalSigner, load_signer


def signer() -> LocalSigner:
    return load_signer(provisioned().config.parent.joinpath("gateway-key.pem").read_bytes())


def config(tmp_path: Path, dsn: str, key: bytes | None, previous: Any) -> Path:
    """A configuration whose key is new and whose previous keys are these."""
    lines = [line for line in provisioned().config.read_text(encoding="utf-8").splitlines() if "dsn" not in line]
    lines.insert(0, f'dsn = "{dsn}"')
    folder = provisioned().config.parent
    number = f"{os.getpid()}-{next_number()}"
    if key is not None:
        (tmp_path / "new.pem").write_bytes(key)
        lines = [
            f'signing_key = "{tmp_path / "new.pem"}"',
            *(one for one in lines if "signing_key" not in one),
        ]
    (tmp_path / "previous.json").write_bytes(orjson.dumps(previous))
    lines.insert(0, f'previous_keys = "{tmp_path / "previous.json"}"')
    file = folder / f"keys-{number}.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def described(key: LocalSigner, **dates: str) -> dict[str, str]:
    plain = {"keyid": key.keyid, "algorithm": key.algorithm, "public_key": base64.b64encode(key.spki).decode()}
    return plain | dates


def new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


async def _one_message(service: Service) -> None:
    insurer = world().insurer("SANDBOX-C")
    assert (await service.submit(insurer, world().policy(insurer, next_number()))).status == 201
    await publish_now(service.gateway)


def test_after_a_rotation_what_the_old_key_signed_stays_verifiable(dsn: str, tmp_path: Path, capsysbinary: Any) -> None:
    old = signer()
    serve(dsn, _one_message)
    previous = [described(old, not_before="2026-01-01T00:00:00Z", not_after="2026-12-31T00:00:00Z")]
    rotated = config(tmp_path, dsn, new_key(), previous)
    fresh = load_signer((tmp_path / "new.pem").read_bytes())

    async def look(service: Service) -> None:
        got = await service.send("GET", "/v1/keys", b"", {})
        first, *_, second = got.json()["keys"]
        assert (first["keyid"], second["keyid"]) == (fresh.keyid, old.keyid)
        assert second["not_after"] == "2026-12-31T00:00:00Z"
        await _one_message(service)

    serve(dsn, look, signing_key=tmp_path / "new.pem", previous_keys=tmp_path / "previous.json")
    assert main(["log", "audit", "--config", str(rotated), "--json"]) == 0
    assert orjson.loads(capsysbinary.readouterr().out)["outcome"] == "passed"
    without = config(tmp_path, dsn, (tmp_path / "new.pem").read_bytes(), [])
    assert main(["log", "audit", "--config", str(without), "--json"]) == 1
    first_line = orjson.loads(capsysbinary.readouterr().out.splitlines()[0])
    assert (first_line["rule"], first_line["reason"]) == ("log.checkpoints", "unknown-signer")


def test_a_compromised_key_ends_by_a_dated_word_in_the_log(dsn: str, tmp_path: Path, capsysbinary: Any) -> None:
    old = signer()
    file = config(tmp_path, dsn, new_key(), [described(old, not_after="2026-12-31T00:00:00Z")])
    end = ["key", "end", "--config", str(file), "--at", "2026-08-15T00:00:00Z", "--keyid"]
    assert main([*end, old.keyid]) == 0
    told = orjson.loads(capsysbinary.readouterr().out)["keys"][-1]
    assert told["not_after"] == told["ended"]["at"] == "2026-08-15T00:00:00Z"
    assert (told["ended"]["reason"], told["ended"]["leaf_index"]) == ("compromised", 0)
    assert main([*end, old.keyid]) == 0  # the same word again is one
    assert orjson.loads(capsysbinary.readouterr().out)["keys"][-1]["ended"]["leaf_index"] == 0
    assert main([*end, "nobody"]) == 64
    assert main(["key", "list", "--config", str(file)]) == 0
    capsysbinary.readouterr()
    assert main(["log", "audit", "--config", str(file), "--json"]) == 0
    capsysbinary.readouterr()

    async def nothing(service: Service) -> None:
        raise AssertionError("it must not begin")

    with pytest.raises(Misconfigured, match="ended at"):
        serve(dsn, nothing)  # which would sign with the key that ended


def test_a_previous_key_needs_its_end_and_has_to_be_one(dsn: str, tmp_path: Path, capsysbinary: Any) -> None:
    old = signer()
    bad: tuple[Any, ...] = (
        [described(old)],
        [described(old, not_after="2026-12-31T00:00:00Z")] * 2,
        [described(old, not_after="2026-12-31T00:00:00Z") | {"public_key": "AAAA"}],
        [{"keyid": "x"}],
        {"keyid": "x"},
    )
    for previous in bad:
        assert main(["key", "list", "--config", str(config(tmp_path, dsn, None, previous))]) == 64
    capsysbinary.readouterr()
