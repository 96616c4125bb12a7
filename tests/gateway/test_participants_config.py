"""What an operator writes: participants and settings are right, or refused by the name of what is wrong."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.config import Config, load_config
from gateway.errors import Misconfigured
from gateway.participants import Participant, ParticipantKey, Participants, load_participants
from sandbox.keys import make_key
from schemas.identifiers import credit_check_character

KEY = make_key(3, "participant", "ed25519")
SPKI = base64.b64encode(KEY.spki).decode()
CODE = "91330000MA2DEMA16" + credit_check_character("91330000MA2DEMA16")


def key(**changes: Any) -> dict[str, Any]:
    return {"keyid": "key-1", "algorithm": "ed25519", "public_key": SPKI} | changes


def insurer(**changes: Any) -> dict[str, Any]:
    given = {
        "code": "TEST-A",
        "role": "insurer",
        "name": "示例甲财产保险有限公司",
        "credit_code": CODE,
        "company_code": "000901",
        "dialect": "DIA-CANON-JSON",
        "document_profile": "DOC-OFD-TEXT",
        "keys": [key()],
    }
    return {name: value for name, value in (given | changes).items() if value is not None}


def written(folder: Path, value: Any) -> Path:
    file = folder / "participants.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return file


def test_participants_are_found_by_code_and_by_key(tmp_path: Path) -> None:
    subsidy = {"code": "SUBSIDY", "role": "subsidy_system", "name": "补偿系统", "keys": [key(keyid="key-2")]}
    another = insurer(code="TEST-0", keys=[key(keyid="key-3"), key(keyid="key-4")])
    found = load_participants(written(tmp_path, [insurer(), subsidy, another]))
    assert [one.code for one in found.insurers()] == ["TEST-0", "TEST-A"]
    by_key = found.by_key("key-4")
    assert by_key is not None
    assert (by_key[0].code, by_key[1].keyid) == ("TEST-0", "key-4")
    assert found.find("SUBSIDY") is not None
    assert found.find("subsidy") is None
    assert found.by_key("key-5") is None
    assert found.by_key("") is None


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        ({}, "an array"),
        ("", "json"),
        ("[", "json"),
        ("[" * 10_000, "json"),
        ("\ufeff[]", "json"),
        ([1], "entry 0"),
        ([insurer(rolle="insurer")], "rolle"),
        ([insurer(role="king")], "role"),
        ([insurer(code="test a")], "code"),
        ([insurer(name="")], "name"),
        ([insurer(), insurer(keys=[])], "twice"),
        ([insurer(), insurer(code="TEST-B")], "key-1"),
        ([insurer(keys=[key(), key()])], "key-1"),
        ([insurer(credit_code=None)], "credit_code"),
        ([insurer(company_code=None)], "company_code"),
        ([insurer(dialect=None)], "dialect"),
        ([insurer(credit_code=CODE[:-1] + "0")], "credit_code"),
        ([insurer(company_code="901")], "company_code"),
        ([insurer(dialect="DIA-NONE")], "DIA-NONE"),
        ([insurer(document_profile="DOC-NONE")], "DOC-NONE"),
        ([insurer(keys=[key(algorithm="hmac-sha256")])], "algorithm"),
        ([insurer(keys=[key(algorithm="rsa-pss-sha512")])], "key-1"),
        ([insurer(keys=[key(algorithm="sm2-sm3")])], "key-1"),
        ([insurer(keys=[key(public_key="?")])], "key-1"),
        ([insurer(keys=[key(public_key=SPKI[:-4])])], "key-1"),
        ([insurer(keys=[key(public_key=base64.b64encode(b"key").decode())])], "key-1"),
        ([insurer(keys=[key(keyid="")])], "keyid"),
        ([insurer(keys=[key(keyid="a b")])], "keyid"),
        ([insurer(keys=[key(not_before="2026-01-01")])], "not_before"),
        ([insurer(keys=[key(private_key="x")])], "private_key"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, entries: Any, names: str) -> None:
    with pytest.raises(Misconfigured, match=names) as caught:
        load_participants(written(tmp_path, entries))
    assert "participants.json" in str(caught.value) or "twice" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nothing\.json"):
        load_participants(tmp_path / "nothing.json")


@given(before=st.none() | st.integers(-5, 5), after=st.none() | st.integers(-5, 5), at=st.integers(-6, 6))
def test_a_key_is_current_from_its_first_to_its_last_moment(before: int | None, after: int | None, at: int) -> None:
    start = datetime(2026, 9, 1, tzinfo=UTC)

    def moment(offset: int | None) -> datetime | None:
        return None if offset is None else start + timedelta(seconds=offset)

    one = ParticipantKey(
        keyid="k", algorithm="ed25519", public_key=SPKI, not_before=moment(before), not_after=moment(after)
    )
    expected = (before is None or before <= at) and (after is None or at <= after)
    assert one.is_current(start + timedelta(seconds=at)) == expected


def test_participants_built_in_code_are_held_to_the_same() -> None:
    one = Participant.model_validate(insurer())
    with pytest.raises(Misconfigured, match="TEST-A"):
        Participants([one, one])
    with pytest.raises(ValidationError):
        one.model_copy(update={"credit_code": None})


# Settings


def toml(folder: Path, text: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_paths_are_relative_to_the_file_and_the_environment_stands_above_it(tmp_path: Path) -> None:
    file = toml(tmp_path, 'port = 1\npool_size = 3\ntrust_dir = "t"\nsigning_key = "/abs/key.pem"\n')
    config = load_config(file, {"GATEWAY_PORT": "2", "GATEWAY_DSN": "d", "PORT": "9", "GATEWAY_OTHER": "x"}, port=None)
    assert (config.port, config.pool_size, config.dsn) == (2, 3, "d")
    assert (config.trust_dir, config.signing_key) == (tmp_path / "t", Path("/abs/key.pem"))
    assert config.data_dir == tmp_path / "gateway-data"
    assert load_config(file, {"GATEWAY_PORT": "2"}, port=5).port == 5
    assert load_config(None, {}).port == Config().port


@pytest.mark.parametrize(
    ("text", "environment", "names"),
    [
        ("prot = 1", {}, "prot"),
        ("port = 'x'", {}, "port"),
        ("port = 70000", {}, "port"),
        ("port = ", {}, "gateway.toml"),
        ("workers = 0", {}, "workers"),
        ("pool_size = 1", {}, "pool_size"),
        ("request_max_age_seconds = 0", {}, "request_max_age_seconds"),
        ("body_limit_bytes = 1", {}, "body_limit_bytes"),
        ("publish_every_seconds = 0", {}, "publish_every_seconds"),
        ("publish_every_seconds = nan", {}, "publish_every_seconds"),
        ("registry_max_age_days = 0", {}, "registry_max_age_days"),
        ("", {"GATEWAY_WORKERS": "many"}, "workers"),
        ("[a]\nb = 1", {}, "a"),
    ],
)
def test_a_setting_that_is_wrong_is_named(tmp_path: Path, text: str, environment: dict[str, str], names: str) -> None:
    with pytest.raises(Misconfigured, match=names):
        load_config(toml(tmp_path, text), environment)


@pytest.mark.parametrize("make", [lambda file: None, lambda file: file.write_bytes(b"\xff\xfe")])
def test_a_settings_file_that_cannot_be_read_is_named(tmp_path: Path, make: Callable[[Path], object]) -> None:
    file = tmp_path / "gateway.toml"
    make(file)
    with pytest.raises(Misconfigured, match=r"gateway\.toml"):
        load_config(file, {})
