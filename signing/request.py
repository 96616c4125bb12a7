"""Signed HTTP messages: RFC 9421 signatures over RFC 9530 content digests, judged and made.

A request is what it says if someone whose key is registered signed its method, its target and the digest of its
content, lately, with a nonce. That the nonce is new is not decided here: who keeps the nonces decides it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from schemas.verification import Check, Outcome, Report, conclude, failed, unknown
from signing.algorithms import find_flaw
from signing.kept import passed_again
from signing.message import DIGESTS, Content, HttpMessage, Unresolvable, component_value, digest_of, size_of
from signing.outgoing import sign_request, sign_response
from signing.structured import SignatureInput, read_byte_sequences, read_signature_inputs

__all__ = [
    "ALGORITHMS",
    "REQUEST",
    "RESPONSE",
    "Content",
    "HttpMessage",
    "RequestKey",
    "RequestSignature",
    "Required",
    "judge_request",
    "sign_request",
    "sign_response",
    "verify_request",
]

MAX_AGE = timedelta(minutes=5)
MAX_SKEW = timedelta(seconds=60)
ALGORITHMS = frozenset({"ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha512", "sm2-sm3"})
"""What a message may be signed with: the registered asymmetric names of RFC 9421 with a modern padding, and SM2."""

_NONCE_MAX = 256
_LAST_SECOND = 253_402_300_799  # of the year 9999


@dataclass(frozen=True, slots=True)
class Required:
    """What a signature must cover at least, as it stands.

    `digest`: Content-Digest where there is content. `nonce`: a parameter `nonce`, or the field Idempotency-Key covered.
    """

    components: tuple[str, ...]
    digest: bool = True
    nonce: bool = True


REQUEST = Required(("@method", "@target-uri"))
RESPONSE = Required(("@status",), nonce=False)


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A registered key: `spki` in DER, its one algorithm, whose it is, and when it holds (`not_after` exclusive)."""

    keyid: str
    algorithm: str
    spki: bytes
    not_before: datetime
    not_after: datetime
    owner: str


@dataclass(frozen=True, slots=True)
class RequestSignature:
    """A signature that held, as evidence: `base` is what was signed, `covered` the identifiers as they stand in it."""

    label: str
    keyid: str
    algorithm: str
    created: datetime
    expires: datetime | None
    nonce: str | None
    covered: tuple[str, ...]
    base: bytes
    signature: bytes


def verify_request(request: HttpMessage, *, keys: Callable[[str], RequestKey | None], at: datetime) -> Report:
    """Judge the signature on `request` as of `at`, with what the gateway requires. Nothing raises."""
    return judge_request(request, None, keys=keys, at=at)[1]


def judge_request(
    message: HttpMessage,
    body: bytes | Content | None,
    *,
    keys: Callable[[str], RequestKey | None],
    at: datetime,
    max_age: timedelta = MAX_AGE,
    required: Required = REQUEST,
) -> tuple[RequestSignature | None, Report]:
    """Judge the signature on a request, or on a response: the signature if it passed, and the report.

    `body` is the content as received, or what a stream of it came to; None: `message.body`. `keys` finds a registered
    key by its id. Of several signatures the first that passes counts; if none does, the one that fails the least.
    """
    subject = "request" if message.status is None else "response"
    content = message.body if body is None else body
    digest = _check_digest(subject, message, content, required)
    candidates, present = _read_candidates(subject, message)
    best: tuple[Check, ...] = ()
    for candidate in candidates:
        signature, checks, basis = _judge_candidate(candidate, subject, message, content, keys, at, max_age, required)
        checks = (present, digest, *checks)
        if all(check.outcome is Outcome.PASSED for check in checks):
            return signature, conclude(subject, at=at, checks=checks, basis=basis)
        if not best or _failures(checks) < _failures(best):
            best = checks
    return None, conclude(subject, at=at, checks=best or (present, digest))


@dataclass(frozen=True, slots=True)
class _Candidate:
    label: str
    given: SignatureInput
    signature: bytes


def _read_candidates(subject: str, message: HttpMessage) -> tuple[tuple[_Candidate, ...], Check]:
    """RFC 9421 section 4: the labels that stand in both fields."""
    rule = f"{subject}.signature-present"
    inputs_field, signatures_field = message.value("signature-input"), message.value("signature")
    if inputs_field is None or signatures_field is None:
        return (), failed(rule, "missing")
    try:
        inputs, signatures = read_signature_inputs(inputs_field), read_byte_sequences(signatures_field)
    except ValueError as error:
        return (), failed(rule, "malformed", detail=_shown(str(error)))
    both = tuple(_Candidate(label, inputs[label], signatures[label]) for label in inputs if label in signatures)
    return both, passed_again(rule) if both else failed(rule, "no-common-label")


def _judge_candidate(
    candidate: _Candidate,
    subject: str,
    message: HttpMessage,
    content: bytes | Content,
    keys: Callable[[str], RequestKey | None],
    at: datetime,
    max_age: timedelta,
    required: Required,
) -> tuple[RequestSignature | None, tuple[Check, ...], dict[str, str]]:
    """Every check of one signature that can run, and the signature if it could be computed at all."""
    params = candidate.given.params
    covered = _check_covered(subject, candidate.given, content, required)
    base, components = _check_components(subject, candidate.given, message)
    created, created_check = _check_created(subject, params, at, max_age)
    expires, expires_check = _check_expires(subject, params, at)
    nonce_check = _check_nonce(subject, candidate.given, required)
    key, known = _check_key_known(subject, params, keys)
    checks = [covered, components, created_check, expires_check, nonce_check, known]
    if key is None:
        return None, tuple(checks), {}
    checks += [_check_key_valid(subject, key, at), _check_algorithm(subject, key, params)]
    if base is None:
        return None, tuple(checks), {}
    checks.append(_check_signature(subject, key, base, candidate.signature))
    basis = {"keyid": key.keyid, "owner": key.owner, "key": f"sha256:{sha256(key.spki).hexdigest()}"}
    if created is None:
        return None, tuple(checks), basis
    signature = RequestSignature(
        candidate.label,
        key.keyid,
        key.algorithm,
        created,
        expires,
        params.get("nonce"),
        tuple(component.text for component in candidate.given.components),
        base,
        candidate.signature,
    )
    return signature, tuple(checks), basis


def _check_digest(subject: str, message: HttpMessage, content: bytes | Content, required: Required) -> Check:
    """RFC 9530 section 2: every digest whose algorithm is known is the content's, and there is one."""
    rule = f"{subject}.content-digest"
    field = message.value("content-digest")
    if field is None:
        return failed(rule, "missing") if size_of(content) and required.digest else passed_again(rule)
    try:
        digests = read_byte_sequences(field)
    except ValueError as error:
        return failed(rule, "malformed", detail=_shown(str(error)))
    known = [name for name in digests if name in DIGESTS]
    if not known:
        return failed(rule, "unsupported", algorithms=[_shown(name) for name in digests])
    for name in known:
        actual = digest_of(content, name)
        if actual is None:
            return unknown(rule, "not-computed", algorithm=name)
        if actual != digests[name]:
            return failed(rule, "mismatch", algorithm=name, sent=digests[name][:64].hex(), actual=actual.hex())
    return passed_again(rule)


def _check_covered(subject: str, given: SignatureInput, content: bytes | Content, required: Required) -> Check:
    """What must be covered is, as it stands: a parameter such as `req` makes it something else."""
    plain = {component.name for component in given.components if not component.params}
    absent = [name for name in required.components if name not in plain]
    if (
        required.digest
        and size_of(content)
        and not any(_covers_digest(component.name, component.params) for component in given.components)
    ):
        absent.append("content-digest")
    if absent:
        return failed(f"{subject}.covered-components", "not-covered", missing=absent)
    return passed_again(f"{subject}.covered-components")


def _covers_digest(name: str, params: Mapping[str, Any]) -> bool:
    """The whole field, in any of its forms, or the member of an algorithm that is compared with the content."""
    return name == "content-digest" and "req" not in params and params.get("key", "sha-256") in DIGESTS


def _check_components(subject: str, given: SignatureInput, message: HttpMessage) -> tuple[bytes | None, Check]:
    """RFC 9421 section 2.5: the signature base can be built from this message."""
    rule = f"{subject}.components"
    lines, seen = [], set()
    for component in given.components:
        if component.identity in seen:
            return None, failed(rule, "duplicate-component", component=_shown(component.text))
        seen.add(component.identity)
        try:
            lines.append(f"{component.text}: {component_value(message, component)}\n")
        except Unresolvable as error:
            return None, failed(rule, error.reason, component=_shown(component.text))
    lines.append(f'"@signature-params": {given.text}')
    return "".join(lines).encode("ascii"), passed_again(rule)


def _check_created(
    subject: str, params: Mapping[str, Any], at: datetime, max_age: timedelta
) -> tuple[datetime | None, Check]:
    """RFC 9421 section 2.3: an Integer; not older than `max_age`, not later than a minute from `at`."""
    rule = f"{subject}.created"
    if "created" not in params:
        return None, failed(rule, "missing")
    created = _moment(params["created"])
    if created is None:
        return None, failed(rule, "malformed")
    if at - created > max_age:
        return created, failed(
            rule, "too-old", created=created.isoformat(), at=at.isoformat(), max_age=int(max_age.total_seconds())
        )
    if created - at > MAX_SKEW:
        return created, failed(rule, "in-future", created=created.isoformat(), at=at.isoformat())
    return created, passed_again(rule)


def _check_expires(subject: str, params: Mapping[str, Any], at: datetime) -> tuple[datetime | None, Check]:
    """RFC 9421 section 2.3: after `expires` the signature is no longer valid."""
    rule = f"{subject}.expires"
    if "expires" not in params:
        return None, passed_again(rule)
    expires = _moment(params["expires"])
    if expires is None:
        return None, failed(rule, "malformed")
    if at > expires:
        return expires, failed(rule, "expired", expires=expires.isoformat(), at=at.isoformat())
    return expires, passed_again(rule)


def _check_nonce(subject: str, given: SignatureInput, required: Required) -> Check:
    """Something in the signature is unique: a nonce, or the idempotency key of the request."""
    rule = f"{subject}.nonce"
    nonce = given.params.get("nonce")
    if nonce is not None and (type(nonce) is not str or not 0 < len(nonce) <= _NONCE_MAX):
        return failed(rule, "malformed")
    by_key = any(
        part.name == "idempotency-key" and not part.params.keys() & {"req", "key"} for part in given.components
    )
    if nonce is None and not by_key and required.nonce:
        return failed(rule, "missing")
    return passed_again(rule)


def _check_key_known(
    subject: str, params: Mapping[str, Any], keys: Callable[[str], RequestKey | None]
) -> tuple[RequestKey | None, Check]:
    """The key that the signature names is registered."""
    rule = f"{subject}.key-known"
    keyid = params.get("keyid")
    if type(keyid) is not str:
        return None, failed(rule, "missing" if keyid is None else "malformed")
    key = keys(keyid)
    if key is None:
        return None, failed(rule, "unknown", keyid=_shown(keyid))
    return key, passed_again(rule, keyid=keyid, owner=key.owner)


def _check_key_valid(subject: str, key: RequestKey, at: datetime) -> Check:
    """The key holds at that moment."""
    rule = f"{subject}.key-valid"
    if at < key.not_before:
        return failed(rule, "not-yet-valid", not_before=key.not_before.isoformat())
    if at >= key.not_after:
        return failed(rule, "expired", not_after=key.not_after.isoformat())
    return passed_again(rule)


def _check_algorithm(subject: str, key: RequestKey, params: Mapping[str, Any]) -> Check:
    """RFC 9421 section 3.2 step 6: the algorithm follows from the key; one that the message names is the same."""
    rule = f"{subject}.algorithm"
    if key.algorithm not in ALGORITHMS:
        return failed(rule, "unsupported", registered=key.algorithm)
    if "alg" in params and (type(params["alg"]) is not str or params["alg"] != key.algorithm):
        return failed(rule, "mismatch", registered=key.algorithm)
    return passed_again(rule, algorithm=key.algorithm)


def _check_signature(subject: str, key: RequestKey, base: bytes, signature: bytes) -> Check:
    """RFC 9421 section 3.2 step 7: the registered key made this signature over this base."""
    rule = f"{subject}.signature"
    flaw = find_flaw(key.algorithm, key.spki, base, signature, encoding="raw")
    if flaw is None:
        return passed_again(rule)
    reason = {"signature.key": "key-unusable", "signature.algorithm": "key-unusable", "signature.encoding": "malformed"}
    return failed(rule, reason.get(flaw.rule, "mismatch"))


def _moment(value: object) -> datetime | None:
    """An Integer of seconds since 1970 as a moment; None for anything else."""
    if type(value) is not int or not 0 <= value <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(value, UTC)


def _failures(checks: tuple[Check, ...]) -> int:
    return sum(check.outcome is not Outcome.PASSED for check in checks)


def _shown(text: str) -> str:
    """What a stranger wrote, in a length and alphabet that can be shown."""
    return text[:120].encode("ascii", "backslashreplace").decode("ascii")
