"""An identity provider's word on who somebody is: an ID token (OpenID Connect Core 1.0), judged against its keys.

The page that people see leads them through the code flow and gets the token; nothing of that is believed here. What
counts is the token's signature by a key that the provider publishes, and what it says.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.access.provider import Provider, PublishedKey
from gateway.config import OidcProvider
from gateway.problems import NotAuthenticated
from schemas.verification import failed
from untrusted import Refused, read_json

LONGEST = 16 * 1024  # characters of a token
_COMPACT = re.compile(r"[0-9A-Za-z_-]{1,4000}\.[0-9A-Za-z_-]{1,16000}\.[0-9A-Za-z_-]{1,2000}")
_SKEW = timedelta(seconds=60)
_LATEST = 253_402_300_799  # the last second of the year 9999
_FITTING: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {
    "RS": RSAKey,
    "PS": RSAKey,
    "ES": ECKey,
    "Ed": OKPKey,
}


@dataclass(frozen=True, slots=True)
class Stated:
    """What a token states that held: who, which participant, and what makes this token this one."""

    subject: str
    display_name: str
    participant: str
    value: str  # of the claim that named the participant
    digest: bytes  # SHA-256 of what the provider signed; a token opens one session
    expires_at: datetime


class Refusal(NotAuthenticated):
    """The token does not say, to us and now, who somebody is."""

    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(
            "the identity provider's token is not accepted",
            detail_zh="不接受身份提供方的令牌",
            checks=[failed("oidc.token", reason, field="id_token", **facts)],
        )


async def judge(token: str, nonce: str, provider: Provider, config: OidcProvider, at: datetime) -> Stated:
    """What this token states, if the provider signed it for us, now, for the sign-in that began with `nonce`.

    OpenID Connect Core 1.0 section 3.1.3.7. Raises `Refusal` with the first thing that does not hold, or `Unavailable`
    while the provider's keys cannot be had. Whether the token was used before is for the caller to see.
    """
    header, signed = _read(token)
    algorithm = header.get("alg")
    if algorithm not in config.algorithms or "crit" in header:
        raise Refusal("algorithm", alg=str(algorithm)[:40])
    keyid = header.get("kid")
    published = await provider.keys(at, wanted=keyid if isinstance(keyid, str) else None)
    keys = fitting(published, algorithm, keyid)
    if not keys:
        raise Refusal("key-unknown", kid=str(keyid)[:100])
    payload = _verify(token, algorithm, keys)
    expires_at = _claims(payload, nonce, config, at)
    subject, name = _who(payload, config)
    value, participant = _participant(payload, config)
    return Stated(subject, name, participant, value, hashlib.sha256(signed).digest(), expires_at)


def _read(token: str) -> tuple[dict[str, Any], bytes]:
    """The header, and what is signed: it is one for each token, while a signature may have several forms."""
    if len(token) > LONGEST or not _COMPACT.fullmatch(token):
        raise Refusal("malformed")
    head, payload, _ = token.split(".")
    return _object(head), f"{head}.{payload}".encode()


def _object(part: str) -> dict[str, Any]:
    try:
        value = read_json(base64.urlsafe_b64decode(part + "=="))
    except (Refused, ValueError) as error:
        raise Refusal("malformed") from error
    if not isinstance(value, dict):
        raise Refusal("malformed")
    return value


def fitting(keys: Sequence[PublishedKey], algorithm: str, keyid: object) -> list[PublishedKey]:
    """The keys that may have signed: of the algorithm's kind, for signing, under this id if one is named."""
    kind = _FITTING[algorithm[:2]]
    return [
        one
        for one in keys
        if isinstance(one.key, kind)
        and one.algorithm in (None, algorithm)
        and (keyid is None or one.keyid == keyid)
        and (keyid is not None or len(keys) == 1)
    ]


def _verify(token: str, algorithm: str, keys: Sequence[PublishedKey]) -> dict[str, Any]:
    for one in keys[:5]:
        try:
            found = jws.deserialize_compact(token, one.key, algorithms=[algorithm])
        except (JoseError, ValueError):
            continue
        try:
            value = read_json(found.payload or b"")
        except Refused as error:
            raise Refusal("malformed") from error
        if not isinstance(value, dict):
            raise Refusal("malformed")
        return value
    raise Refusal("signature")


def _claims(payload: Mapping[str, Any], nonce: str, config: OidcProvider, at: datetime) -> datetime:
    """The moment until which the token holds, if it is for us, now, and for this sign-in."""
    if payload.get("iss") != config.issuer:
        raise Refusal("issuer")
    stated = payload.get("aud")
    audience = [stated] if isinstance(stated, str) else stated
    if not isinstance(audience, list) or config.client_id not in audience:
        raise Refusal("audience")
    authorized = payload.get("azp")
    if authorized is None and len(audience) > 1:
        raise Refusal("audience")
    if authorized is not None and authorized != config.client_id:
        raise Refusal("audience")
    expires, issued = _moment(payload, "exp"), _moment(payload, "iat")
    if at >= expires:
        raise Refusal("expired")
    if issued > at + _SKEW or ("nbf" in payload and _moment(payload, "nbf") > at + _SKEW):
        raise Refusal("not-yet")
    if at - issued > timedelta(seconds=config.max_age_seconds) + _SKEW:
        raise Refusal("too-old")
    said = payload.get("nonce")
    if not isinstance(said, str) or not secrets.compare_digest(said.encode(), nonce.encode()):
        raise Refusal("nonce")
    return expires


def _moment(payload: Mapping[str, Any], name: str) -> datetime:
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LATEST:
        raise Refusal("malformed", claim=name)
    return datetime.fromtimestamp(value, UTC)


def _who(payload: Mapping[str, Any], config: OidcProvider) -> tuple[str, str]:
    subject = payload.get(config.user_claim)
    if not isinstance(subject, str) or not 0 < len(subject) <= 200 or not subject.isprintable():
        raise Refusal("no-user", claim=config.user_claim)
    name = payload.get(config.name_claim)
    return subject, name[:100] if isinstance(name, str) and name.strip() and name.isprintable() else subject[:100]


def _participant(payload: Mapping[str, Any], config: OidcProvider) -> tuple[str, str]:
    """The claim's value, one or a list, and the one participant for which the configuration allows it."""
    claim = payload.get(config.participant_claim)
    values = [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else []
    found = {value: config.allowed[value] for value in values if isinstance(value, str) and value in config.allowed}
    if not found:
        raise Refusal("participant", claim=config.participant_claim)
    if len(set(found.values())) > 1:
        raise Refusal("several-participants", claim=config.participant_claim)
    return sorted(found.items())[0]


def credential_of(issuer: str, value: str) -> bytes:
    """What a session by this provider rests on: when the configuration no longer allows it, the session is over."""
    return hashlib.sha256(json.dumps(["oidc", issuer, value]).encode()).digest()


def still_allowed(config: OidcProvider | None, participant: str, credential: bytes) -> bool:
    """Whether the configuration still allows what a session rests on."""
    return config is not None and any(
        code == participant and secrets.compare_digest(credential_of(config.issuer, value), credential)
        for value, code in config.allowed.items()
    )
