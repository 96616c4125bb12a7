"""Configuration: one TOML file and the environment; nothing here is a global, and importing does nothing."""

import json
import os
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from gateway.errors import Misconfigured
from schemas.base import Noun

_PREFIX = "GATEWAY_"


def _split(value: Any) -> Any:
    """A list as an environment variable has it: with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], BeforeValidator(_split)]


def _parsed(value: Any) -> Any:
    """A list of tables as an environment variable has it: as JSON. What is none is refused with the others."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


KeyPlace = Annotated[Annotated[str, Field(strict=True, pattern=r"^pkcs11:")] | Path, Field(union_mode="left_to_right")]
"""A private key: a PEM file, or the PKCS #11 URI of one in a token (RFC 7512)."""


class WitnessAddress(Noun):
    """A witness of the log: the prefix below which it answers `add-checkpoint`, and its verifier key."""

    url: str = Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")
    key: str


class TimestampAuthority(Noun):
    """Who stamps the log's checkpoints: a name that never changes, its address, and the digest that it is sent.

    `http` is what most authorities offer; a token is judged by its signature, whoever carried it.
    """

    name: str = Field(pattern=r"^[0-9A-Za-z._-]{1,64}$")
    url: str = Field(pattern=r"^https?://[^\s/?#@]+(/[^\s#]*)?$")
    digest: Literal["sha256", "sha384", "sha512", "sm3"] = "sha256"


class FilingSource(Noun):
    """A registry of clause filings with an interface that is polled, and whose word its answers are.

    What it states is stated for `registry` and nobody else. Its answers are signed with `response_key` (SPKI, base64)
    unless `unsigned` says otherwise. Credentials stand in files, which are read each time: `bearer_file`, or
    `certificate` and `private_key` (PEM). More than `most_ended_percent` of what is in use does not end by its word.
    """

    name: str = Field(pattern=r"^[0-9a-z][0-9a-z-]{0,49}$")
    registry: str = Field(min_length=1, max_length=300)
    url: str = Field(pattern=r"^https?://[0-9A-Za-z.:\[\]-]+(/[!-\"$-~]*)?$", max_length=2000)
    kind: Literal["json-pages"] = "json-pages"
    interval_seconds: float = Field(default=3600.0, ge=1, le=604_800)
    timeout_seconds: float = Field(default=60.0, gt=0, le=600)
    largest_mib: int = Field(default=64, ge=1, le=512)
    most_ended_percent: float = Field(default=5.0, ge=0, le=100)
    bearer_file: Path | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    ca: Path | None = None
    response_keyid: str | None = None
    response_algorithm: Literal["ed25519", "ecdsa-p256-sha256", "rsa-pss-sha512", "sm2-sm3"] = "ed25519"
    response_key: str | None = None
    unsigned: bool = False


class OidcProvider(Noun):
    """The identity provider that people sign in at (OpenID Connect): its issuer, and who we are there.

    `allowed` says of each value of `participant_claim` whose data its people read; a value that is not there is
    nobody's. `user_claim` names the person. `insecure_localhost` is for tests: a provider of this machine without TLS.
    """

    issuer: str = Field(max_length=500)
    client_id: str = Field(min_length=1, max_length=200)
    participant_claim: str = Field(default="participant", min_length=1, max_length=100)
    user_claim: str = Field(default="sub", min_length=1, max_length=100)
    name_claim: str = Field(default="name", min_length=1, max_length=100)
    allowed: dict[str, str] = Field(default_factory=dict, max_length=10_000)
    algorithms: tuple[
        Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519"], ...
    ] = (
        "RS256",
        "PS256",
        "ES256",
        "Ed25519",
    )
    max_age_seconds: int = Field(default=600, ge=10, le=86_400)
    timeout_seconds: float = Field(default=5.0, gt=0, le=60)
    ca: Path | None = None
    insecure_localhost: bool = False


class Config(Noun):
    """Everything that an operator decides.

    `dsn` empty means the embedded PostgreSQL below `data_dir`. `public_url` is the address that callers sign
    (`@target-uri`); empty means the request's own scheme and Host. Paths are absolute or relative to the TOML file.
    """

    data_dir: Path = Path("gateway-data")
    dsn: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8448, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    public_url: str = ""
    trust_dir: Path = Path("trust")
    participants: Path = Path("participants.json")
    signing_key: KeyPlace = Path("gateway-key.pem")
    sm2_signing_key: Path | None = None
    previous_keys: Path | None = None
    pkcs11_module: Path | None = None
    pkcs11_pin_file: Path | None = None
    log_origin: str = "gateway.example/premiums"
    pool_size: int = Field(default=8, ge=2, le=200)
    request_max_age_seconds: int = Field(default=300, ge=10, le=3600)
    registry_max_age_days: int = Field(default=45, ge=1, le=3650)
    required_registries: Listed = ()
    filing_two_people: bool = False
    filing_sources: Annotated[tuple[FilingSource, ...], BeforeValidator(_parsed)] = Field(default=(), max_length=32)
    schemes: Listed = ("ZJ-NDI",)
    body_limit_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)
    batch_limit_bytes: int = Field(default=1024 * 1024 * 1024, ge=1024)
    publish_every_seconds: float = Field(default=0.5, gt=0, le=3600)
    witnesses: Annotated[tuple[WitnessAddress, ...], BeforeValidator(_parsed)] = Field(default=(), max_length=32)
    previous_witnesses: Listed = ()
    witness_timeout_seconds: float = Field(default=10.0, gt=0, le=120)
    recheck_every_seconds: float = Field(default=10.0, gt=0, le=86_400)
    completeness_from: date | None = None
    deliver: bool = True
    delivery_hosts: Listed = ()
    delivery_private_hosts: Listed = ()
    delivery_insecure_localhost: bool = False
    delivery_timeout_seconds: float = Field(default=15.0, gt=0, le=60)
    delivery_ca: Path | None = None
    evidence_store: str = Field(default="postgres", pattern=r"^(postgres|file:///.+|s3://[^/?#]+(/[^?#]*)?)$")
    evidence_stores_before: Listed = Field(default=(), max_length=8)
    evidence_store_timeout_seconds: float = Field(default=10.0, gt=0, le=60)
    retention_years: int = Field(default=10, ge=10, le=100)
    timestamp_authorities: Annotated[tuple[TimestampAuthority, ...], BeforeValidator(_parsed)] = Field(
        default=(), max_length=8
    )
    timestamp_every_hours: float = Field(default=24.0, gt=0, le=24 * 366)
    timestamp_renew_days: int = Field(default=90, ge=1, le=3650)
    timestamp_timeout_seconds: float = Field(default=15.0, gt=0, le=60)
    users: Path | None = None
    key_approvals: Literal[1, 2] = 2
    session_hours: float = Field(default=12.0, gt=0, le=168)
    session_idle_minutes: float = Field(default=30.0, gt=0, le=1440)
    oidc: Annotated[OidcProvider | None, BeforeValidator(_parsed)] = None
    simulated_clock: Path | None = None


def load_config(file: Path | None, environment: Mapping[str, str] = os.environ, **overrides: Any) -> Config:
    """The configuration of `file` (TOML), over it `GATEWAY_*` variables, over these `overrides` that are not None.

    Raises `Misconfigured` naming the key that is unknown or wrong.
    """
    values: dict[str, Any] = {}
    base = Path.cwd()
    if file is not None:
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Misconfigured(f"{file}: {error}") from error
        base = file.resolve().parent
    for key, text in environment.items():
        if key.startswith(_PREFIX) and (name := key.removeprefix(_PREFIX).lower()) in Config.model_fields:
            values[name] = text
    values |= {name: value for name, value in overrides.items() if value is not None}
    if isinstance(sources := _parsed(values.get("filing_sources")), list):
        values["filing_sources"] = [_below(base, one, FilingSource) for one in sources]
    if "oidc" in values:
        values["oidc"] = _below(base, _parsed(values["oidc"]), OidcProvider)
    for name, field in Config.model_fields.items():
        in_file = name == "signing_key" and not str(values.get(name, "")).startswith("pkcs11:")
        if field.annotation is Path or in_file or (name in values and field.annotation == Path | None):
            values[name] = base / Path(values.get(name, field.default))
    try:
        config = Config(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise Misconfigured(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if config.simulated_clock is not None and config.dsn:
        raise Misconfigured("simulated_clock: not with a DSN; only the embedded database of a sandbox has such a past")
    return config


def _below(base: Path, table: Any, kind: type[Noun]) -> Any:
    """A table whose paths are relative to the TOML file."""
    if not isinstance(table, dict):
        return table
    paths = [name for name, field in kind.model_fields.items() if field.annotation == Path | None]
    return table | {name: base / str(table[name]) for name in paths if table.get(name) is not None}
