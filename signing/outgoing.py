"""The signatures that we make on requests and responses: RFC 9421 over an RFC 9530 digest."""

from datetime import datetime

from signing.message import Content, HttpMessage, component_value, digest_of, size_of
from signing.signer import Signer
from signing.structured import Component, canonical_member, read_byte_sequences, write_byte_sequence, write_string

_TARGET = Component("@target-uri", {}, '"@target-uri"')


def sign_request(
    message: HttpMessage,
    body: bytes | Content | None,
    signer: Signer,
    created: datetime,
    nonce: str | None = None,
    *,
    expires: datetime | None = None,
    label: str = "sig1",
) -> dict[str, str]:
    """The fields to add to a request: Content-Digest where there is content, Signature-Input, Signature.

    Covers method, target URI, the digest, and Content-Type, Idempotency-Key and Batch-Lines where there are any. A
    Content-Digest that the message has already is covered as it stands. `body` None: `message.body`. Raises
    ValueError on what cannot be signed: neither nonce nor idempotency key, a value that is not printable ASCII.
    """
    if nonce is None and message.value("idempotency-key") is None:
        raise ValueError("a request is signed with a nonce or an idempotency key")
    content = message.body if body is None else body
    covered = [('"@method"', message.method), ('"@target-uri"', component_value(message, _TARGET))]
    headers = _cover_digest(message, content, covered) if size_of(content) else {}
    for name in ("content-type", "idempotency-key", "batch-lines"):
        _cover_field(message, name, covered)
    return headers | _sign(covered, signer, created, label, nonce, expires)


def sign_response(
    status: int,
    fields: tuple[tuple[str, str], ...],
    body: bytes | Content,
    signer: Signer,
    created: datetime,
    request: HttpMessage | None = None,
    *,
    request_label: str | None = None,
    label: str = "sig1",
) -> dict[str, str]:
    """The fields to add to a response: Content-Digest, Signature-Input, Signature (RFC 9421 section 2.4).

    Covers status, digest and Content-Type; of `request` its method, its target URI and its signature `request_label`
    (the only one if None), so that the answer cannot be passed off as that to another request. Raises ValueError.
    """
    message = HttpMessage("", "", fields, status=status)
    covered = [('"@status"', f"{status:03d}")]
    headers = _cover_digest(message, body, covered)
    _cover_field(message, "content-type", covered)
    if request is not None:
        covered.append(('"@method";req', request.method))
        covered.append(('"@target-uri";req', component_value(request, _TARGET)))
        if (signature := request.value("signature")) is not None:
            key = request_label or _only_label(signature)
            covered.append((f'"signature";req;key={write_string(key)}', canonical_member(signature, key)))
    return headers | _sign(covered, signer, created, label, None, None)


def _only_label(signature: str) -> str:
    labels = tuple(read_byte_sequences(signature))
    if len(labels) != 1:
        raise ValueError("the request has several signatures: say which is covered")
    return labels[0]


def _cover_digest(message: HttpMessage, content: bytes | Content, covered: list[tuple[str, str]]) -> dict[str, str]:
    """Covers Content-Digest; the field to add, unless the message has it."""
    if (sent := message.value("content-digest")) is not None:
        covered.append(('"content-digest"', sent))
        return {}
    for name in ("sha-256", "sha-512"):
        if (digest := digest_of(content, name)) is not None:
            field = f"{name}={write_byte_sequence(digest)}"
            covered.append(('"content-digest"', field))
            return {"Content-Digest": field}
    raise ValueError("the content was hashed with no algorithm of RFC 9530")


def _cover_field(message: HttpMessage, name: str, covered: list[tuple[str, str]]) -> None:
    if (value := message.value(name)) is not None:
        covered.append((f'"{name}"', value))


def _sign(
    covered: list[tuple[str, str]],
    signer: Signer,
    created: datetime,
    label: str,
    nonce: str | None,
    expires: datetime | None,
) -> dict[str, str]:
    """RFC 9421 sections 2.5 and 3.1. The algorithm is not named: it follows from the key."""
    params = f"({' '.join([name for name, _ in covered])});created={int(created.timestamp())}"
    if expires is not None:
        params += f";expires={int(expires.timestamp())}"
    params += f";keyid={write_string(signer.keyid)}"
    if nonce is not None:
        params += f";nonce={write_string(nonce)}"
    lines = [f"{name}: {value}" for name, value in covered]
    lines.append(f'"@signature-params": {params}')
    if not all(line.isascii() and line.replace("\t", " ").isprintable() for line in lines):
        raise ValueError("a covered value is not printable ASCII")
    signature = signer.sign("\n".join(lines).encode("ascii"))
    return {"Signature-Input": f"{label}={params}", "Signature": f"{label}={write_byte_sequence(signature)}"}
