"""The keys that an identity provider publishes: found by discovery, fetched with bounds, and fetched again in time."""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.config import OidcProvider
from gateway.errors import Misconfigured
from gateway.problems import Unavailable
from untrusted import Refused, read_json

_LOG = logging.getLogger("gateway.oidc")
_FRESH = timedelta(minutes=10)  # keys are asked for again after so long,
_KEPT = timedelta(hours=24)  # and believed no longer than this where the provider does not answer
_PAUSE = timedelta(minutes=1)  # between two fetches for a key that nobody knows
_FIRST_PAUSE = timedelta(seconds=5)  # where none are known yet
_MOST_BYTES = 256 * 1024
_MOST_KEYS = 50
_LEAST_RSA = 2048
_LOCAL = ("127.0.0.1", "::1", "localhost")

Key = RSAKey | ECKey | OKPKey


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A public key for signing; `algorithm` where the provider says for which one it is."""

    keyid: str | None
    algorithm: str | None
    key: Key


class _Failed(Exception):
    """What was asked for was not had; the message says why."""


class Provider:
    """One identity provider, as this process knows it."""

    def __init__(self, config: OidcProvider) -> None:
        self._config = config
        check_address(config.issuer, insecure_localhost=config.insecure_localhost)
        try:
            self._tls = ssl.create_default_context(cafile=str(config.ca) if config.ca else None)
        except OSError as error:
            raise Misconfigured(f"oidc.ca: {config.ca}: {error}") from error
        self._keys: list[PublishedKey] = []
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def keys(self, at: datetime, *, wanted: str | None = None) -> Sequence[PublishedKey]:
        """The provider's keys; asked for anew if they are old, or if one is `wanted` that is not among them.

        Raises `Unavailable` if there are none, or none that were confirmed within a day.
        """
        if not self._suffice(at, wanted):
            async with self._lock:
                if not self._suffice(at, wanted) and self._may_ask(at):
                    self._tried_at = at
                    try:
                        self._keys, self._fetched_at = await self._fetch(), at
                    except _Failed as failure:
                        _LOG.warning("the identity provider's keys cannot be had: %s", failure)
        if self._fetched_at is None or not timedelta(0) <= at - self._fetched_at < _KEPT:
            raise Unavailable(
                "the identity provider cannot be asked",
                detail_zh="暂时无法联系身份提供方",
                headers={"retry-after": "30"},
            )
        return self._keys

    def _suffice(self, at: datetime, wanted: str | None) -> bool:
        fresh = self._fetched_at is not None and timedelta(0) <= at - self._fetched_at < _FRESH
        return fresh and (wanted is None or any(one.keyid == wanted for one in self._keys))

    def _may_ask(self, at: datetime) -> bool:
        """Whether enough time has passed since the last try: strangers name keys as they like."""
        pause = _PAUSE if self._keys else _FIRST_PAUSE
        return self._tried_at is None or not timedelta(0) <= at - self._tried_at < pause

    async def _fetch(self) -> list[PublishedKey]:
        """OpenID Connect Discovery 1.0 section 4: the provider's own description, and the keys at the address there."""
        timeout = self._config.timeout_seconds
        async with httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=timeout,
            verify=self._tls,
            headers={"user-agent": "gateway"},
        ) as client:
            try:
                async with asyncio.timeout(2 * timeout):
                    issuer = self._config.issuer
                    told = await _get(client, issuer.rstrip("/") + "/.well-known/openid-configuration")
                    if told.get("issuer") != issuer:
                        raise _Failed("the description is another issuer's")
                    address = told.get("jwks_uri")
                    if not isinstance(address, str):
                        raise _Failed("the description names no keys")
                    check_address(address, insecure_localhost=self._config.insecure_localhost)
                    return read_keys(await _get(client, address))
            except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, TimeoutError, Misconfigured) as error:
                raise _Failed(f"{type(error).__name__}: {error}") from error


async def _get(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    async with client.stream("GET", address, headers={"accept": "application/json"}) as answer:
        if answer.status_code != 200:
            raise _Failed(f"{address}: status {answer.status_code}")
        body = b""
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > _MOST_BYTES:
                raise _Failed(f"{address}: more than {_MOST_BYTES} bytes")
    try:
        value = read_json(body)
    except Refused as error:
        raise _Failed(f"{address}: {error}") from error
    if not isinstance(value, dict):
        raise _Failed(f"{address}: an object is expected")
    return value


def read_keys(told: dict[str, Any]) -> list[PublishedKey]:
    """The usable keys of a JWK Set (RFC 7517 section 5): asymmetric, public, for signatures, long enough.

    What is not usable is passed over, as the standard wants it. Raises `_Failed` if it is no such set.
    """
    stated = told.get("keys")
    if not isinstance(stated, list) or len(stated) > _MOST_KEYS:
        raise _Failed("no set of keys")
    found = []
    for one in stated:
        if not isinstance(one, dict) or one.get("use") not in (None, "sig"):
            continue
        key = _import(one)
        keyid, algorithm = one.get("kid"), one.get("alg")
        if key is not None and (keyid is None or isinstance(keyid, str)):
            found.append(PublishedKey(keyid, algorithm if isinstance(algorithm, str) else None, key))
    return found


def _import(stated: dict[str, Any]) -> Key | None:
    public = {name: value for name, value in stated.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        match stated.get("kty"):
            case "RSA":
                rsa = RSAKey.import_key(public)
                return rsa if rsa.public_key.key_size >= _LEAST_RSA else None
            case "EC":
                return ECKey.import_key(public) if stated.get("crv") in ("P-256", "P-384", "P-521") else None
            case "OKP":
                return OKPKey.import_key(public) if stated.get("crv") == "Ed25519" else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None


def check_address(address: str, *, insecure_localhost: bool) -> None:
    """Raises `Misconfigured` unless the address is `https`, or of this machine where a test allows that."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError as error:
        raise Misconfigured(f"{address[:200]}: no address") from error
    local = insecure_localhost and parts.scheme == "http" and host in _LOCAL
    if not host or parts.username or parts.password or not (parts.scheme == "https" or local):
        raise Misconfigured(f"{address[:200]}: an identity provider is asked over https")
