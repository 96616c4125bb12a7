"""Requests that are signed elsewhere: in a browser, whose key never leaves it, or in a signing device.

unsigned = begin(url, keyid, "ecdsa-p256-sha256", "POST", "/v1/directives", body=body, content_type="application/json")
signature = …  # by WebCrypto: crypto.subtle.sign({name: "ECDSA", hash: "SHA-256"}, key, unsigned.base)
answer = unsigned.finish(signature)
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import requests
from http_message_signatures import HTTPMessageSigner
from http_message_signatures.structures import PreparedSignature

from client.calls import Answer, read_answer
from client.keys import ALGORITHMS

_LENGTH = {"ed25519": 64, "ecdsa-p256-sha256": 64}  # bytes of a signature; of ECDSA r and s, one behind the other
_COVERED = ("@method", "@target-uri")


@dataclass
class Unsigned:
    """A request that waits for its signature. `base` is what is to be signed (RFC 9421 section 2.5), byte for byte.

    It holds for five minutes, and for one sending.
    """

    base: bytes
    _prepared: PreparedSignature = field(repr=False)
    _request: requests.PreparedRequest = field(repr=False)
    _signer: HTTPMessageSigner = field(repr=False)
    _length: int = field(repr=False)
    _timeout: float = field(repr=False)

    def finish(self, signature: bytes) -> Answer:
        """Send the request under this signature: 64 bytes, as WebCrypto gives them (r and s of ECDSA, not DER).

        Raises ValueError on another length, `Problem` on a refusal, `requests.RequestException` where the network
        fails: the same call may then be made again.
        """
        if len(signature) != self._length:
            raise ValueError(f"a signature of {self._length} bytes is needed, not {len(signature)}")
        self._signer.apply(self._request, self._prepared, signature)
        with requests.Session() as session:
            return read_answer(session.send(self._request, timeout=self._timeout, allow_redirects=False))


def begin(
    url: str,
    keyid: str,
    algorithm: str,
    method: str,
    path: str,
    body: bytes | None = None,
    content_type: str | None = None,
    *,
    message_id: str | None = None,
    language: str = "zh",
    timeout: float = 60.0,
) -> Unsigned:
    """What is to be signed for this request, by the key that is registered as `keyid` for `algorithm`.

    `algorithm` is `ed25519` or `ecdsa-p256-sha256`: what browsers have. Raises ValueError on another.
    """
    if algorithm not in _LENGTH:
        raise ValueError(f"one of {', '.join(_LENGTH)} is needed, not {algorithm}")
    headers = {"accept-language": language}
    covered = list(_COVERED)
    if content_type is not None:
        headers["content-type"] = content_type
        covered.append("content-type")
    if message_id is not None:
        headers["idempotency-key"] = f'"{message_id}"'
        covered.append("idempotency-key")
    request = requests.Request(method, url.rstrip("/") + path, headers=headers, data=body or None).prepare()
    signer = HTTPMessageSigner(signature_algorithm=ALGORITHMS[algorithm])
    now = datetime.now(UTC)
    prepared = signer.prepare(
        request,
        key_id=keyid,
        created=now,
        expires=now + timedelta(minutes=5),
        nonce=secrets.token_urlsafe(18),
        covered_component_ids=covered,
        include_alg=False,
        body=body or None,
    )
    return Unsigned(prepared.signature_base, prepared, request, signer, _LENGTH[algorithm], timeout)
