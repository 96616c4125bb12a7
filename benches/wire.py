"""Requests as bytes on the wire, signed: what an insurer's system sends."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.keys import Key
from signing.request import HttpMessage, sign_request
from signing.signer import load_signer


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A request before it has an address and a signature."""

    method: str
    path: str
    content_type: str = ""
    body: bytes = b""


def submission(body: bytes, content_type: str = "application/json") -> Unsigned:
    """A message to the gateway."""
    return Unsigned("POST", "/v1/submissions", content_type, body)


def document(content: bytes, media_type: str) -> Unsigned:
    """A sealed document to the gateway."""
    return Unsigned("PUT", f"/v1/documents/{hashlib.sha256(content).hexdigest()}", media_type, content)


def sign_all(requests: Iterable[Unsigned], key: Key, port: int) -> list[bytes]:
    """Each request as raw HTTP/1.1 for 127.0.0.1:`port`, signed now, each with its own nonce."""
    signer = load_signer(key.pem, keyid=key.keyid)
    now = datetime.now(UTC)
    host = f"127.0.0.1:{port}"
    signed = []
    for request in requests:
        fields = (("content-type", request.content_type),) if request.content_type else ()
        message = HttpMessage(method=request.method, target_uri=f"http://{host}{request.path}", fields=fields)
        added = sign_request(message, request.body, signer, now, secrets.token_urlsafe(18))
        lines = [f"{request.method} {request.path} HTTP/1.1", f"host: {host}", f"content-length: {len(request.body)}"]
        lines += [f"{name.lower()}: {value}" for name, value in (*fields, *added.items())]
        signed.append("\r\n".join(lines).encode() + b"\r\n\r\n" + request.body)
    return signed
